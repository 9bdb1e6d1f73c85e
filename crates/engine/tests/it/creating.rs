//! Creates: exactly one container, wherever the wire breaks; every field as the docker command line would send it; what an
//! engine is too old for.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use longshore_core::{
    ContainerSpec, ContainerState, DeviceCount, EndpointSpec, HealthCheck, MountSpec, NetworkSpec, ObjectRef,
    labels,
};
use longshore_engine::{
    ApiVersion, Backoff, Delivery, Engine, EngineConfig, Error, ErrorKind, ListContainers, Retry,
};
use longshore_testkit::fake::{FakeConfig, Spec};
use longshore_testkit::lease::{LABEL, on_each};
use longshore_testkit::relay::Way;
use longshore_testkit::{FakeEngine, Relay};

use crate::support::{client, is_podman, spec, start};

fn through(relay: &Relay, retries: u32) -> Engine {
    let backoff = Backoff {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(2),
        ..Backoff::default()
    };
    let config = EngineConfig::default()
        .head_timeout(Duration::from_secs(5))
        .retry(Retry::times(retries).backoff(backoff));
    Engine::new(relay.endpoint().parse().unwrap(), config)
}

/// Creates while the wire breaks before a byte of what goes one way; gives whether it did.
async fn break_once(way: Way, after: usize, retries: u32, spec: &ContainerSpec) -> bool {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let relay = Relay::start(&fake.target()).unwrap();
    let engine = through(&relay, retries);
    engine.ping().await.unwrap();
    relay.cut(way, after);
    let result = engine.create_container(spec).await;
    let was_cut = !relay.take_cut();
    let there = fake.states();
    match &result {
        Ok(created) => {
            let ids: Vec<_> = there.keys().map(String::as_str).collect();
            assert_eq!(
                ids,
                [created.id.as_str()],
                "{way:?} cut after {after}: one, and that one"
            );
        }
        Err(error) => {
            assert!(was_cut && retries == 0, "{way:?} cut after {after}: {error:?}");
            assert_ne!(error.delivery(), Delivery::Answered, "{error:?}");
            assert!(there.is_empty(), "{way:?} cut after {after}: lost: {error:?}");
        }
    }
    fake.stop().await;
    was_cut
}

#[tokio::test]
async fn a_create_broken_at_any_byte_makes_one_container_or_none_and_says_which() {
    let named = ContainerSpec::new("sample").env("A", "b").name("web");
    for retries in [0, 3] {
        broken_at_any_byte(&named, retries).await;
    }
}

#[tokio::test]
async fn a_create_without_a_name_broken_at_any_byte_makes_one_container_or_none() {
    broken_at_any_byte(&ContainerSpec::new("sample").env("A", "b"), 3).await;
}

async fn broken_at_any_byte(spec: &ContainerSpec, retries: u32) {
    for (way, at_least) in [(Way::Up, 300), (Way::Down, 200)] {
        let mut cuts = 0;
        // Where nothing arrived, each waits 620 ms for what may still come: many at once.
        loop {
            let round = (cuts..cuts + 128).map(|after| break_once(way, after, retries, spec));
            let broken = join_all(round).await;
            let hits = broken.iter().filter(|was_cut| **was_cut).count();
            cuts += hits;
            if hits < broken.len() {
                break;
            }
        }
        assert!((at_least..5_000).contains(&cuts), "{way:?}: {cuts}");
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_a_conflict_also_after_a_broken_answer() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    fake.create(Spec::new("sample").name("web")).await.unwrap();
    let relay = Relay::start(&fake.target()).unwrap();
    let engine = through(&relay, 2);
    engine.ping().await.unwrap();
    let spec = ContainerSpec::new("sample").name("web");
    for after in [0, 10, 60] {
        relay.cut(Way::Down, after);
        let error = engine.create_container(&spec).await.unwrap_err();
        assert!(error.is_conflict(), "{error:?}");
    }
    assert_eq!(fake.states().len(), 1);
    fake.stop().await;
}

#[tokio::test]
async fn an_engine_that_goes_while_it_creates_leaves_the_outcome_unknown() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let relay = Relay::start(&fake.target()).unwrap();
    let engine = through(&relay, 1);
    engine.ping().await.unwrap();
    relay.cut(Way::Down, 0);
    let spec = ContainerSpec::new("sample").name("web");
    let (result, ()) = tokio::join!(engine.create_container(&spec), async {
        longshore_testkit::eventually("the create arrives", async || match fake.states().len() {
            1 => Ok(()),
            other => Err(other),
        })
        .await;
        fake.refuse(true).await.unwrap();
    });
    // What could not be sent the second time says nothing of the first.
    if let Err(error) = result {
        assert_eq!(error.delivery(), Delivery::Unknown, "{error:?}");
        assert!(error.hint().unwrap().contains("name web"), "{error:?}");
    }
    assert_eq!(fake.states().len(), 1);
    fake.stop().await;
}

