//! The event monitor as a library: every kind of event, volume, filters, slow sinks, and an engine that goes and comes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longshore_core::{Attributes, Event, EventType, Scope, Timestamp};
use longshore_runtime::{EventMonitor, EventSink, FollowItem, MonitorCounts, RecordBody};
use longshore_testkit::eventually;
use longshore_testkit::fake::{Draft, FakeConfig, FakeEngine, Restart};
use tokio::sync::Semaphore;

use crate::account::{engine, hasty};

/// What a sink was told, in words.
#[derive(Debug, Clone, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn note(&self, item: &FollowItem) {
        let word = match item {
            FollowItem::Record(record) => match &record.body {
                RecordBody::Event { event, .. } => format!("{} {} {}", event.kind, event.action, event.id),
                RecordBody::Gap { reason, .. } => format!("gap {reason}"),
            },
            FollowItem::Lagged { missed } => format!("lagged {missed}"),
            FollowItem::Lost { .. } => "lost".to_owned(),
            FollowItem::Restored { .. } => "restored".to_owned(),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(word);
    }

    fn words(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    async fn until(&self, word: &str) -> Vec<String> {
        eventually("it is told", async || {
            let words = self.words();
            match words.iter().any(|heard| heard == word) {
                true => Ok(words),
                false => Err(format!("{word} is not in {words:?}")),
            }
        })
        .await
    }
}

fn sink(heard: &Heard) -> impl EventSink + use<> {
    let heard = heard.clone();
    move |item: &FollowItem| heard.note(item)
}

async fn started(fake: &FakeEngine, monitor: EventMonitor) -> EventMonitor {
    let mut monitor = monitor;
    monitor.start().await;
    eventually("it listens", async || match fake.subscribers() {
        0 => Err("nobody does"),
        _ => Ok(()),
    })
    .await;
    monitor
}

fn monitor(fake: &FakeEngine) -> EventMonitor {
    EventMonitor::new(engine(&fake.endpoint())).config(hasty())
}

async fn fake() -> FakeEngine {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    fake.emit(Draft::new("container", "create", "before")).await;
    fake
}

#[tokio::test]
async fn every_kind_of_event_reaches_every_sink_once_and_in_order() {
    let fake = fake().await;
    let (one, two) = (Heard::default(), Heard::default());
    let monitor = monitor(&fake).sink(sink(&one)).sink(sink(&two));
    let mut monitor = started(&fake, monitor).await;
    let kinds = [
        "container",
        "image",
        "network",
        "volume",
        "plugin",
        "service",
        "node",
        "secret",
        "config",
        "daemon",
        "builder",
        "teapot",
    ];
    for kind in kinds {
        fake.emit(Draft::new(kind, "happens", "it").with("large", "x".repeat(100_000)))
            .await;
    }
    fake.emit(Draft::rubbish("{\"Type\": \"contai")).await;
    fake.emit(Draft::new("daemon", "last", "one")).await;
    let mut expected: Vec<String> = kinds.iter().map(|kind| format!("{kind} happens it")).collect();
    expected.extend(["gap unreadable".to_owned(), "daemon last one".to_owned()]);
    assert_eq!(one.until("daemon last one").await, expected);
    assert_eq!(two.until("daemon last one").await, expected);
    monitor.stop().await;
    let counts = monitor.counts();
    assert_eq!(
        (
            counts.received,
            counts.delivered,
            counts.filtered,
            counts.dropped,
            counts.lag
        ),
        (28, 28, 0, 0, 0)
    );
    fake.stop().await;
}

#[tokio::test]
async fn volume_is_filtered_and_counted() {
    let fake = fake().await;
    let heard = Heard::default();
    let monitor = monitor(&fake).sink(sink(&heard));
    monitor.add_event_filter("die").unwrap();
    monitor.add_event_filter("type:container").unwrap();
    assert!(monitor.add_event_filter("colour:red").is_err());
    let mut monitor = started(&fake, monitor).await;
    let count = longshore_testkit::sized(3_000_usize, 100_000);
    for n in 0..count {
        let action = if n % 3 == 0 { "die" } else { "start" };
        fake.emit(Draft::new("container", action, &n.to_string())).await;
        // An engine that is faster than its reader drops events.
        tokio::task::yield_now().await;
    }
    fake.emit(Draft::new("container", "die", "last")).await;
    let words = heard.until("container die last").await;
    assert_eq!(words.len(), count.div_ceil(3) + 1);
    assert!(words.iter().all(|word| word.starts_with("container die ")));
    let counts = monitor.counts();
    let total = count as u64 + 1;
    assert_eq!(
        (
            counts.received,
            counts.delivered + counts.filtered,
            counts.dropped
        ),
        (total, total, 0)
    );
    // While it runs.
    monitor.clear_event_filters();
    fake.emit(Draft::new("volume", "mount", "data")).await;
    heard.until("volume mount data").await;
    monitor.stop().await;
    fake.stop().await;
}

/// Takes one for each permit.
struct Slow(Heard, Arc<Semaphore>);

impl EventSink for Slow {
    async fn deliver(&self, item: &FollowItem) {
        if let Ok(permit) = self.1.acquire().await {
            permit.forget();
        }
        self.0.note(item);
    }
}

