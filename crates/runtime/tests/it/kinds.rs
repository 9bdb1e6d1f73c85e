//! The mirrors of images, networks and volumes on real engines. Others use them too, so only what is ours is compared.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use longshore_core::{Image, Network, NetworkId, NetworkSpec, ObjectRef, Volume, VolumeSpec};
use longshore_engine::{Engine, InspectImage, ListImages, ListNetworks, ListVolumes};
use longshore_runtime::{Backoff, Mirror, Mirrored, Watch};
use longshore_testkit::fake::{FakeConfig, FakeEngine, Restart};
use longshore_testkit::lease::{Lease, on_each};
use longshore_testkit::sized;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::account::{engine, hasty, live};

/// Sends one call past every crate under test, as another client would.
async fn done(lease: &Lease, method: &str, path: &str, body: Option<Value>) -> String {
    let answer = lease.call(method, path, body.as_ref()).await.unwrap();
    assert!(
        answer.status() < 400,
        "{method} {path}: {} {}",
        answer.status(),
        answer.text()
    );
    let id = answer.json::<Value>().map(|body| body["Id"].clone());
    id.ok()
        .and_then(|id| id.as_str().map(str::to_owned))
        .unwrap_or_default()
}

type Shown<T> = BTreeMap<<T as Mirrored>::Id, T>;

fn shown<T: Mirrored>(mirror: &Mirror<T>, is_ours: impl Fn(&T) -> bool) -> Shown<T> {
    let snapshot = mirror.snapshot();
    let ours = snapshot.objects().iter().filter(|object| is_ours(object));
    ours.map(|object| (object.id().clone(), T::clone(object)))
        .collect()
}

fn compare<T: Debug + PartialEq>(truth: &T, shown: &T) -> Result<(), String> {
    if truth == shown {
        return Ok(());
    }
    Err(format!("is {truth:#?}, shown {shown:#?}"))
}

/// Engines keep names, and who is on a network, in maps.
fn sorted_image(mut image: Image) -> Image {
    image.tags.sort();
    image.digests.sort();
    image
}

fn sorted_network(mut network: Network) -> Network {
    network.containers.sort_by(|a, b| a.name.cmp(&b.name));
    network
}

/// Waits until the mirrors show what a full list and an inspect of each show.
pub(crate) async fn mirrors_equal_inspects(lease: &Lease, client: &Engine, watch: &Watch) {
    let end = Instant::now() + Duration::from_secs(10);
    let (mut images, mut networks, mut volumes) = (
        watch.images().subscribe(),
        watch.networks().subscribe(),
        watch.volumes().subscribe(),
    );
    while let Err(difference) = equal_inspects(lease, client, watch).await {
        assert!(Instant::now() < end, "a mirror differs: {difference}");
        // Whatever changes next may make them equal; so may a change that the inspects above were too late for.
        let change = async {
            tokio::select! {
                _ = images.next() => {}
                _ = networks.next() => {}
                _ = volumes.next() => {}
            }
        };
        let _ = timeout(Duration::from_millis(100), change).await;
    }
}

async fn equal_inspects(lease: &Lease, client: &Engine, watch: &Watch) -> Result<(), String> {
    let ours = lease.name("");
    let mut images = BTreeMap::new();
    let all = ListImages {
        all: true,
        ..ListImages::default()
    };
    for one in client.list_images(&all).await.unwrap() {
        let reference = one.id.parse().unwrap();
        if let Ok(found) = client.inspect_image(&reference, &InspectImage::default()).await
            && found.tags.iter().any(|tag| tag.contains(&ours))
        {
            images.insert(found.id.clone(), sorted_image(found));
        }
    }
    let mut networks = BTreeMap::<NetworkId, Network>::new();
    for one in client.list_networks(&ListNetworks::default()).await.unwrap() {
        if one.name.starts_with(&ours)
            && let Ok(found) = client
                .inspect_network(&ObjectRef::new(one.id.as_str()).unwrap())
                .await
        {
            networks.insert(found.id.clone(), sorted_network(found));
        }
    }
    let mut volumes = BTreeMap::<String, Volume>::new();
    for one in client
        .list_volumes(&ListVolumes::default())
        .await
        .unwrap()
        .volumes
    {
        if one.name.starts_with(&ours)
            && let Ok(found) = client.inspect_volume(&ObjectRef::new(&one.name).unwrap()).await
        {
            volumes.insert(found.name.clone(), found);
        }
    }
    let is_ours = |image: &Image| image.tags.iter().any(|tag| tag.contains(&ours));
    let shown_images = shown(&watch.images(), is_ours).into_iter();
    let shown_images: BTreeMap<_, _> = shown_images
        .map(|(id, image)| (id, sorted_image(image)))
        .collect();
    compare(&images, &shown_images)?;
    let shown_networks = shown(&watch.networks(), |network| network.name.starts_with(&ours)).into_iter();
    let shown_networks: BTreeMap<_, _> = shown_networks
        .map(|(id, network)| (id, sorted_network(network)))
        .collect();
    compare(&networks, &shown_networks)?;
    compare(
        &volumes,
        &shown(&watch.volumes(), |volume| volume.name.starts_with(&ours)),
    )
}