#[tokio::test]
async fn a_dropped_create_leaves_nothing_untracked() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let engine = Engine::new(fake.endpoint().parse().unwrap(), EngineConfig::default());
    engine.ping().await.unwrap();
    for micros in (0..3_000).step_by(50) {
        let spec = ContainerSpec::new("sample");
        let call = engine.create_container(&spec);
        let _ = tokio::time::timeout(Duration::from_micros(micros), call).await;
        let ours = ListContainers::all().label(format!("{}=true", labels::MANAGED));
        for found in engine.list_containers(&ours).await.unwrap() {
            assert!(found.name.starts_with("longshore-") && found.labels.contains_key(labels::CREATE));
            fake.remove(found.id.as_str(), true).await.unwrap();
        }
        assert!(fake.states().is_empty());
    }
    fake.stop().await;
}

#[tokio::test]
async fn a_real_engines_lost_answer_loses_no_container() {
    on_each(|lease| async move {
        let relay = Relay::start(lease.target()).unwrap();
        let direct = client(&lease).await;
        for (number, after) in [0, 1, 40, 120].into_iter().enumerate() {
            let engine = through(&relay, 0);
            engine.ping().await.unwrap();
            relay.cut(Way::Down, after);
            let spec = spec(&lease, &format!("lost{number}"), &["true"]);
            let created = engine.create_container(&spec).await.unwrap();
            assert!(!relay.take_cut(), "it was not cut");
            let name = ObjectRef::new(&lease.name(&format!("lost{number}"))).unwrap();
            assert_eq!(direct.inspect_container(&name).await.unwrap().id, created.id);
        }
    })
    .await;
}

#[tokio::test]
async fn gpus_arrive_as_requests_for_devices() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let engine = Engine::new(fake.endpoint().parse().unwrap(), EngineConfig::default());
    let spec = ContainerSpec::new("sample")
        .name("gpu")
        .gpus(DeviceCount::Ids(vec!["0".to_owned()]));
    engine.create_container(&spec).await.unwrap();
    let json = fake.inspect("gpu").unwrap();
    let requests = &json["HostConfig"]["DeviceRequests"];
    let expected = serde_json::json!([{"Driver": "", "Count": 0, "DeviceIDs": ["0"], "Capabilities": [["gpu"]], "Options": {}}]);
    assert_eq!(*requests, expected);
    fake.stop().await;
}

#[tokio::test]
async fn what_an_engine_is_too_old_for_is_told_with_the_version_before_anything_is_sent() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let spec = spec(&lease, "new", &["true"]).annotation("a", "b");
        match engine.create_container(&spec).await {
            Ok(_) => assert!(engine.api_version() >= Some(ApiVersion::new(1, 43))),
            Err(error) => {
                assert!(engine.api_version() < Some(ApiVersion::new(1, 43)));
                assert_eq!(error.kind(), ErrorKind::Version);
                assert_eq!(error.delivery(), Delivery::NotSent);
                assert!(
                    error.to_string().contains("an annotation needs API 1.43"),
                    "{error}"
                );
            }
        }
    })
    .await;
}