#[tokio::test]
async fn a_slow_sink_and_one_that_panics_harm_no_other() {
    let fake = fake().await;
    let (heard, slow, gate) = (Heard::default(), Heard::default(), Arc::new(Semaphore::new(0)));
    let monitor = monitor(&fake)
        .config(hasty().feed_bounds(50, 1 << 20))
        .sink(|_: &FollowItem| panic!("as the test says"))
        .sink(Slow(slow.clone(), Arc::clone(&gate)))
        .sink(sink(&heard));
    let mut monitor = started(&fake, monitor).await;
    for n in 1..=200 {
        fake.emit(Draft::new("container", "start", &n.to_string())).await;
        heard.until(&format!("container start {n}")).await;
    }
    assert_eq!(heard.words().len(), 200);
    gate.add_permits(1_000);
    let words = slow.until("container start 200").await;
    // The first was in its hands; of the others those are left that the ring holds.
    assert_eq!(
        words[..2],
        ["container start 1".to_owned(), "lagged 149".to_owned()]
    );
    assert_eq!(words.len(), 2 + 50);
    monitor.stop().await;
    assert_eq!(monitor.counts().dropped, 149);
    fake.stop().await;
}

#[tokio::test]
async fn the_engine_going_is_told_and_what_happened_meanwhile_comes() {
    let fake = fake().await;
    let heard = Heard::default();
    let mut monitor = started(&fake, monitor(&fake).sink(sink(&heard))).await;
    fake.emit(Draft::new("container", "start", "1")).await;
    heard.until("container start 1").await;
    fake.go_down().await;
    heard.until("lost").await;
    fake.emit(Draft::new("container", "start", "2")).await;
    fake.come_up().await.unwrap();
    let words = heard.until("container start 2").await;
    assert_eq!(
        words,
        ["container start 1", "lost", "restored", "container start 2"]
    );
    // One that forgot everything: a gap stands before what is new.
    fake.restart(Restart::Crash).await.unwrap();
    fake.emit(Draft::new("container", "start", "3")).await;
    let words = heard.until("container start 3").await;
    assert_eq!(words[4..6], ["lost", "restored"]);
    assert!(words[6].starts_with("gap "), "{words:?}");
    assert_eq!(words.len(), 8);
    monitor.stop().await;
    fake.stop().await;
}

#[tokio::test]
async fn stop_leaves_no_task_and_it_starts_again() {
    let fake = fake().await;
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    let heard = Heard::default();
    let monitor = monitor(&fake).sink(sink(&heard));
    let mut monitor = started(&fake, monitor).await;
    monitor.start().await;
    fake.emit(Draft::new("container", "start", "1")).await;
    heard.until("container start 1").await;
    monitor.stop().await;
    monitor.stop().await;
    assert!(!monitor.is_running());
    eventually("nobody listens", async || match fake.subscribers() {
        0 => Ok(()),
        n => Err(n),
    })
    .await;
    fake.emit(Draft::new("container", "start", "2")).await;
    monitor.restart().await;
    fake.emit(Draft::new("container", "start", "3")).await;
    assert_eq!(
        heard.until("container start 3").await,
        ["container start 1", "container start 3"],
        "what happened between is not told"
    );
    monitor.stop().await;
    assert_eq!(Arc::strong_count(&heard.0), 2, "here, and in the sink");
    drop(monitor);
    assert_eq!(Arc::strong_count(&heard.0), 1, "no task holds the sink");
    // Connections that were kept end with their client.
    eventually("nothing is left", async || match alive() {
        now if now <= before => Ok(()),
        now => Err((now, before)),
    })
    .await;
    fake.stop().await;
}

#[tokio::test]
async fn filters_that_are_added_at_the_same_time_are_all_there() {
    let fake = fake().await;
    for _ in 0..200 {
        let monitor = monitor(&fake);
        let ready = std::sync::Barrier::new(4);
        std::thread::scope(|threads| {
            for thread in 0..4 {
                let (monitor, ready) = (&monitor, &ready);
                threads.spawn(move || {
                    ready.wait();
                    for n in 0..8 {
                        monitor.add_event_filter(&format!("{thread}-{n}")).unwrap();
                    }
                });
            }
        });
        let full = monitor.add_event_filter("one more").unwrap_err();
        assert!(full.to_string().contains("more than 32"), "{full}");
    }
    fake.stop().await;
}

#[tokio::test]
async fn an_event_from_elsewhere_takes_the_same_way() {
    let fake = fake().await;
    let heard = Heard::default();
    let monitor = monitor(&fake).sink(sink(&heard));
    monitor.add_event_filter("start").unwrap();
    for action in ["start", "stop"] {
        let event = Event {
            kind: EventType::Container,
            action: action.into(),
            id: "made".into(),
            attributes: Attributes::default(),
            scope: Scope::Local,
            at: Timestamp::from_secs(1),
        };
        monitor.process_event(event).await;
    }
    assert_eq!(heard.words(), ["container start made"]);
    let counts: MonitorCounts = monitor.counts();
    assert_eq!((counts.received, counts.delivered, counts.filtered), (2, 1, 1));
    fake.stop().await;
}

#[tokio::test]
async fn a_connection_is_tried_as_often_as_asked() {
    let fake = fake().await;
    let monitor = monitor(&fake);
    monitor.retry_connection(1, Duration::ZERO).await.unwrap();
    fake.go_down().await;
    let tried = AtomicUsize::new(0);
    let delay = Duration::from_millis(1);
    monitor.retry_connection(3, delay).await.unwrap_err();
    monitor.retry_connection(0, delay).await.unwrap_err();
    let (back, found) = tokio::join!(
        async {
            tried.fetch_add(1, Ordering::Relaxed);
            fake.come_up().await
        },
        monitor.retry_connection(10_000, delay)
    );
    back.unwrap();
    found.unwrap();
    fake.stop().await;
}
