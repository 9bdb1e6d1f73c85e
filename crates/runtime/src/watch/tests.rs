//! The follower and the keeper on an engine from a script, on paused time.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::{Container, ContainerState, Health, Timestamp};
use longshore_testkit::eventually;
use tokio::time::{advance, timeout};

use super::*;
use crate::feed::{FeedItem, FeedReader, GapReason, RecordBody};
use crate::mirror::testing::container;
use crate::testing::{Plan, Scripted, line, script};

fn start(script: &Arc<Scripted>) -> (Watch, FeedReader) {
    start_with(script, WatchConfig::default())
}

/// Without renewals, for tests of what takes long.
fn start_lasting(script: &Arc<Scripted>) -> (Watch, FeedReader) {
    start_with(
        script,
        WatchConfig::default().rotate_every(Duration::from_secs(86_400)),
    )
}

fn start_with(script: &Arc<Scripted>, config: WatchConfig) -> (Watch, FeedReader) {
    let watch = Watch::start_with(Arc::clone(script), config);
    let reader = watch.feed().subscribe(10_000, None);
    (watch, reader)
}

/// What a record says, in a word or two.
async fn next(reader: &mut FeedReader) -> String {
    let item = timeout(Duration::from_secs(3_600), reader.next())
        .await
        .expect("something comes");
    match item {
        None => "end".to_owned(),
        Some(FeedItem::Lagged { missed }) => format!("lagged {missed}"),
        Some(FeedItem::Record(record)) => match &record.body {
            RecordBody::Gap { reason, .. } => format!("gap {reason}"),
            RecordBody::Event {
                event,
                synthetic,
                late,
            } => {
                let mark = |is: bool, mark| if is { mark } else { "" };
                format!(
                    "{} {}{}{}",
                    event.id,
                    event.action,
                    mark(*synthetic, " synthetic"),
                    mark(*late, " late")
                )
            }
        },
    }
}

async fn live(watch: &Watch) {
    watch
        .status()
        .wait_for(Status::is_live)
        .await
        .expect("the watch lives");
}

fn running(name: &str, started: i64) -> Container {
    let mut container = container(name);
    container.state = ContainerState::Running;
    container.started_at = Some(Timestamp::from_secs(started));
    container
}

