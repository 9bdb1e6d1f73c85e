//! The keepers of images, networks and volumes on an engine from a script, on paused time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use longshore_core::{
    Attributes, ContainerId, Event, EventType, Image, ImageConfig, Network, NetworkDriver, NetworkId,
    NetworkMember, Scope, Timestamp, Volume,
};
use proptest::prelude::*;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::source::RawLine;
use crate::testing::{Scripted, script};

fn line(n: i64, kind: EventType, action: &str, id: &str) -> RawLine {
    let event = Event {
        kind,
        action: action.into(),
        id: id.into(),
        attributes: Attributes::default(),
        scope: Scope::Local,
        at: Timestamp::from_secs(n),
    };
    (LineId::of(format!("{n} {action} {id}").as_bytes()), Some(event))
}

fn image(id: &str, tags: &[String]) -> Image {
    Image {
        id: id.to_owned(),
        tags: tags.to_vec(),
        digests: Vec::new(),
        parent: String::new(),
        created: None,
        author: String::new(),
        comment: String::new(),
        platform: None,
        size: 1,
        layers: Vec::new(),
        config: ImageConfig::default(),
        manifests: Vec::new(),
    }
}

fn network(id: &str, members: &[&str]) -> Network {
    let member = |id: &&str| NetworkMember {
        container: ContainerId::new(id).ok(),
        name: (*id).to_owned(),
        mac: String::new(),
        ipv4: None,
        ipv6: None,
    };
    Network {
        id: NetworkId::new(id).unwrap(),
        name: format!("name-{id}"),
        created: None,
        driver: NetworkDriver::Bridge,
        scope: Scope::Local,
        ipv4: None,
        ipv6: false,
        internal: false,
        attachable: false,
        ingress: false,
        ipam_driver: String::new(),
        pools: Vec::new(),
        options: BTreeMap::new(),
        labels: BTreeMap::new(),
        containers: members.iter().map(member).collect(),
        services: Vec::new(),
        peers: Vec::new(),
    }
}

fn volume(name: &str, made: i64) -> Volume {
    Volume {
        name: name.to_owned(),
        driver: "local".into(),
        mountpoint: String::new(),
        created: Some(Timestamp::from_secs(made)),
        scope: Scope::Local,
        options: longshore_core::DriverOptions::default(),
        labels: BTreeMap::new(),
        usage: None,
    }
}

fn set_images(script: &Scripted, images: &[Image]) {
    let by_id = images.iter().map(|image| (image.id.clone(), image.clone()));
    *script.images.lock().unwrap() = by_id.collect();
}

/// Waits, without the regular list's help, until a mirror shows exactly what the script has.
async fn becomes<T: crate::Mirrored>(mirror: &Mirror<T>, truth: impl Fn() -> BTreeMap<T::Id, T>) {
    let mut updates = mirror.subscribe();
    let equal = async {
        loop {
            let snapshot = mirror.snapshot();
            let shown: BTreeMap<T::Id, T> = snapshot
                .objects()
                .iter()
                .map(|object| (object.id().clone(), T::clone(object)))
                .collect();
            if shown == truth() {
                return;
            }
            updates.next().await.expect("the watch lives");
        }
    };
    let waited = timeout(Duration::from_secs(60), equal).await;
    waited.unwrap_or_else(|_| panic!("shown {:?}, is {:?}", mirror.snapshot(), truth()));
}

