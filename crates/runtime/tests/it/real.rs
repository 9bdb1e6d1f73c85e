//! The watch on real engines, the newest and the oldest. Others use them too, so only what is ours is compared.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use longshore_core::{Container, ContainerState, Health, Timestamp};
use longshore_engine::{Engine, EventsQuery};
use longshore_runtime::{FeedItem, FeedReader, RecordBody, Sampler, SamplerConfig, Watch};
use longshore_testkit::lease::{Lease, on_each};
use serde_json::json;
use tokio::time::timeout;

use crate::account::{engine, hasty, live, mirror_equals_inspect, shows};

async fn post(lease: &Lease, path: &str) {
    let answer = lease.call("POST", path, None).await.unwrap();
    assert!(answer.status() < 400, "{path}: {}", answer.text());
}

/// What was told about a container, until its action `last`: when, and what. None of it may be made up.
async fn told_until(reader: &mut FeedReader, id: &str, last: &str) -> Vec<(Timestamp, String)> {
    let mut told = Vec::new();
    let mut cursors = BTreeSet::new();
    let reading = async {
        while let Some(item) = reader.next().await {
            let FeedItem::Record(record) = item else {
                panic!("{item:?}")
            };
            assert!(cursors.insert(record.cursor), "{} twice", record.cursor);
            let RecordBody::Event { event, synthetic, .. } = &record.body else {
                panic!("{record:?}")
            };
            if &*event.id != id {
                continue;
            }
            assert!(!synthetic, "{record:?}");
            told.push((event.at, event.action.to_string()));
            if &*event.action == last {
                return;
            }
        }
    };
    timeout(Duration::from_secs(10), reading)
        .await
        .unwrap_or_else(|_| panic!("no {last}"));
    told
}

/// What the engine itself holds about a container.
async fn held(engine: &Engine, id: &str) -> Vec<(Timestamp, String)> {
    let now = Timestamp::from(std::time::SystemTime::now()).as_nanos();
    let until = format!("{}.{:09}", now / 1_000_000_000, now % 1_000_000_000);
    let query = EventsQuery::default()
        .since("0")
        .until(until)
        .filter("container", id);
    let replay = engine.events(&query).await.unwrap();
    let events = replay.map(|event| event.unwrap().event.unwrap());
    events
        .map(|event| (event.at, event.action.to_string()))
        .collect()
        .await
}

#[tokio::test]
async fn a_containers_life_is_told_whole_and_once_through_renewals() {
    on_each(|lease| async move {
        let watch = Watch::start(engine(&lease.docker_host()), hasty());
        live(&watch).await;
        let mirror = watch.mirror();
        timeout(Duration::from_secs(10), mirror.ready()).await.unwrap();
        let mut reader = watch.feed().subscribe(10_000, None);
        let id = lease.start("life", &["sleep", "600"]).await.unwrap();
        for verb in ["pause", "unpause", "restart?t=1"] {
            post(&lease, &format!("/containers/{id}/{verb}")).await;
        }
        post(
            &lease,
            &format!("/containers/{id}/rename?name={}", lease.name("renamed")),
        )
        .await;
        shows(&mirror, &lease.name("renamed"), |found| {
            found.is_some_and(|found| found.state == ContainerState::Running)
        })
        .await;
        // Until the stream was renewed in the middle of the life, however fast the engine is.
        let until_renewed = async {
            while watch.counters().rotations == 0 {
                mirror_equals_inspect(&engine(&lease.docker_host()), &mirror, |other| other == id).await;
            }
        };
        timeout(Duration::from_secs(10), until_renewed)
            .await
            .expect("a renewal");
        post(&lease, &format!("/containers/{id}/stop?t=1")).await;
        lease.remove(&id).await.unwrap();
        let mut told = told_until(&mut reader, &id, "destroy").await;
        // Every event once. The engine is the authority on which there were: its notice of a pause may come after the
        // unpause, and then it takes the container for paused and tells both again.
        let mut held = held(&engine(&lease.docker_host()), &id).await;
        told.sort();
        held.sort();
        assert_eq!(told, held);
        let mut actions: Vec<_> = told.into_iter().map(|(_, action)| action).collect();
        actions.sort();
        actions.dedup();
        let mut all = BTreeSet::from([
            "create", "destroy", "die", "kill", "pause", "rename", "restart", "start", "stop", "unpause",
        ]);
        if lease.engine_name() == "podman" {
            // It tells what it does itself, nothing of signals, and of a stop only sometimes.
            all.extend(["cleanup", "init"]);
            all.retain(|action| !["kill", "stop"].contains(action));
            actions.retain(|action| action != "stop");
        }
        assert_eq!(actions, Vec::from_iter(all));
        shows(&mirror, &id, |found| found.is_none()).await;
        assert_eq!(watch.counters().gaps, [0; 4]);
        watch.stop().await;
    })
    .await;
}

