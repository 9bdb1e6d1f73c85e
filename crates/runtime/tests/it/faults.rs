//! The follower and the mirror on a fake engine that does what engines do at their worst.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use longshore_runtime::{GapReason, Status, Watch, WatchConfig};
use longshore_testkit::fake::{Draft, FakeConfig, FakeEngine, Restart, Spec};
use longshore_testkit::{Eventually, eventually};

use crate::account::{Told, all_told, engine, hasty, live, mirror_equals_inspect};

const FAR: usize = 1_000_000;

async fn fake(config: FakeConfig) -> FakeEngine {
    FakeEngine::start(config).await.unwrap()
}

fn nasty(seed: u64) -> FakeConfig {
    FakeConfig::default()
        .seed(seed)
        .interleave(Duration::from_millis(6))
        .list_lag(Duration::from_millis(20))
}

/// A hundred things a second, each to its end: an engine that changes without a word is no engine.
async fn churn_until(fake: &FakeEngine, is_over: &AtomicBool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    while !is_over.load(Ordering::Relaxed) {
        ticks.tick().await;
        fake.churn_once().await;
    }
}

/// Churn by several writers while `trouble` happens; then the account.
async fn churn_through(
    fake: &FakeEngine,
    config: WatchConfig,
    trouble: impl AsyncFnOnce(&FakeEngine),
) -> (Told, Watch) {
    fake.add_containers(40);
    // An engine that holds no event proves nothing when it is seen again.
    fake.emit(Draft::new("container", "start", "the first")).await;
    let watch = Watch::start(engine(&fake.endpoint()), config);
    let mut reader = watch.feed().subscribe(FAR, None);
    let mut told = Told::default();
    live(&watch).await;
    let is_over = AtomicBool::new(false);
    let all = async {
        trouble(fake).await;
        is_over.store(true, Ordering::Relaxed);
    };
    let churn = || churn_until(fake, &is_over);
    tokio::join!(all, churn(), churn(), churn(), churn());
    fake.faults().clear();
    live(&watch).await;
    all_told(fake, &mut reader, &mut told).await;
    mirror_equals_inspect(&engine(&fake.endpoint()), &watch.mirror(), |_| true).await;
    told.read(&mut reader);
    (told, watch)
}

#[tokio::test]
async fn streams_cut_at_any_byte_lose_nothing() {
    let fake = fake(nasty(1)).await;
    let (told, watch) = churn_through(&fake, hasty(), async |fake| {
        for cut in 0..longshore_testkit::sized(150, 1_000) {
            // Inside the head, inside the replay, inside what is live.
            fake.faults().cut_after("GET /events", cut * 397 % 60_000);
            fake.break_connections();
            eventually("the cut is made", async || match fake.faults().left() {
                0 => Ok(()),
                left => Err(left),
            })
            .await;
        }
    })
    .await;
    let missing = told.settle(&fake);
    // Some hundred events a second and a reconnect in milliseconds: the ring cannot have overflowed.
    assert_eq!((missing, told.gaps.len()), (0, 0), "{:?}", told.gaps);
    assert!(watch.counters().losses >= 100, "{:?}", watch.counters());
    watch.stop().await;
    fake.stop().await;
}

#[tokio::test]
async fn restarts_and_absences_lose_nothing_without_a_word() {
    let fake = fake(nasty(2)).await;
    let (told, watch) = churn_through(&fake, hasty(), async |fake| {
        for how in [Restart::Crash, Restart::PowerCut, Restart::Clean, Restart::Crash] {
            fake.restart(how).await.unwrap();
            let before = fake.published();
            fake.refuse(true).await.unwrap();
            fake.break_connections();
            Eventually::within(Duration::from_secs(20))
                .holds("the ring overflows while nobody listens", async || {
                    match fake.published() - before {
                        300.. => Ok(()),
                        few => Err(few),
                    }
                })
                .await;
            fake.refuse(false).await.unwrap();
            eventually("the follower is back", async || match fake.subscribers() {
                0 => Err(()),
                _ => Ok(()),
            })
            .await;
        }
    })
    .await;
    let missing = told.settle(&fake);
    assert!(
        missing > 0 && told.gaps.len() >= 4,
        "{missing} missing, gaps {:?}",
        told.gaps
    );
    watch.stop().await;
    fake.stop().await;
}

#[tokio::test]
async fn what_is_dropped_for_a_stuck_stream_is_recovered_or_told() {
    let config = FakeConfig {
        queue: 16,
        patience: Duration::from_millis(20),
        ..nasty(3)
    };
    let fake = fake(config).await;
    let (told, watch) = churn_through(&fake, hasty(), async |fake| {
        for round in 0..5 {
            // The stream stays open and silent; the engine's queue for it fills, and it drops.
            fake.faults().stall_after("GET /events", 20_000 + round * 7_000);
            fake.break_connections();
            let dropped = fake.dropped();
            eventually("events are dropped", async || match fake.dropped() - dropped {
                0 => Err(()),
                _ => Ok(()),
            })
            .await;
        }
    })
    .await;
    told.settle(&fake);
    watch.stop().await;
    fake.stop().await;
}

#[tokio::test]
async fn a_frozen_engine_is_lost_and_found() {
    let fake = fake(FakeConfig::default()).await;
    fake.add_containers(3);
    let watch = Watch::start(engine(&fake.endpoint()), hasty());
    watch.mirror().ready().await;
    fake.freeze(true);
    let mut status = watch.status();
    status
        .wait_for(|status| matches!(status, Status::Lost { .. }))
        .await
        .unwrap();
    assert_eq!(
        watch.mirror().snapshot().len(),
        3,
        "the mirror shows what was last known"
    );
    fake.freeze(false);
    live(&watch).await;
    mirror_equals_inspect(&engine(&fake.endpoint()), &watch.mirror(), |_| true).await;
    watch.stop().await;
    eventually("no stream is left open", async || match fake.subscribers() {
        0 => Ok(()),
        left => Err(left),
    })
    .await;
    fake.stop().await;
}