async fn started(script: &Arc<Scripted>) -> (Watch, mpsc::Sender<RawLine>) {
    let stream = script.stream(vec![line(1, EventType::Daemon, "reload", "engine")]);
    let config = WatchConfig::default().rotate_every(Duration::from_secs(86_400));
    let watch = Watch::start_with(Arc::clone(script), config);
    timeout(Duration::from_secs(60), watch.ready())
        .await
        .expect("ready");
    (watch, stream)
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_nobody_asked_for_costs_no_call() {
    let script = script();
    let stream = script.stream(vec![line(1, EventType::Volume, "create", "v")]);
    script.volumes.lock().unwrap().insert("v".into(), volume("v", 1));
    let watch = Watch::start_with(Arc::clone(&script), WatchConfig::default());
    watch.mirror().ready().await;
    assert_eq!(watch.counters().lists, 1, "the containers");
    watch.volumes().ready().await;
    assert!(watch.volumes().find("v").is_ok());
    assert_eq!((watch.counters().lists, watch.counters().inspects), (2, 1));
    drop(stream);
    watch.stop().await;
    assert!(watch.volumes().subscribe().next().await.is_none(), "closed");
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_moves_is_taken_from_the_image_that_had_it() {
    let script = script();
    let tag = ["web:latest".to_owned()];
    set_images(&script, &[image("sha256:a1", &tag), image("sha256:b2", &[])]);
    let (watch, stream) = started(&script).await;
    let images = watch.images();
    assert_eq!(images.find("web").unwrap().id, "sha256:a1");
    assert_eq!(images.find("b2").unwrap().id, "sha256:b2");
    set_images(&script, &[image("sha256:a1", &[]), image("sha256:b2", &tag)]);
    stream
        .send(line(2, EventType::Image, "tag", "sha256:b2"))
        .await
        .unwrap();
    becomes(&images, || script.images.lock().unwrap().clone()).await;
    assert_eq!(images.find("web").unwrap().id, "sha256:b2");
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_renamed_container_has_its_new_name_on_its_networks() {
    let script = script();
    let put = |network: Network| {
        script
            .networks
            .lock()
            .unwrap()
            .insert(network.id.clone(), network)
    };
    put(network("aa", &["c1"]));
    put(network("bb", &[]));
    let (watch, stream) = started(&script).await;
    let inspects = watch.counters().inspects;
    let mut renamed = network("aa", &["c1"]);
    renamed.containers[0].name = "new".into();
    put(renamed);
    stream
        .send(line(2, EventType::Container, "rename", "c1"))
        .await
        .unwrap();
    becomes(&watch.networks(), || script.networks.lock().unwrap().clone()).await;
    assert!(watch.counters().inspects - inspects <= 2, "it and the container");
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_happened_in_a_gap_is_found() {
    let script = script();
    script.volumes.lock().unwrap().insert("v".into(), volume("v", 1));
    let (watch, stream) = started(&script).await;
    let volumes = watch.volumes();
    script.volumes.lock().unwrap().insert("v".into(), volume("v", 2));
    script.volumes.lock().unwrap().insert("w".into(), volume("w", 3));
    // Another engine, as far as its events tell: none of the known lines is there.
    let _again = script.stream(vec![line(9, EventType::Daemon, "reload", "restarted")]);
    drop(stream);
    becomes(&volumes, || script.volumes.lock().unwrap().clone()).await;
    assert_eq!(watch.counters().gaps.iter().sum::<u64>(), 1);
    watch.stop().await;
}

#[derive(Debug, Clone)]
enum Step {
    Tag(u8, u8),
    Delete(u8),
    Make(u8),
    Remove(u8),
    Fail(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u8..5, 0u8..4).prop_map(|(image, tag)| Step::Tag(image, tag)),
        2 => (0u8..5).prop_map(Step::Delete),
        3 => (0u8..4).prop_map(Step::Make),
        2 => (0u8..4).prop_map(Step::Remove),
        1 => any::<bool>().prop_map(Step::Fail),
    ];
    prop::collection::vec(step, 1..40)
}

/// Does one step on the engine, and gives its event.
fn act(script: &Scripted, n: i64, step: &Step) -> Option<RawLine> {
    match step {
        Step::Tag(to, tag) => {
            let (id, tag) = (format!("sha256:{to}"), format!("t{tag}:latest"));
            let mut images = script.images.lock().unwrap();
            for image in images.values_mut() {
                image.tags.retain(|own| *own != tag);
            }
            let target = images.entry(id.clone()).or_insert_with(|| image(&id, &[]));
            target.tags.push(tag);
            // Their order means nothing, and a list that differs in it only is no news.
            target.tags.sort();
            Some(line(n, EventType::Image, "tag", &id))
        }
        Step::Delete(which) => {
            let id = format!("sha256:{which}");
            script.images.lock().unwrap().remove(&id)?;
            Some(line(n, EventType::Image, "delete", &id))
        }
        Step::Make(which) => {
            let name = format!("v{which}");
            let made = volume(&name, n);
            script.volumes.lock().unwrap().insert(name.clone(), made);
            Some(line(n, EventType::Volume, "create", &name))
        }
        Step::Remove(which) => {
            let name = format!("v{which}");
            script.volumes.lock().unwrap().remove(&name)?;
            Some(line(n, EventType::Volume, "destroy", &name))
        }
        Step::Fail(fails) => {
            script
                .is_failing
                .store(*fails, std::sync::atomic::Ordering::Relaxed);
            None
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens, and whichever calls fail meanwhile: once it is quiet, the mirrors are equal to the engine.
    #[test]
    fn once_it_is_quiet_the_mirrors_equal_the_engine(steps in steps(), pauses in any::<u64>()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let script = script();
            let (watch, stream) = started(&script).await;
            for (at, step) in steps.iter().enumerate() {
                if let Some(line) = act(&script, i64::try_from(at).unwrap() + 2, step) {
                    stream.send(line).await.unwrap();
                }
                if pauses >> (at % 64) & 1 == 1 {
                    tokio::task::yield_now().await;
                    tokio::time::advance(Duration::from_millis(7)).await;
                }
            }
            script.is_failing.store(false, std::sync::atomic::Ordering::Relaxed);
            becomes(&watch.images(), || script.images.lock().unwrap().clone()).await;
            becomes(&watch.volumes(), || script.volumes.lock().unwrap().clone()).await;
            let names: BTreeSet<String> = script.volumes.lock().unwrap().keys().cloned().collect();
            for name in names {
                assert!(watch.volumes().find(&name).is_ok());
            }
            watch.stop().await;
        });
    }
}