#[tokio::test]
async fn after_churn_the_mirror_equals_a_full_inspect() {
    on_each(|lease| async move {
        let before = lease.start("before", &["sleep", "600"]).await.unwrap();
        let watch = Watch::start(engine(&lease.docker_host()), hasty());
        timeout(Duration::from_secs(10), watch.mirror().ready())
            .await
            .unwrap();
        let mut ours = BTreeSet::from([before]);
        for round in 0..longshore_testkit::sized(2, 200) {
            let stays = lease
                .start(&format!("stays-{round}"), &["sleep", "600"])
                .await
                .unwrap();
            let ends = lease
                .start(&format!("ends-{round}"), &["sh", "-c", "exit 3"])
                .await
                .unwrap();
            let goes = lease
                .start(&format!("goes-{round}"), &["sleep", "600"])
                .await
                .unwrap();
            lease.remove(&goes).await.unwrap();
            ours.extend([stays, ends, goes]);
        }
        mirror_equals_inspect(&engine(&lease.docker_host()), &watch.mirror(), |id| {
            ours.contains(id)
        })
        .await;
        let ended = watch.mirror().find(&lease.name("ends-0")).unwrap();
        assert_eq!(
            (ended.state.clone(), ended.exit_code),
            (ContainerState::Exited, Some(3))
        );
        watch.stop().await;
    })
    .await;
}

#[tokio::test]
async fn health_shows_when_it_changes() {
    on_each(|lease| async move {
        if lease.engine_name() == "podman" {
            // Its health checks are timers of systemd, and an engine of the test run has none.
            return;
        }
        let watch = Watch::start(engine(&lease.docker_host()), hasty());
        timeout(Duration::from_secs(10), watch.mirror().ready())
            .await
            .unwrap();
        let spec = json!({
            "Cmd": ["sleep", "600"],
            "HostConfig": { "Init": true, "NetworkMode": "none" },
            "Healthcheck": { "Test": ["CMD", "true"], "Interval": 1_000_000_000u64, "Retries": 1 },
        });
        let id = lease.create("healthy", spec).await.unwrap();
        post(&lease, &format!("/containers/{id}/start")).await;
        let is_healthy =
            |found: Option<&Container>| found.is_some_and(|found| found.health == Health::Healthy);
        shows(&watch.mirror(), &id, is_healthy).await;
        let inspects = watch.counters().inspects;
        let mut reader = watch.feed().subscribe(10_000, None);
        // Probes go on, one a second, and each is an exec with three events. The mirror may have seen the health before it
        // was told.
        let told = told_until(&mut reader, &id, "exec_die").await;
        assert!(
            told.iter()
                .all(|(_, action)| action.starts_with("exec_") || action == "health_status: healthy"),
            "{told:?}"
        );
        // Others use the engine too, so a few inspects may be theirs.
        assert!(
            watch.counters().inspects - inspects < 20,
            "{:?}",
            watch.counters()
        );
        watch.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_busy_container_is_sampled_and_a_stopped_one_is_not() {
    on_each(|lease| async move {
        let busy = lease
            .start("busy", &["sh", "-c", "while true; do true; done"])
            .await
            .unwrap();
        let done = lease.start("done", &["true"]).await.unwrap();
        let client = engine(&lease.docker_host());
        let watch = Watch::start(client.clone(), hasty());
        timeout(Duration::from_secs(10), watch.mirror().ready())
            .await
            .unwrap();
        let has_ended =
            |found: Option<&Container>| found.is_some_and(|found| found.state == ContainerState::Exited);
        shows(&watch.mirror(), &done, has_ended).await;
        let sampler = Sampler::start(client, watch.mirror(), SamplerConfig::default());
        let mut rounds = sampler.subscribe();
        let mut samples = Vec::new();
        while samples.len() < 3 {
            let round = timeout(Duration::from_secs(10), rounds.next())
                .await
                .unwrap()
                .unwrap();
            assert!(round.iter().all(|(id, _)| id.as_str() != done));
            samples.extend(
                round
                    .iter()
                    .filter(|(id, _)| id.as_str() == busy)
                    .map(|(_, sample)| sample.usage),
            );
        }
        assert_eq!(samples[0].cpu_percent, None, "the first knows no rate");
        assert!(samples[0].memory_bytes.is_some_and(|bytes| bytes > 0));
        let percents: Vec<f64> = samples[1..]
            .iter()
            .filter_map(|usage| usage.cpu_percent)
            .collect();
        assert!(
            percents.len() == 2 && percents.iter().all(|percent| (1.0..250.0).contains(percent)),
            "{percents:?}"
        );
        sampler.stop().await;
        watch.stop().await;
    })
    .await;
}