#[tokio::test]
async fn several_networks_are_there_before_it_starts_on_old_engines_too() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let subnet = ["10.231.1.0/24", "10.231.2.0/24"];
        let names = [lease.name("front"), lease.name("back")];
        for (name, subnet) in names.iter().zip(subnet) {
            let network = NetworkSpec::new(name).label(LABEL, lease.run_id()).subnet(subnet);
            engine.create_network(&network).await.unwrap();
        }
        let mut spec = spec(&lease, "both", &["sleep", "60"])
            .network(&names[0])
            .network_as(
                &names[1],
                EndpointSpec::default().alias("db").ipv4([10, 231, 2, 77]),
            );
        spec.network_mode = None;
        let created = engine.create_container(&spec).await.unwrap();
        let id = ObjectRef::from(&created.id);
        let one = engine.inspect_container(&id).await.unwrap();
        let on: BTreeSet<_> = one.networks.iter().map(|network| network.name.clone()).collect();
        assert_eq!(on, BTreeSet::from(names.clone()), "before it starts");
        engine.act(&id, &longshore_core::Verb::Start).await.unwrap();
        let one = engine.inspect_container(&id).await.unwrap();
        let back = one
            .networks
            .iter()
            .find(|network| network.name == names[1])
            .unwrap();
        assert_eq!(back.ip.as_deref(), Some("10.231.2.77"));

        // A network that is not there: an error, and no container is left.
        let mut spec = crate::support::spec(&lease, "nowhere", &["sleep", "60"])
            .network(&names[0])
            .network("no-such-network");
        spec.network_mode = None;
        let error = engine.create_container(&spec).await.map(drop);
        let left = ObjectRef::new(&lease.name("nowhere")).unwrap();
        match error {
            Err(error) => {
                assert!(error.is_not_found(), "{error:?}");
                assert!(engine.inspect_container(&left).await.unwrap_err().is_not_found());
            }
            // A container that does not run may be connected to what is not there: it then does not start.
            Ok(()) => {
                let error = engine.act(&left, &longshore_core::Verb::Start).await.unwrap_err();
                assert!(error.is_not_found(), "{error:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn rubbish_in_any_field_is_refused_and_nothing_hangs() {
    let words = [
        "", " ", "\0", "\n", "..", "/", "é", "a b", "💥", ":", "=", "-1", "%2e%2e",
    ];
    on_each(move |lease| async move {
        let engine = client(&lease).await;
        let base = |number: usize| spec(&lease, &format!("rubbish{number}"), &["true"]);
        for (number, word) in words.into_iter().enumerate() {
            let mut image = base(number);
            image.image = word.to_owned();
            let mut networked = base(number);
            networked.network_mode = Some(word.to_owned());
            let all = [
                image,
                networked,
                base(number).name(word),
                base(number).platform(word),
                base(number).user(word),
                base(number).working_dir(word),
                base(number).hostname(word),
                base(number).stop_signal(word),
                base(number).bind(word, "/x"),
                base(number).volume(word, "/x"),
                base(number).tmpfs(word),
                base(number).volumes_from(word),
                base(number).memory_limit(word),
                base(number).cpuset(word),
                base(number).ulimit(word, 1, 2),
                base(number).device(word),
                base(number).cap_add(word),
                base(number).security_opt(word),
                base(number).sysctl(word, word),
                base(number).ipc_mode(word),
                base(number).pid_mode(word),
                base(number).runtime(word),
                base(number).extra_host(word, word),
                base(number).health_check(HealthCheck::cmd(word)),
            ];
            for spec in all {
                let call = engine.create_container(&spec);
                let result = tokio::time::timeout(Duration::from_secs(10), call).await;
                if let Ok(created) = result.expect("it hangs") {
                    let remove = longshore_core::Verb::Remove {
                        force: true,
                        volumes: true,
                    };
                    engine.act(&ObjectRef::from(&created.id), &remove).await.unwrap();
                }
            }
        }
        engine.ping().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn every_kind_of_mount_is_there_and_as_it_was_asked() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let script = "set -e; echo x > /data/x; echo x > /new/x; echo x > /mem/x; ! (echo x > /host/x) 2>/dev/null; \
                      test -d /made; grep -q ' /mem tmpfs .*size=1024k' /proc/mounts";
        let made = format!("/tmp/{}", lease.name("made"));
        let mut all = spec(&lease, "mounts", &["sh", "-c", script])
            .bind_read_only("/etc", "/host")
            .mount(MountSpec::bind(&made, "/made").create_source())
            .volume(lease.name("data"), "/data")
            .anonymous_volume("/new")
            .mount(MountSpec::tmpfs("/mem").size("1m").mode(0o1777));
        all.init = false;
        let id = start(&engine, &all).await;
        let exit = engine.wait_container(&id).await.unwrap();
        assert_eq!(exit.code, 0, "{:?}", engine.inspect_container(&id).await.unwrap().mounts);
        let one = engine.inspect_container(&id).await.unwrap();
        assert_eq!(one.state, ContainerState::Exited);
        let kinds: BTreeSet<_> = one.mounts.iter().map(|mount| mount.target.as_str()).collect();
        assert!(kinds.is_superset(&["/data", "/host", "/made", "/new"].into()), "{kinds:?}");
        let _ = std::fs::remove_dir(&made);

        if is_podman(&lease) {
            // It makes one that is not there, on this machine.
            return;
        }
        // A folder that is not there is an error, unless it is to be made.
        let missing = spec(&lease, "missing", &["true"]).bind("/no/such/folder", "/x");
        let error: Error = engine.create_container(&missing).await.unwrap_err();
        assert!(error.to_string().contains("/no/such/folder"), "{error}");
    })
    .await;
}