/// One round of what another client does. What it leaves goes with `clear`.
pub(crate) async fn churn(lease: &Lease, round: usize) {
    let name = |what: &str| lease.name(&format!("{what}-{round}"));
    let labels = json!({ "io.longshore.test": lease.run_id() });
    for volume in [name("stays"), name("goes")] {
        let spec = json!({ "Name": volume, "Labels": labels });
        done(lease, "POST", "/volumes/create", Some(spec)).await;
    }
    done(lease, "DELETE", &format!("/volumes/{}", name("goes")), None).await;
    let network = |name: String| json!({ "Name": name, "Driver": "bridge", "Labels": labels });
    let stays = done(lease, "POST", "/networks/create", Some(network(name("stays")))).await;
    let goes = done(lease, "POST", "/networks/create", Some(network(name("goes")))).await;
    done(lease, "DELETE", &format!("/networks/{goes}"), None).await;
    let spec = json!({
        "Cmd": ["sleep", "600"],
        "HostConfig": { "Init": true, "NetworkMode": name("stays") },
    });
    let member = lease.create(&format!("member-{round}"), spec).await.unwrap();
    done(lease, "POST", &format!("/containers/{member}/start"), None).await;
    let renamed = name("renamed");
    done(
        lease,
        "POST",
        &format!("/containers/{member}/rename?name={renamed}"),
        None,
    )
    .await;
    if round % 2 == 1 {
        done(lease, "POST", &format!("/containers/{member}/kill"), None).await;
    }
    assert!(!stays.is_empty());
    // Two images; the name `moved` goes from the first to the second, of which no event about the first tells.
    for (step, image) in [name("one"), name("two")].iter().enumerate() {
        let path = format!("/commit?container={member}&repo={image}&tag=v1&comment={step}");
        done(lease, "POST", &path, Some(json!({}))).await;
        let tag = format!("/images/{image}:v1/tag?repo={}&tag=v1", name("moved"));
        done(lease, "POST", &tag, None).await;
    }
    if round % 2 == 1 {
        done(lease, "DELETE", &format!("/images/{}:v1", name("one")), None).await;
    }
}