#[tokio::test]
async fn rubbish_swarm_and_what_nobody_knows_leave_the_stream_whole() {
    let fake = fake(FakeConfig::default()).await;
    let watch = Watch::start(engine(&fake.endpoint()), hasty());
    let mut reader = watch.feed().subscribe(FAR, None);
    live(&watch).await;
    for draft in [
        Draft::new("container", "start", "first"),
        Draft::new("starship", "warp", "enterprise").with("speed", "9"),
        Draft::new("service", "update", "s").swarm().stamped(5),
        Draft::rubbish("{\"Type\":"),
        Draft::rubbish(""),
        Draft::new("container", "start", "heavy").with("label", "x".repeat(1 << 20)),
        Draft::new("container", "start", "last"),
    ] {
        fake.emit(draft).await;
    }
    let mut told = Told::default();
    eventually("the last is told", async || {
        told.read(&mut reader);
        match told.events.keys().any(|(_, id, _)| id == "last") {
            true => Ok(()),
            false => Err(told.events.len()),
        }
    })
    .await;
    // Some renewals later nothing has come twice, and the swarm event has proved nothing.
    let before = watch.counters().rotations;
    eventually("the stream is renewed thrice", async || {
        match watch.counters().rotations - before {
            3.. => Ok(()),
            few => Err(few),
        }
    })
    .await;
    told.read(&mut reader);
    let ids: Vec<&str> = told.events.keys().map(|(_, id, _)| &**id).collect();
    assert_eq!((ids.len(), told.gaps.len()), (5, 1), "{ids:?} {:?}", told.gaps);
    assert!(told.events.values().all(|times| *times == 1));
    assert_eq!(watch.counters().gaps_for(GapReason::Unreadable), 1);
    watch.stop().await;
    fake.stop().await;
}

#[tokio::test]
async fn an_engine_without_an_event_is_followed_in_peace() {
    let fake = fake(FakeConfig::default()).await;
    let watch = Watch::start(engine(&fake.endpoint()), hasty());
    live(&watch).await;
    eventually("the stream is renewed thrice", async || {
        match watch.counters().rotations {
            3.. => Ok(()),
            few => Err(few),
        }
    })
    .await;
    let id = fake.create(Spec::new("sample")).await.unwrap();
    eventually("the container shows", async || match watch.mirror().find(&id) {
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    })
    .await;
    assert_eq!(watch.counters().gaps, [0; 4]);
    watch.stop().await;
    fake.stop().await;
}

#[tokio::test]
async fn an_event_of_the_future_stops_nothing_and_loses_nothing() {
    let fake = fake(FakeConfig::default()).await;
    fake.emit(Draft::new("container", "start", "the first")).await;
    let watch = Watch::start(engine(&fake.endpoint()), hasty());
    let mut reader = watch.feed().subscribe(FAR, None);
    live(&watch).await;
    let mut told = Told::default();
    let year = 365 * 86_400_000_000_000;
    for round in 0..6 {
        let now = fake
            .emit(Draft::new("container", "start", &format!("before {round}")))
            .await;
        let ahead = now.time_nano + year;
        fake.emit(Draft::new("container", "die", &format!("future {round}")).stamped(ahead))
            .await;
        fake.emit(Draft::new("container", "start", &format!("after {round}")))
            .await;
        if round % 2 == 1 {
            fake.break_connections();
        }
        // It is in every replay from here on, and no reason to look again each time.
        let before = watch.counters().rotations;
        eventually("the stream is renewed twice", async || {
            match watch.counters().rotations - before {
                2.. => Ok(()),
                few => Err(few),
            }
        })
        .await;
    }
    all_told(&fake, &mut reader, &mut told).await;
    assert_eq!((told.settle(&fake), told.gaps.len()), (0, 0), "{:?}", told.gaps);
    let counted = watch.counters();
    assert!(
        counted.suspicions <= 2 * 6,
        "each is suspicious once: {counted:?}"
    );
    watch.stop().await;
    fake.stop().await;
}

#[tokio::test]
async fn a_container_renamed_while_it_is_removed_is_gone_and_both_are_told() {
    let fake = fake(nasty(4)).await;
    let watch = Watch::start(engine(&fake.endpoint()), hasty());
    let mut reader = watch.feed().subscribe(FAR, None);
    fake.emit(Draft::new("container", "start", "the first")).await;
    live(&watch).await;
    for round in 0..20 {
        let name = format!("web{round}");
        let id = fake.create(Spec::new("sample").name(&name)).await.unwrap();
        // In either order; the one that comes second finds nothing, and its event may still come after the other's.
        let renamed = format!("renamed{round}");
        let (_, removed) = tokio::join!(fake.rename(&id, &renamed), fake.remove(&id, true));
        removed.unwrap();
        let late = Draft::new("container", "rename", &id)
            .with("name", &*renamed)
            .with("oldName", name);
        fake.emit(late).await;
    }
    let mut told = Told::default();
    all_told(&fake, &mut reader, &mut told).await;
    mirror_equals_inspect(&engine(&fake.endpoint()), &watch.mirror(), |_| true).await;
    assert_eq!(watch.mirror().snapshot().len(), 0);
    assert_eq!((told.settle(&fake), told.gaps.len()), (0, 0), "{:?}", told.gaps);
    watch.stop().await;
    fake.stop().await;
}
