//! The account at the end of a run: what was told, compared with what was.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_core::{Container, ContainerId};
use longshore_engine::{Engine, EngineConfig, ListContainers};
use longshore_runtime::{Backoff, FeedItem, FeedReader, Mirror, RecordBody, Status, Watch, WatchConfig};
use longshore_testkit::eventually;
use longshore_testkit::fake::{FakeEngine, FakeEvent};
use longshore_testkit::lease::Lease;
use tokio::time::{Instant, timeout};

/// Stamps, ring and live order of the engines in these tests differ by less than that.
const SKEW: i64 = 30_000_000;

pub(crate) fn engine(endpoint: &str) -> Engine {
    Engine::new(endpoint.parse().unwrap(), EngineConfig::default())
}

/// Whether the engine is Podman. What it does otherwise than Docker is asserted where it does; docs/engines.md lists it.
pub(crate) fn is_podman(lease: &Lease) -> bool {
    lease.engine_name() == "podman"
}

/// A watch that is as impatient as a test.
pub(crate) fn hasty() -> WatchConfig {
    let backoff = Backoff {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(20),
        ..Backoff::default()
    };
    let mut config = WatchConfig::default()
        .backoff(backoff)
        .rotate_every(Duration::from_millis(500));
    config.rotate_at_most_every = Duration::from_millis(100);
    config.open_timeout = Duration::from_millis(500);
    config.replay_grace = Duration::from_millis(100);
    config
}

pub(crate) async fn live(watch: &Watch) {
    let mut status = watch.status();
    let live = timeout(Duration::from_secs(10), status.wait_for(Status::is_live)).await;
    live.expect("within ten seconds").expect("the watch lives");
}

/// What an event is compared by: stamp, object, action.
pub(crate) type Key = (i64, String, String);

fn key(event: &FakeEvent) -> Key {
    (event.time_nano, event.actor.clone(), event.action.clone())
}

/// Everything that a reader was told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) events: BTreeMap<Key, u32>,
    pub(crate) synthetic: Vec<Key>,
    pub(crate) gaps: Vec<(i64, i64, &'static str)>,
}

impl Told {
    /// Reads what there is.
    pub(crate) fn read(&mut self, reader: &mut FeedReader) {
        while let Some(item) = reader.try_next() {
            let FeedItem::Record(record) = item else {
                panic!("{item:?}: the reader has room for all")
            };
            match &record.body {
                RecordBody::Gap { from, to, reason } => {
                    self.gaps.push((from.as_nanos(), to.as_nanos(), reason.as_str()));
                }
                RecordBody::Event { event, synthetic, .. } => {
                    let key = (
                        event.at.as_nanos(),
                        event.id.to_string(),
                        event.action.to_string(),
                    );
                    if *synthetic {
                        self.synthetic.push(key);
                    } else {
                        *self.events.entry(key).or_default() += 1;
                    }
                }
            }
        }
    }

    fn lies_in_a_gap(&self, at: i64) -> bool {
        self.gaps
            .iter()
            .any(|(from, to, _)| from - SKEW <= at && at <= to + SKEW)
    }

    /// No event twice, and none missing outside the gaps. Gives how many were missing inside.
    pub(crate) fn settle(&self, engine: &FakeEngine) -> usize {
        for (key, times) in &self.events {
            assert_eq!(*times, 1, "{key:?} came more than once");
        }
        let truth = engine.truth();
        let mut missing = 0;
        for event in &truth {
            let key = key(event);
            if !self.events.contains_key(&key) {
                assert!(
                    self.lies_in_a_gap(event.time_nano),
                    "{key:?} was lost without a word; gaps: {:?}",
                    self.gaps
                );
                missing += 1;
            }
        }
        assert_eq!(
            self.events.len() + missing,
            truth.len(),
            "told and never happened"
        );
        missing
    }
}

/// Reads until every published event is accounted for. The engine must be quiet.
pub(crate) async fn all_told(engine: &FakeEngine, reader: &mut FeedReader, told: &mut Told) {
    let published: Vec<Key> = engine.ring().iter().map(|event| key(event)).collect();
    eventually("everything that the engine holds is told", async || {
        told.read(reader);
        match published.iter().find(|key| !told.events.contains_key(*key)) {
            None => Ok(()),
            Some(key) => Err(key.clone()),
        }
    })
    .await;
}

/// Waits until the mirror shows what a full inspect shows, of the containers that `is_ours` chooses.
pub(crate) async fn mirror_equals_inspect(engine: &Engine, mirror: &Mirror, is_ours: impl Fn(&str) -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    let mut updates = mirror.subscribe();
    loop {
        let truth = inspect_all(engine, &is_ours).await;
        let shown = shown(mirror, &is_ours);
        if truth == shown {
            return;
        }
        assert!(
            Instant::now() < end,
            "the mirror differs: {:?}",
            difference(&truth, &shown)
        );
        // Whatever changes next may make it equal; so may a change that the inspects above were too late for.
        let _ = timeout(Duration::from_millis(100), updates.next()).await;
    }
}

/// Waits until a container is shown for which `holds`; or, with `None`, until none is shown.
pub(crate) async fn shows(mirror: &Mirror, reference: &str, holds: impl Fn(Option<&Container>) -> bool) {
    let mut updates = mirror.subscribe();
    let wait = async {
        while !holds(mirror.find(reference).ok().as_deref()) {
            updates.next().await.expect("the watch lives");
        }
    };
    let waited = timeout(Duration::from_secs(10), wait).await;
    waited.unwrap_or_else(|_| panic!("{reference} is shown as {:?}", mirror.find(reference)));
}

async fn inspect_all(engine: &Engine, is_ours: impl Fn(&str) -> bool) -> BTreeMap<ContainerId, Container> {
    let mut truth = BTreeMap::new();
    for summary in engine.list_containers(&ListContainers::all()).await.unwrap() {
        // One that went away since the list is found missing in the next round.
        if is_ours(summary.id.as_str())
            && let Ok(found) = engine.inspect_container(&(&summary.id).into()).await
        {
            truth.insert(found.id.clone(), lasting(found));
        }
    }
    truth
}

fn shown(mirror: &Mirror, is_ours: impl Fn(&str) -> bool) -> BTreeMap<ContainerId, Container> {
    let snapshot = mirror.snapshot();
    let ours = snapshot
        .containers()
        .iter()
        .filter(|container| is_ours(container.id.as_str()));
    ours.map(|container| (container.id.clone(), lasting((**container).clone())))
        .collect()
}

/// What changes without an event is no part of the promise.
fn lasting(mut container: Container) -> Container {
    container.health_log.clear();
    container
}

fn difference(
    truth: &BTreeMap<ContainerId, Container>,
    shown: &BTreeMap<ContainerId, Container>,
) -> Vec<String> {
    let unlike = truth
        .keys()
        .chain(shown.keys())
        .filter(|id| truth.get(*id) != shown.get(*id));
    unlike
        .take(3)
        .map(|id| format!("{id}: is {:#?}, shown {:#?}", truth.get(id), shown.get(id)))
        .collect()
}
