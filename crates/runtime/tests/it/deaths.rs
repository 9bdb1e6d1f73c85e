//! Deaths on real engines: what is kept of each way to end.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::{ContainerId, DeathCause, DeathPart, DeathRecord, Health, LogSource, WhyUnknown};
use longshore_runtime::Watch;
use longshore_runtime::deaths::{DeathItem, DeathReader, Deaths, DeathsConfig, remembered};
use longshore_testkit::fake::{Draft, FakeConfig, FakeEngine, Restart};
use longshore_testkit::lease::{Lease, on_each};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::account::{engine, hasty, live};

struct Scene {
    watch: Watch,
    deaths: Deaths,
    reader: DeathReader,
}

impl Scene {
    async fn at(endpoint: &str) -> Self {
        Self::with(endpoint, DeathsConfig::default()).await
    }

    async fn with(endpoint: &str, config: DeathsConfig) -> Self {
        let client = engine(endpoint);
        let watch = Watch::start(client.clone(), hasty());
        let deaths = Deaths::start(client, &watch, config, None);
        let reader = deaths.subscribe();
        live(&watch).await;
        timeout(Duration::from_secs(10), watch.mirror().ready())
            .await
            .unwrap();
        Self {
            watch,
            deaths,
            reader,
        }
    }

    /// The next item about a container that fits. Others use the engine too.
    async fn item(&mut self, id: &str, fits: impl Fn(&DeathItem) -> bool) -> Arc<DeathRecord> {
        let reading = async {
            loop {
                let item = self.reader.next().await.expect("it goes on");
                match &item {
                    DeathItem::Died(record) | DeathItem::Amended(record)
                        if record.container.as_str() == id && fits(&item) =>
                    {
                        return Arc::clone(record);
                    }
                    _ => {}
                }
            }
        };
        timeout(Duration::from_secs(20), reading)
            .await
            .unwrap_or_else(|_| panic!("nothing of {id}: {:?}", self.deaths))
    }

    async fn death(&mut self, id: &str) -> Arc<DeathRecord> {
        self.item(id, |item| matches!(item, DeathItem::Died(_))).await
    }

    /// A death whose container is known to be removed.
    async fn removed(&mut self, id: &str) -> Arc<DeathRecord> {
        let all = self.deaths.of(&ContainerId::new(id).unwrap());
        match all.into_iter().find(|record| record.removed.is_some()) {
            Some(record) => record,
            None => {
                self.item(id, |item| match item {
                    DeathItem::Died(record) | DeathItem::Amended(record) => record.removed.is_some(),
                    _ => false,
                })
                .await
            }
        }
    }

    async fn end(self) {
        self.deaths.stop().await;
        self.watch.stop().await;
    }
}

async fn run(lease: &Lease, suffix: &str, script: &str, mut host: Value, more: Value) -> String {
    host["NetworkMode"] = json!("none");
    let mut spec = json!({ "Cmd": ["sh", "-c", script], "HostConfig": host });
    for (key, value) in more.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    let id = lease.create(suffix, spec).await.unwrap();
    post(lease, &format!("/containers/{id}/start")).await;
    id
}

async fn post(lease: &Lease, path: &str) {
    let answer = lease.call("POST", path, None).await.unwrap();
    assert!(answer.status() < 400, "{path}: {}", answer.text());
}

fn texts(record: &DeathRecord) -> Vec<&str> {
    let lines = record.log.iter().flat_map(|log| &log.lines);
    lines.map(|line| &*line.text).collect()
}

