//! A real engine of our own that is killed, frozen, restarted and cut off while its containers churn, and the account
//! afterwards: what was told agrees with what the engine says of its containers, and so does the mirror.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use longshore_core::{ContainerState, DockerEvent, Timestamp};
use longshore_engine::{Engine, ListContainers};
use longshore_runtime::{FeedItem, FeedReader, RecordBody, Status, Watch};
use longshore_testkit::daemon::{Daemon, Signal};
use longshore_testkit::lease::{IMAGE, LABEL, Lease, on_each_swarm};
use longshore_testkit::relay::Way;
use longshore_testkit::{Relay, sized};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::account::{engine, hasty, live, mirror_equals_inspect};
use crate::kinds;

/// How many containers there are at most.
const MOST: u64 = 6;
/// One that only SIGKILL ends, one that ends when told to, and one that ends by itself. None at once: an engine may
/// stamp the start of what has ended at once after its end.
const COMMANDS: [&str; 3] = [
    "exec sleep 60",
    "trap 'exit 5' TERM; sleep 60 & wait",
    "sleep 0.5; exit 3",
];

/// Numbers that look like chance and are the same for the same seed (splitmix64).
#[derive(Debug, Clone)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Does one thing after the other to one of the containers, each to its end. What fails while the engine is away fails.
async fn churn_until(lease: Lease, mut dice: Dice, is_over: Arc<AtomicBool>) {
    let mut ticks = interval(Duration::from_millis(25));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !is_over.load(Ordering::Relaxed) {
        ticks.tick().await;
        let name = lease.name(&dice.below(MOST).to_string());
        let at = format!("/containers/{name}");
        let _ = match dice.below(8) {
            0 | 1 => {
                let command = COMMANDS[usize::try_from(dice.below(3)).unwrap()];
                let spec = json!({
                    "Image": IMAGE, "Cmd": ["sh", "-c", command],
                    "Labels": {LABEL: lease.run_id()}, "HostConfig": {"NetworkMode": "none"}, "StopTimeout": 1,
                });
                let path = format!("/containers/create?name={name}");
                lease.call("POST", &path, Some(&spec)).await
            }
            2 | 3 => lease.call("POST", &format!("{at}/start"), None).await,
            4 => lease.call("POST", &format!("{at}/kill"), None).await,
            5 => lease.call("POST", &format!("{at}/restart?t=0"), None).await,
            6 => lease.call("POST", &format!("{at}/stop?t=0"), None).await,
            _ => lease.call("DELETE", &format!("{at}?force=true"), None).await,
        };
    }
}

/// What was told of one container.
#[derive(Debug, Default)]
struct Life {
    real: BTreeSet<(Timestamp, Box<str>)>,
    /// The last word on its state by its stamp, with the exit code.
    last: Option<(Timestamp, Box<str>, Option<i64>)>,
}

#[derive(Debug, Default)]
struct History {
    lives: BTreeMap<Box<str>, Life>,
    real: usize,
    gaps: usize,
}

impl History {
    fn read(&mut self, reader: &mut FeedReader) {
        while let Some(item) = reader.try_next() {
            self.add(item);
        }
    }

    fn add(&mut self, item: FeedItem) {
        let FeedItem::Record(record) = item else {
            panic!("{item:?}: the reader has room for all")
        };
        match &record.body {
            RecordBody::Gap { .. } => self.gaps += 1,
            RecordBody::Event { event, synthetic, .. } => {
                let DockerEvent::Container(event) = DockerEvent::from(event.clone()) else {
                    return;
                };
                let life = self.lives.entry(event.id.clone()).or_default();
                if !synthetic {
                    self.real += 1;
                    let new = life.real.insert((event.at, event.action.clone()));
                    assert!(new, "{event:?} came twice");
                }
                let is_state = ["create", "start", "die", "destroy"].contains(&event.verb());
                if is_state && life.last.as_ref().is_none_or(|(at, ..)| *at <= event.at) {
                    life.last = Some((event.at, event.verb().into(), event.exit_code()));
                }
            }
        }
    }

    /// Whether the last word on each container is what the engine itself says of it.
    async fn agrees_with(&self, engine: &Engine) -> Result<(), String> {
        let mut there = BTreeSet::new();
        for listed in engine.list_containers(&ListContainers::all()).await.unwrap() {
            let found = engine.inspect_container(&(&listed.id).into()).await.unwrap();
            let last = self
                .lives
                .get(found.id.as_str())
                .and_then(|life| life.last.as_ref());
            let agrees = match last.map(|(_, verb, code)| (&**verb, *code)) {
                Some(("create", None)) => found.state == ContainerState::Created,
                Some(("start", None)) => found.state == ContainerState::Running,
                // A start that the engine itself failed has no event, only an error and a code of the engine's own.
                Some(("die", code)) => {
                    has_ended(&found.state) && (found.exit_code == code || !found.error.is_empty())
                }
                _ => false,
            };
            if !agrees {
                return Err(format!("{last:?} was told of {found:?}"));
            }
            there.insert(found.id.as_str().to_owned());
        }
        let gone = |life: &Life| {
            life.last
                .as_ref()
                .is_some_and(|(_, verb, _)| &**verb == "destroy")
        };
        match self
            .lives
            .iter()
            .find(|(id, life)| gone(life) == there.contains(&***id))
        {
            None => Ok(()),
            Some((id, life)) => Err(format!("{life:?} was told of {id}")),
        }
    }
}