async fn clear(lease: &Lease, rounds: usize) {
    for round in 0..rounds {
        let name = |what: &str| lease.name(&format!("{what}-{round}"));
        lease.remove(&name("renamed")).await.unwrap();
        done(lease, "DELETE", &format!("/networks/{}", name("stays")), None).await;
        done(lease, "DELETE", &format!("/volumes/{}", name("stays")), None).await;
        for image in ["moved", "two", "one"] {
            // The odd rounds have removed `one` already.
            let path = format!("/images/{}:v1?force=true", name(image));
            let answer = lease.call("DELETE", &path, None).await.unwrap();
            assert!(matches!(answer.status(), 200 | 404), "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn images_networks_and_volumes_equal_a_full_inspect_after_churn() {
    on_each(|lease| async move {
        let client = engine(&lease.docker_host());
        // Podman tells nothing of a network that is made or removed: there the regular list is what finds it.
        let config = match lease.engine_name() {
            "podman" => hasty().relist_every(Duration::from_millis(500)),
            _ => hasty(),
        };
        let watch = Watch::start(client.clone(), config);
        live(&watch).await;
        timeout(Duration::from_secs(20), watch.ready())
            .await
            .expect("all kinds are ready");
        let mut updates = watch.volumes().subscribe();
        // Each leaves a network, and an engine's address pools have room for thirty.
        let rounds = sized(2, 20);
        for round in 0..rounds {
            churn(&lease, round).await;
        }
        mirrors_equal_inspects(&lease, &client, &watch).await;
        let network = watch.networks().find(&lease.name("stays-0")).unwrap();
        assert_eq!(
            network.id,
            watch.networks().find(&network.id.as_str()[..20]).unwrap().id
        );
        // Podman puts a registry before the names.
        let (two, moved) = (lease.name("two-0:v1"), lease.name("moved-0:v1"));
        let snapshot = watch.images().snapshot();
        let mut tags = snapshot.objects().iter().flat_map(|image| &image.tags);
        let tag = tags.find(|tag| tag.ends_with(&two)).unwrap();
        let image = watch.images().find(tag).unwrap();
        assert!(image.tags.iter().any(|tag| tag.ends_with(&moved)), "{image:?}");
        let seen = timeout(Duration::from_secs(10), updates.next())
            .await
            .unwrap()
            .unwrap();
        assert!(!seen.is_empty() && seen.generation > 0);
        clear(&lease, rounds).await;
        mirrors_equal_inspects(&lease, &client, &watch).await;
        // Whether a gap was told is the machine's doing: others flood the same engine.
        assert!(watch.volumes().find(&lease.name("stays-0")).is_err());
        watch.stop().await;
    })
    .await;
}

/// Makes and removes volumes and networks; one call that is cut off may have been done or not.
async fn hurried_churn(client: &Engine, round: usize) {
    for n in 0..10 {
        let name = format!("{round}-{n}");
        let _ = client.create_volume(&VolumeSpec::new(&name)).await;
        let _ = client.create_network(&NetworkSpec::new(&name)).await;
        if n % 3 == 0 {
            let name = ObjectRef::new(&name).unwrap();
            let _ = client.remove_volume(&name, false).await;
            let _ = client.remove_network(&name).await;
        }
    }
}

#[tokio::test]
async fn volumes_and_networks_are_true_again_after_restarts() {
    let fake = FakeEngine::start(FakeConfig::default().seed(5)).await.unwrap();
    let client = engine(&fake.endpoint());
    let slow = Backoff {
        first: Duration::from_millis(300),
        longest: Duration::from_millis(300),
        jitter: 0.0,
        ..Backoff::default()
    };
    let watch = Watch::start(client.clone(), hasty().backoff(slow));
    live(&watch).await;
    let (volumes, networks) = (watch.volumes(), watch.networks());
    let ready = async { tokio::join!(volumes.ready(), networks.ready()) };
    timeout(Duration::from_secs(10), ready).await.expect("ready");
    for round in 0..sized(5, 50) {
        let how = [Restart::Crash, Restart::Clean, Restart::PowerCut][round % 3];
        // While the follower waits for its next attempt, things happen, and the engine forgets that they did.
        fake.break_connections();
        hurried_churn(&client, round).await;
        fake.restart(how).await.unwrap();
        let mut truth = BTreeMap::new();
        for volume in client
            .list_volumes(&ListVolumes::default())
            .await
            .unwrap()
            .volumes
        {
            truth.insert(volume.name.clone(), volume);
        }
        becomes(&volumes, &truth).await;
        let mut truth = BTreeMap::new();
        for one in client.list_networks(&ListNetworks::default()).await.unwrap() {
            let reference = ObjectRef::new(one.id.as_str()).unwrap();
            let network = client.inspect_network(&reference).await.unwrap();
            truth.insert(network.id.clone(), network);
        }
        becomes(&networks, &truth).await;
    }
    let gaps: u64 = watch.counters().gaps.iter().sum();
    assert!(gaps > 0, "{:?}", watch.counters());
    watch.stop().await;
    fake.stop().await;
}

async fn becomes<T: Mirrored>(mirror: &Mirror<T>, truth: &Shown<T>) {
    let mut updates = mirror.subscribe();
    let equal = async {
        while shown(mirror, |_| true) != *truth {
            updates.next().await.expect("the watch lives");
        }
    };
    let waited = timeout(Duration::from_secs(10), equal).await;
    waited.unwrap_or_else(|_| panic!("is {truth:#?}, shown {:#?}", mirror.snapshot().objects()));
}