#[tokio::test]
async fn an_exit_is_kept_with_its_last_words_after_the_container_is_gone() {
    on_each(|lease| async move {
        let mut scene = Scene::at(&lease.docker_host()).await;
        let script = "seq 1 80; sleep 0.3; echo oops >&2; exit 3";
        let id = run(&lease, "exit", script, json!({}), Value::Null).await;
        let death = scene.death(&id).await;
        assert_eq!((death.exit_code, death.cause()), (Some(3), DeathCause::Failure));
        assert_eq!(death.name.as_deref(), Some(&*lease.name("exit")));
        assert_eq!((death.oom, death.restart_count), (Some(false), Some(0)));
        assert_eq!(
            (death.restarting, death.error.as_deref()),
            (Some(false), Some(""))
        );
        assert_eq!(death.health.as_ref().unwrap().health, Health::None);
        assert!(death.started.unwrap() < death.ended && death.unknown.is_empty());
        let log = death.log.as_ref().unwrap();
        assert!(log.earlier, "81 were written");
        // The order between the streams is the engine's, but for the pause.
        let mut lines = texts(&death);
        assert_eq!(lines.len(), 50);
        let place = lines
            .iter()
            .position(|line| *line == "oops")
            .expect("the line of stderr");
        assert_eq!(log.lines[place].stream, LogSource::Stderr);
        lines.remove(place);
        let numbers: Vec<i32> = lines.iter().map(|line| line.parse().unwrap()).collect();
        assert!(numbers.windows(2).all(|two| two[0] < two[1]) && numbers.last() == Some(&80));
        assert!(
            log.lines
                .iter()
                .all(|line| line.at.is_some_and(|at| at <= death.ended))
        );
        lease.remove(&id).await.unwrap();
        let kept = scene.removed(&id).await;
        assert!(kept.removed.unwrap() >= kept.ended);
        assert_eq!(
            (texts(&kept).len(), kept.exit_code),
            (50, Some(3)),
            "after the removal"
        );
        scene.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_signal_of_the_engine_is_told_apart_from_one_of_its_own() {
    on_each(|lease| async move {
        let mut scene = Scene::at(&lease.docker_host()).await;
        let sleeping = run(&lease, "killed", "exec sleep 600", json!({}), Value::Null).await;
        post(&lease, &format!("/containers/{sleeping}/kill")).await;
        let death = scene.death(&sleeping).await;
        assert_eq!(death.cause(), DeathCause::Signal);
        if lease.engine_name() != "podman" {
            // Which tells nothing of signals.
            assert_eq!((death.exit_code, death.signal), (Some(137), Some(9)));
            assert_eq!(death.sentence(), "exit code 137, by SIGKILL through the engine");
        }
        // A first process takes no signal that it did not ask for, so it is the engine's init that passes the code on.
        let own = run(
            &lease,
            "own",
            "kill -SEGV $$",
            json!({ "Init": true }),
            Value::Null,
        )
        .await;
        let death = scene.death(&own).await;
        assert_eq!((death.exit_code, death.signal), (Some(139), None));
        assert_eq!(death.sentence(), "exit code 139, as by SIGSEGV");
        scene.end().await;
    })
    .await;
}

#[tokio::test]
async fn want_of_memory_is_told_as_such() {
    on_each(|lease| async move {
        let mut scene = Scene::at(&lease.docker_host()).await;
        let limit = json!({ "Memory": 32 << 20, "MemorySwap": 32 << 20 });
        let id = run(
            &lease,
            "oom",
            "echo filling; exec tail /dev/zero",
            limit,
            Value::Null,
        )
        .await;
        let death = scene.death(&id).await;
        if lease.engine_name() == "podman" {
            // Its `OOMKilled` stayed false here, and it tells no such event.
            assert_eq!(death.exit_code, Some(137));
            return scene.end().await;
        }
        // The kernel's notice may come after the end.
        let death = match death.oom {
            Some(true) => death,
            _ => {
                scene
                    .item(&id, |item| matches!(item, DeathItem::Amended(_)))
                    .await
            }
        };
        assert_eq!((death.oom, death.exit_code), (Some(true), Some(137)));
        assert_eq!(death.sentence(), "out of memory, exit code 137");
        assert_eq!(texts(&death), ["filling"]);
        scene.end().await;
    })
    .await;
}

#[tokio::test]
async fn the_last_words_of_a_health_check_are_kept() {
    on_each(|lease| async move {
        if lease.engine_name() == "podman" {
            // Its health checks are timers of systemd, and an engine of the test run has none.
            return;
        }
        let mut scene = Scene::at(&lease.docker_host()).await;
        let check = json!({ "Healthcheck": {
            "Test": ["CMD-SHELL", "echo sick as a dog; exit 1"], "Interval": 1_000_000_000u64, "Retries": 1,
        }});
        let id = run(&lease, "sick", "exec sleep 600", json!({}), check).await;
        let mut seen = scene.watch.mirror().subscribe();
        let is_sick = async {
            let key = ContainerId::new(&id).unwrap();
            while scene
                .watch
                .mirror()
                .get(&key)
                .is_none_or(|c| c.health != Health::Unhealthy)
            {
                seen.next().await.expect("it goes on");
            }
        };
        timeout(Duration::from_secs(20), is_sick)
            .await
            .expect("unhealthy");
        post(&lease, &format!("/containers/{id}/kill")).await;
        let death = scene.death(&id).await;
        let health = death.health.as_ref().unwrap();
        assert_eq!((&health.health, health.exit_code), (&Health::Unhealthy, Some(1)));
        assert_eq!(health.output.trim(), "sick as a dog");
        scene.end().await;
    })
    .await;
}

#[tokio::test]
async fn each_run_of_a_restart_policy_has_its_own_record() {
    on_each(|lease| async move {
        let mut scene = Scene::at(&lease.docker_host()).await;
        let policy = json!({ "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 3 } });
        let script = "cat /proc/sys/kernel/random/uuid; exit 5";
        let id = run(&lease, "again", script, policy, Value::Null).await;
        let mut all = Vec::new();
        for _ in 0..4 {
            all.push(scene.death(&id).await);
        }
        if lease.engine_name() == "podman" {
            // Its logs are stamped by whole seconds: a line that may be another run's is said to be one.
            for death in &all {
                let is_doubted = death.unknown.iter().any(|unknown| unknown.part == DeathPart::Log);
                assert!(is_doubted || texts(death).len() == 1, "{death:?}");
            }
            return scene.end().await;
        }
        let mut words: Vec<&str> = all.iter().flat_map(|death| texts(death)).collect();
        let lines = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!((lines, words.len()), (4, 4), "one line a run, each its own");
        assert!(all.windows(2).all(|two| two[0].ended < two[1].started.unwrap()));
        assert!(all.iter().all(|death| death.exit_code == Some(5)));
        let last = &all[3];
        assert_eq!((last.restart_count, last.restarting), (Some(3), Some(false)));
        for (death, count) in all.iter().zip(1..) {
            // The next run may be faster than the question, and then nothing is said.
            assert!(
                death.restart_count.is_none_or(|told| told == count.min(3)),
                "{death:?}"
            );
            assert!(death.oom.is_some() || death.unknown[0].why == WhyUnknown::AnotherRun);
        }
        let remembered = remembered(&engine(&lease.docker_host()), &DeathsConfig::default())
            .await
            .unwrap();
        let again: Vec<_> = remembered
            .deaths
            .iter()
            .filter(|d| d.container.as_str() == id)
            .collect();
        // The engine remembers 256 events, of which others make the most.
        assert!((1..=4).contains(&again.len()), "{again:?}");
        assert!(
            again
                .iter()
                .rev()
                .zip(all.iter().rev())
                .all(|(a, b)| texts(a) == texts(b) && a.ended == b.ended)
        );
        scene.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_container_that_removes_itself_leaves_its_exit_code_and_what_was_got() {
    on_each(|lease| async move {
        let mut scene = Scene::at(&lease.docker_host()).await;
        let rounds = longshore_testkit::sized(10, 200);
        let (mut logs, mut states) = (0, 0);
        for round in 0..rounds {
            let script = "echo only here; exit 4";
            let id = run(
                &lease,
                &format!("rm-{round}"),
                script,
                json!({ "AutoRemove": true }),
                Value::Null,
            )
            .await;
            let death = scene.removed(&id).await;
            assert_eq!(death.exit_code, Some(4));
            assert_eq!(death.name, Some(lease.name(&format!("rm-{round}"))));
            assert!(death.image.is_some() && death.started.is_some());
            // Either it was got, or it is said that it was not.
            let missed = |part| {
                let unknown = death.unknown.iter().find(|unknown| unknown.part == part);
                unknown.map(|unknown| unknown.why.clone())
            };
            match missed(DeathPart::Log) {
                None => {
                    assert_eq!(texts(&death), ["only here"]);
                    logs += 1;
                }
                Some(why) => assert!(why == WhyUnknown::Gone && death.log.is_none(), "{death:?}"),
            }
            match missed(DeathPart::State) {
                None => states += 1,
                Some(why) => assert!(why == WhyUnknown::Gone && death.oom.is_none(), "{death:?}"),
            }
        }
        let name = lease.engine_name();
        // Who is first, the question or the mark for removal, is the machine's doing: what is got is not held to a number.
        println!("{name}: of {rounds} that removed themselves {logs} logs and {states} states were got");
        scene.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_container_that_removes_itself_keeps_its_last_words_where_they_are_followed() {
    on_each(|lease| async move {
        let config = DeathsConfig::default().follow_auto_removed(8);
        let mut scene = Scene::with(&lease.docker_host(), config).await;
        // Each lives long enough to be followed; one that lives for a moment may not.
        for round in 0..longshore_testkit::sized(4, 50) {
            let id = run(
                &lease,
                &format!("heard-{round}"),
                "seq 1 100; sleep 1; exit 4",
                json!({ "AutoRemove": true }),
                Value::Null,
            )
            .await;
            let death = scene.death(&id).await;
            assert_eq!(death.exit_code, Some(4));
            let log = death.log.as_ref().unwrap_or_else(|| panic!("{death:?}"));
            assert_eq!(
                (log.lines.len(), log.lines[49].text.as_str()),
                (50, "100"),
                "{death:?}"
            );
            assert!(log.earlier);
        }
        scene.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_forced_removal_is_a_death_and_a_removal() {
    on_each(|lease| async move {
        let mut scene = Scene::at(&lease.docker_host()).await;
        let id = run(
            &lease,
            "forced",
            "echo here; exec sleep 600",
            json!({}),
            Value::Null,
        )
        .await;
        lease.remove(&id).await.unwrap();
        let death = scene.removed(&id).await;
        assert_eq!(death.exit_code, Some(137));
        assert!(death.log.is_some() || death.unknown.iter().any(|u| u.part == DeathPart::Log));
        scene.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_deaths_is_counted_to_the_last() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    fake.emit(Draft::new("container", "start", "the first")).await;
    let mut scene = Scene::at(&fake.endpoint()).await;
    for n in 0..1_000 {
        let draft = Draft::new("container", "die", &format!("{n:064x}"));
        fake.emit(draft).await;
    }
    let all = async {
        let mut told = 0;
        while told < 1_000 {
            told += match scene.reader.next().await.expect("it goes on") {
                DeathItem::Died(_) => 1,
                DeathItem::Lagged { missed } => missed,
                _ => 0,
            };
        }
    };
    timeout(Duration::from_secs(30), all).await.unwrap();
    let counters = scene.deaths.counters();
    assert_eq!(
        (counters.deaths, scene.deaths.newest(usize::MAX).len()),
        (1_000, 1_000)
    );
    assert!(counters.not_looked_at > 0 || counters.gone > 0, "{counters:?}");
    scene.end().await;
    fake.stop().await;
}

#[tokio::test]
async fn logs_that_never_answer_leave_the_rest_of_the_record() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let ids = fake.add_containers(2);
    for id in &ids {
        fake.start_container(id).await.unwrap();
        fake.log(id, false, "last words").unwrap();
    }
    let mut scene = Scene::with(
        &fake.endpoint(),
        DeathsConfig::default().look_timeout(Duration::from_secs(2)),
    )
    .await;
    let path = format!("GET /containers/{}/logs", ids[0]);
    fake.faults().stall_after(&*path, 0);
    fake.exit(&ids[0], 7).await.unwrap();
    fake.exit_oom(&ids[1]).await.unwrap();
    let other = scene.death(&ids[1]).await;
    assert_eq!(other.oom, Some(true));
    assert_eq!(texts(&other), ["last words"]);
    let mute = match scene.deaths.of(&ContainerId::new(&ids[0]).unwrap()).pop() {
        Some(record) => record,
        None => scene.death(&ids[0]).await,
    };
    assert_eq!(
        (mute.exit_code, mute.oom, &mute.log),
        (Some(7), Some(false), &None)
    );
    assert_eq!(mute.unknown.len(), 1);
    assert_eq!(mute.unknown[0].why, WhyUnknown::TimedOut);
    scene.end().await;
    fake.stop().await;
}

#[tokio::test]
async fn a_death_that_nobody_told_is_found_after_the_gap() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let ids = fake.add_containers(1);
    fake.start_container(&ids[0]).await.unwrap();
    fake.log(&ids[0], false, "before the lights went out").unwrap();
    let mut scene = Scene::at(&fake.endpoint()).await;
    fake.restart(Restart::PowerCut).await.unwrap();
    let death = scene.death(&ids[0]).await;
    assert!(death.synthetic, "{death:?}");
    assert!(death.signal.is_none());
    let gap = |part| {
        death
            .unknown
            .iter()
            .any(|u| u.part == part && u.why == WhyUnknown::Gap)
    };
    assert!(gap(DeathPart::Signal), "{death:?}");
    assert_eq!(texts(&death), ["before the lights went out"]);
    scene.end().await;
    fake.stop().await;
}