/// Dead is what an engine could not remove when it was killed in the middle of it.
fn has_ended(state: &ContainerState) -> bool {
    matches!(state, ContainerState::Exited | ContainerState::Dead)
}

/// So many more records are told.
async fn told(watch: &Watch, more: u64) {
    let mut reader = watch.feed().subscribe(10_000, None);
    let coming = async {
        for _ in 0..more {
            reader.next().await.expect("the watch lives");
        }
    };
    timeout(Duration::from_secs(30), coming).await.expect("events");
}

async fn lost(watch: &Watch) {
    let mut status = watch.status();
    let lost = status.wait_for(|status| matches!(status, Status::Lost { .. }));
    timeout(Duration::from_secs(30), lost)
        .await
        .expect("it is noticed")
        .expect("the watch lives");
}

#[tokio::test]
async fn whatever_happens_to_an_engine_its_history_agrees_with_its_containers() {
    on_each_swarm(|lease| async move {
        let seed = Timestamp::from(std::time::SystemTime::now())
            .as_nanos()
            .cast_unsigned();
        println!("seed {seed} on {}", lease.engine_name());
        let mut dice = Dice(seed);
        let relay = Relay::start(lease.target()).unwrap();
        let mut daemon = Daemon::of(lease.target()).unwrap();
        let watch = Watch::start(engine(&relay.endpoint()), hasty());
        live(&watch).await;
        let mut reader = watch.feed().subscribe(1_000_000, None);
        let mut history = History::default();
        let is_over = Arc::new(AtomicBool::new(false));
        let mut churning = JoinSet::new();
        for _ in 0..3 {
            churning.spawn(churn_until(
                lease.clone(),
                Dice(dice.below(u64::MAX)),
                Arc::clone(&is_over),
            ));
        }
        let (rounds, mut cuts) = (sized(4, 56), 0);
        for round in 0..rounds {
            told(&watch, 5).await;
            match round % 4 {
                0 => relay.cut(Way::Down, usize::try_from(dice.below(3_000)).unwrap()),
                1 => {
                    daemon.freeze().unwrap();
                    lost(&watch).await;
                    daemon.thaw().unwrap();
                }
                by => {
                    daemon
                        .end(if by == 2 { Signal::KILL } else { Signal::TERM })
                        .await
                        .unwrap();
                    lost(&watch).await;
                    daemon.start().await.unwrap();
                }
            }
            told(&watch, 5).await;
            cuts += usize::from(round % 4 == 0 && !relay.take_cut());
            live(&watch).await;
            history.read(&mut reader);
        }
        is_over.store(true, Ordering::Relaxed);
        churning.join_all().await;
        let direct = engine(&lease.docker_host());
        mirror_equals_inspect(&direct, &watch.mirror(), |_| true).await;
        // What the mirror alone has seen is told a second later, when no event of the engine's own has come for it.
        let end = Instant::now() + Duration::from_secs(10);
        while let Err(unlike) = history.agrees_with(&direct).await {
            assert!(Instant::now() < end, "{unlike}");
            if let Ok(item) = timeout(Duration::from_millis(100), reader.next()).await {
                history.add(item.expect("the watch lives"));
            }
        }
        let counters = watch.counters();
        assert!(history.gaps >= rounds / 2, "every restart is a gap: {counters:?}");
        assert!(cuts > rounds / 8, "{cuts} cuts");
        assert!(history.real > 4 * rounds, "{} events", history.real);
        watch.stop().await;
    })
    .await;
}

#[tokio::test]
async fn images_networks_and_volumes_are_true_again_after_the_engine_was_killed() {
    on_each_swarm(|lease| async move {
        let relay = Relay::start(lease.target()).unwrap();
        let mut daemon = Daemon::of(lease.target()).unwrap();
        let direct = engine(&lease.docker_host());
        let watch = Watch::start(engine(&relay.endpoint()), hasty());
        let ready = timeout(Duration::from_secs(20), watch.ready());
        ready.await.expect("all kinds are ready");
        for round in 0..sized(2, 16) {
            // What is told meanwhile breaks off, and what was not told yet the engine forgets.
            relay.cut(Way::Down, 1_000);
            kinds::churn(&lease, round).await;
            let signal = if round % 2 == 0 {
                Signal::KILL
            } else {
                Signal::TERM
            };
            daemon.end(signal).await.unwrap();
            lost(&watch).await;
            daemon.start().await.unwrap();
            live(&watch).await;
            kinds::mirrors_equal_inspects(&lease, &direct, &watch).await;
        }
        let gaps: u64 = watch.counters().gaps.iter().sum();
        assert!(gaps > 0, "{:?}", watch.counters());
        watch.stop().await;
    })
    .await;
}