#[tokio::test(start_paused = true)]
async fn the_baseline_is_delivered_and_a_cut_is_bridged() {
    let script = script();
    let first = script.stream(vec![line(1, "create", "a"), line(2, "start", "a")]);
    let (watch, mut reader) = start(&script);
    assert_eq!(
        [next(&mut reader).await, next(&mut reader).await],
        ["a create", "a start"]
    );
    first.send(line(10, "die", "a")).await.unwrap();
    assert_eq!(next(&mut reader).await, "a die");
    let replay = vec![
        line(1, "create", "a"),
        line(2, "start", "a"),
        line(10, "die", "a"),
        line(9, "kill", "a"),
        line(11, "start", "a"),
    ];
    let _second = script.stream(replay);
    drop(first);
    assert_eq!(
        [next(&mut reader).await, next(&mut reader).await],
        ["a kill late", "a start"]
    );
    assert_eq!(watch.counters().gaps, [0; 4]);
    assert_eq!(watch.counters().losses, 1);
    watch.stop().await;
    assert_eq!(next(&mut reader).await, "end");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_not_there_is_a_status_with_backoff() {
    let script = script();
    for _ in 0..3 {
        script.plan(Plan::Refuse("no such socket"));
    }
    let _stream = script.stream(vec![line(1, "create", "a")]);
    let (watch, mut reader) = start(&script);
    assert_eq!(*watch.status().borrow(), Status::Connecting);
    let mut status = watch.status();
    let lost = status
        .wait_for(|status| matches!(status, Status::Lost { attempt: 3, .. }))
        .await
        .unwrap()
        .clone();
    let Status::Lost { error, retry_at, .. } = lost else {
        unreachable!("waited for it")
    };
    assert_eq!(&*error, "no such socket");
    assert!(retry_at.is_some());
    assert_eq!(next(&mut reader).await, "a create");
    assert!(watch.status().borrow().is_live());
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_that_forgot_everything_is_told_before_anything_else() {
    let script = script();
    let first = script.stream(vec![line(1, "create", "a")]);
    let (watch, mut reader) = start(&script);
    assert_eq!(next(&mut reader).await, "a create");
    let _second = script.stream(vec![line(50, "start", "b")]);
    drop(first);
    assert_eq!(
        [next(&mut reader).await, next(&mut reader).await],
        ["gap missed", "b start"]
    );
    assert_eq!(watch.counters().gaps_for(GapReason::Missed), 1);
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn every_thirty_seconds_the_stream_is_renewed_and_a_drop_recovered() {
    let script = script();
    let _first = script.stream(vec![line(1, "create", "a")]);
    let (watch, mut reader) = start(&script);
    assert_eq!(next(&mut reader).await, "a create");
    let _second = script.stream(vec![line(1, "create", "a"), line(2, "start", "a")]);
    let before = Instant::now();
    assert_eq!(next(&mut reader).await, "a start");
    assert_eq!(before.elapsed().as_secs(), 30);
    assert_eq!((watch.counters().rotations, watch.counters().losses), (1, 0));
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_late_event_renews_the_stream_within_a_second() {
    let script = script();
    let first = script.stream(vec![line(1, "create", "a")]);
    let (watch, mut reader) = start(&script);
    assert_eq!(next(&mut reader).await, "a create");
    let _second = script.stream(vec![
        line(1, "create", "a"),
        line(5, "dropped", "a"),
        line(6, "start", "a"),
    ]);
    advance(Duration::from_secs(5)).await;
    first.send(line(6, "start", "a")).await.unwrap();
    assert_eq!(next(&mut reader).await, "a start");
    advance(Duration::from_secs(1)).await;
    first.send(line(6, "late by a second", "a")).await.unwrap();
    assert_eq!(next(&mut reader).await, "a late by a second");
    assert_eq!(next(&mut reader).await, "a dropped late");
    assert_eq!((watch.counters().suspicions, watch.counters().losses), (1, 0));
    assert_eq!(watch.counters().gaps, [0; 4], "the ring still held it all");
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_froze_is_found_by_the_renewal() {
    let script = script();
    let _first = script.stream(vec![line(1, "create", "a")]);
    let (watch, mut reader) = start(&script);
    assert_eq!(next(&mut reader).await, "a create");
    script.plan(Plan::Hang);
    let mut status = watch.status();
    status
        .wait_for(|status| matches!(status, Status::Lost { .. }))
        .await
        .unwrap();
    let _third = script.stream(vec![line(1, "create", "a"), line(9, "die", "a")]);
    assert_eq!(next(&mut reader).await, "a die");
    live(&watch).await;
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_ring_that_is_empty_and_stays_empty_is_no_gap() {
    let script = script();
    let streams: Vec<_> = (0..4).map(|_| script.stream(Vec::new())).collect();
    let (watch, mut reader) = start(&script);
    live(&watch).await;
    while script.subscriptions.load(std::sync::atomic::Ordering::Relaxed) < 4 {
        advance(Duration::from_secs(1)).await;
    }
    live(&watch).await;
    streams[3].send(line(1, "create", "a")).await.unwrap();
    assert_eq!(next(&mut reader).await, "a create");
    assert_eq!(watch.counters().gaps, [0; 4]);
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_line_that_is_no_event_is_told_and_the_stream_goes_on() {
    let script = script();
    let stream = script.stream(vec![line(1, "create", "a")]);
    let (watch, mut reader) = start(&script);
    assert_eq!(next(&mut reader).await, "a create");
    stream.send((LineId::of(b"rubbish"), None)).await.unwrap();
    stream.send(line(2, "start", "a")).await.unwrap();
    assert_eq!(
        [next(&mut reader).await, next(&mut reader).await],
        ["gap unreadable", "a start"]
    );
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_task_that_panics_is_a_loss_like_any_other() {
    let script = script();
    script.plan(Plan::Panic);
    let _stream = script.stream(vec![line(1, "create", "a")]);
    let (watch, mut reader) = start(&script);
    assert_eq!(next(&mut reader).await, "a create");
    assert_eq!(watch.tasks.len(), 6, "follower, four keepers, reader");
    watch.stop().await;
    assert_eq!(watch.tasks.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_mirror_is_ready_when_all_that_was_listed_was_looked_at() {
    let script = script();
    for n in 0..100 {
        script.put(container(&format!("c{n:03}")));
    }
    let _stream = script.stream(Vec::new());
    let (watch, _reader) = start(&script);
    let mirror = watch.mirror();
    assert!(!mirror.is_ready());
    mirror.ready().await;
    assert_eq!((mirror.snapshot().len(), watch.counters().inspects), (100, 100));
    assert_eq!(
        mirror.find("c007").map(|found| found.name.clone()),
        Ok("c007".to_owned())
    );
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_changes_the_mirror_and_an_exec_asks_for_nothing() {
    let script = script();
    let stream = script.stream(Vec::new());
    let (watch, _reader) = start(&script);
    watch.mirror().ready().await;
    let mut updates = watch.mirror().subscribe();
    script.put(running("a", 5));
    stream.send(line(5, "start", "a")).await.unwrap();
    let update = updates.next().await.unwrap();
    assert_eq!(
        (update.upserted.len(), update.upserted[0].state.clone()),
        (1, ContainerState::Running)
    );
    let before = watch.counters().inspects;
    for n in 0..100 {
        stream
            .send(line(10 + n, &format!("exec_create: sh {n}"), "a"))
            .await
            .unwrap();
    }
    script.remove("a");
    stream.send(line(200, "destroy", "a")).await.unwrap();
    let update = updates.next().await.unwrap();
    assert_eq!((update.removed.len(), updates.base().len()), (1, 0));
    assert_eq!(watch.counters().inspects, before + 1);
    assert_eq!(watch.mirror().get(&update.removed[0]), None);
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn health_that_is_shown_already_asks_for_nothing() {
    let script = script();
    let stream = script.stream(Vec::new());
    let (watch, mut reader) = start_lasting(&script);
    let mut healthy = running("a", 5);
    healthy.health = Health::Healthy;
    watch.mirror().ready().await;
    script.put(healthy.clone());
    let mut updates = watch.mirror().subscribe();
    stream.send(line(5, "start", "a")).await.unwrap();
    updates.next().await.unwrap();
    let before = watch.counters().inspects;
    for n in 0..50 {
        stream
            .send(line(10 + n, "health_status: healthy", "a"))
            .await
            .unwrap();
    }
    healthy.health = Health::Unhealthy;
    script.put(healthy);
    stream
        .send(line(100, "health_status: unhealthy", "a"))
        .await
        .unwrap();
    assert_eq!(
        updates.next().await.unwrap().upserted[0].health,
        Health::Unhealthy
    );
    assert_eq!(watch.counters().inspects, before + 1);
    while next(&mut reader).await != "a health_status: unhealthy" {}
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_happened_in_a_gap_is_told_from_the_difference() {
    let script = script();
    for name in ["died", "gone", "same"] {
        script.put(running(name, 5));
    }
    let first = script.stream(vec![line(1, "create", "x")]);
    let (watch, mut reader) = start(&script);
    assert_eq!(next(&mut reader).await, "x create");
    watch.mirror().ready().await;
    let _second = script.stream(vec![line(50, "start", "new")]);
    let mut died = running("died", 5);
    died.state = ContainerState::Exited;
    died.finished_at = Some(Timestamp::from_secs(30));
    script.put(died);
    script.remove("gone");
    script.put(running("new", 50));
    drop(first);
    let mut told = Vec::new();
    for _ in 0..6 {
        told.push(next(&mut reader).await);
    }
    assert_eq!(told[..2], ["gap missed", "new start"]);
    told[2..].sort();
    assert_eq!(
        told[2..],
        [
            "died die synthetic",
            "gone destroy synthetic",
            "gone die synthetic",
            "new create synthetic late"
        ],
        "the start of `new` was told for real"
    );
    assert_eq!((watch.counters().synthetic, watch.counters().repairs), (4, 0));
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_list_that_lags_changes_nothing() {
    let script = script();
    let stream = script.stream(Vec::new());
    let (watch, mut reader) = start_lasting(&script);
    watch.mirror().ready().await;
    script.put(running("a", 5));
    // Just before the regular list: it does not know of the container yet.
    advance(Duration::from_secs(295)).await;
    *script.shown.lock().unwrap() = Some(Vec::new());
    stream.send(line(5, "start", "a")).await.unwrap();
    assert_eq!(next(&mut reader).await, "a start");
    eventually("the regular list was made", async || {
        let lists = watch.counters().lists;
        if lists >= 2 { Ok(()) } else { Err(lists) }
    })
    .await;
    assert_eq!(watch.mirror().snapshot().len(), 1);
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_regular_list_catches_what_no_event_told() {
    let script = script();
    let _stream = script.stream(vec![line(1, "create", "x")]);
    let (watch, mut reader) = start_lasting(&script);
    watch.mirror().ready().await;
    assert_eq!(next(&mut reader).await, "x create");
    script.put(running("silent", 5));
    assert_eq!(
        [next(&mut reader).await, next(&mut reader).await],
        ["silent create synthetic", "silent start synthetic"]
    );
    assert_eq!(watch.counters().repairs, 1);
    assert_eq!(watch.mirror().snapshot().len(), 1);
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn inspects_that_fail_are_tried_again_and_hold_up_nobody() {
    let script = script();
    script.put(running("a", 5));
    let _stream = script.stream(Vec::new());
    script
        .is_failing
        .store(true, std::sync::atomic::Ordering::Relaxed);
    let (watch, _reader) = start_lasting(&script);
    eventually("calls fail", async || {
        let failed = watch.counters().failed_calls;
        if failed > 2 { Ok(()) } else { Err(failed) }
    })
    .await;
    script
        .is_failing
        .store(false, std::sync::atomic::Ordering::Relaxed);
    watch.mirror().ready().await;
    assert_eq!(watch.mirror().snapshot().len(), 1);
    watch.stop().await;
}

/// What a watch has told, as the next run is given it.
fn known_of(watch: &Watch) -> Vec<KnownLine> {
    let records = watch.feed().history(None, 1_000);
    let known = records.iter().filter_map(|record| {
        let at = record.event().map(|event| event.at);
        // The clock stands still here: none is sure of itself.
        Some((record.line?, at, Some(record.unsure.max(1))))
    });
    KnownLine::of_history(known)
}

/// Runs until `told` records came, stops, and gives what it has told.
async fn first_run(lines: Vec<crate::source::RawLine>) -> Vec<KnownLine> {
    let script = script();
    let count = lines.len();
    let _stream = script.stream(lines);
    let (watch, mut reader) = start(&script);
    for _ in 0..count {
        next(&mut reader).await;
    }
    watch.stop().await;
    known_of(&watch)
}

#[tokio::test(start_paused = true)]
async fn a_run_goes_on_where_the_one_before_it_ended() {
    let before = vec![
        line(1, "create", "a"),
        line(2, "start", "a"),
        line(100, "die", "a"),
    ];
    let known = first_run(before.clone()).await;
    assert_eq!(known.len(), 3);
    let script = script();
    script.put(running("b", 5));
    let replay = [before, vec![line(101, "create", "b"), line(102, "start", "b")]].concat();
    let _stream = script.stream(replay);
    let (watch, mut reader) = start_with(&script, WatchConfig::default().known(known));
    assert_eq!(
        [next(&mut reader).await, next(&mut reader).await],
        ["b create", "b start"]
    );
    watch.mirror().ready().await;
    assert_eq!(watch.counters().gaps, [0; 4]);
    assert_eq!(
        watch.counters().synthetic,
        0,
        "what was found at first is no news"
    );
    watch.stop().await;
    assert_eq!(next(&mut reader).await, "end");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_cannot_prove_that_it_missed_nothing_begins_with_a_gap() {
    let known = first_run(vec![line(1, "create", "a"), line(100, "die", "a")]).await;
    // The oldest line that the engine holds is not one that was told.
    let script = script();
    script.put(running("b", 5));
    let _stream = script.stream(vec![line(200, "create", "b")]);
    let (watch, mut reader) = start_with(&script, WatchConfig::default().known(known.clone()));
    assert_eq!(
        [next(&mut reader).await, next(&mut reader).await],
        ["gap missed", "b create"]
    );
    let gap = watch.feed().history(None, 10)[0].clone();
    let RecordBody::Gap { from, to, .. } = gap.body else {
        panic!("{gap:?}")
    };
    // What came shortly before the run's end proves nothing.
    assert_eq!((from, to), (Timestamp::from_secs(1), Timestamp::from_secs(200)));
    watch.mirror().ready().await;
    assert_eq!(watch.counters().synthetic, 0);
    watch.stop().await;
    // It holds none at all: it has restarted.
    let script = crate::testing::script();
    let _stream = script.stream(vec![]);
    let (watch, mut reader) = start_with(&script, WatchConfig::default().known(known.clone()));
    assert_eq!(next(&mut reader).await, "gap restarted");
    watch.stop().await;
    // A full ring whose first line came shortly before the end.
    let script = crate::testing::script();
    let mut replay = vec![line(100, "die", "a")];
    replay.extend((101..300).map(|n| line(n, "top", "a")));
    let _stream = script.stream(replay);
    let (watch, mut reader) = start_with(&script, WatchConfig::default().known(known));
    assert_eq!(
        [next(&mut reader).await, next(&mut reader).await],
        ["gap dropped", "a top"]
    );
    watch.stop().await;
}
