//! Deaths against an engine from a script.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use longshore_core::{Container, ContainerState, DeathPart, Event, EventType, Scope, Timestamp, WhyUnknown};
use tokio::time::timeout;

use super::*;
use crate::feed::Moment;
use crate::mirror::testing::container;
use crate::testing::{Scripted, script};
use crate::{GapReason, LineId};

struct Stage {
    script: Arc<Scripted>,
    feed: Feed,
}

fn id(name: &str) -> ContainerId {
    ContainerId::new(name).unwrap()
}

fn event(secs: i64, action: &str, id: &str, attributes: &[(&str, &str)]) -> Event {
    let attributes = attributes.iter().map(|(k, v)| (Box::from(*k), Box::from(*v)));
    Event {
        kind: EventType::Container,
        action: action.into(),
        id: id.into(),
        attributes: attributes.collect(),
        scope: Scope::Local,
        at: Timestamp::from_secs(secs),
    }
}

impl Stage {
    fn new() -> Self {
        Self {
            script: script(),
            feed: Feed::new(7, 10_000, 8 << 20),
        }
    }

    fn deaths(&self, config: DeathsConfig, book: Option<Arc<dyn DeathBook>>) -> Deaths {
        Deaths::start_with(Arc::clone(&self.script), &self.feed, Mirror::new(), config, book)
    }

    fn tell(&self, secs: i64, action: &str, id: &str) {
        self.feed.put(
            event(secs, action, id, &[("exitCode", "1")]),
            false,
            (LineId::of(b""), 0),
            Moment::now(),
        );
        self.feed.announce();
    }

    /// A container whose run has ended, with a line of that run.
    fn ended(&self, name: &str, change: impl FnOnce(&mut Container)) {
        let mut container = container(name);
        container.state = ContainerState::Exited;
        container.started_at = Some(Timestamp::from_secs(1));
        container.exit_code = Some(1);
        container.restart_count = Some(0);
        change(&mut container);
        self.script.put(container);
        self.script
            .logs
            .lock()
            .unwrap()
            .insert(id(name), vec![(2, "last words")]);
    }
}

async fn next(reader: &mut DeathReader) -> Arc<DeathRecord> {
    let item = timeout(Duration::from_secs(60), reader.next()).await.unwrap();
    match item.unwrap() {
        DeathItem::Died(record) => record,
        other => panic!("{other:?}"),
    }
}

fn why(record: &DeathRecord) -> Vec<(DeathPart, WhyUnknown)> {
    let unknown = record.unknown.iter();
    unknown
        .map(|unknown| (unknown.part.clone(), unknown.why.clone()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_death_is_asked_about_once_and_kept_when_its_container_goes() {
    let stage = Stage::new();
    stage.ended("a", |_| {});
    let deaths = stage.deaths(DeathsConfig::default(), None);
    let mut reader = deaths.subscribe();
    stage.tell(3, "die", "a");
    let record = next(&mut reader).await;
    assert_eq!((record.exit_code, record.oom), (Some(1), Some(false)));
    assert_eq!(record.log.as_ref().unwrap().lines[0].text, "last words");
    assert_eq!(why(&record), []);
    let calls = [&stage.script.inspects, &stage.script.log_calls];
    assert_eq!(calls.map(|calls| calls.load(Ordering::Relaxed)), [1, 1]);
    stage.script.remove("a");
    stage.tell(4, "oom", "a");
    stage.tell(5, "destroy", "a");
    for _ in 0..2 {
        assert!(matches!(reader.next().await, Some(DeathItem::Amended(_))));
    }
    let kept = deaths.of(&id("a"));
    assert_eq!(
        (kept[0].oom, kept[0].removed),
        (Some(true), Some(Timestamp::from_secs(5)))
    );
    deaths.stop().await;
    assert_eq!(reader.next().await, None);
    assert_eq!(deaths.newest(9), kept, "memory outlives the task");
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_already_is_unknown_and_not_zero() {
    let stage = Stage::new();
    *stage.script.takes.lock().unwrap() = Duration::from_millis(1);
    let deaths = stage.deaths(DeathsConfig::default(), None);
    let mut reader = deaths.subscribe();
    stage.tell(3, "die", "a");
    stage.tell(3, "destroy", "a");
    let record = next(&mut reader).await;
    assert_eq!(
        (record.exit_code, record.oom, &record.log),
        (Some(1), None, &None)
    );
    assert_eq!(
        record.removed,
        Some(Timestamp::from_secs(3)),
        "told while it was asked"
    );
    assert_eq!(
        why(&record),
        [
            (DeathPart::State, WhyUnknown::Gone),
            (DeathPart::Log, WhyUnknown::Gone)
        ]
    );
    assert_eq!((deaths.counters().gone, deaths.counters().partial), (2, 1));
    deaths.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_log_that_never_comes_costs_its_time_and_nobody_elses() {
    let stage = Stage::new();
    for name in ["a", "b"] {
        stage.ended(name, |_| {});
    }
    stage.script.mute.lock().unwrap().push(id("a"));
    let deaths = stage.deaths(DeathsConfig::default(), None);
    let mut reader = deaths.subscribe();
    let began = tokio::time::Instant::now();
    stage.tell(3, "die", "a");
    stage.tell(3, "die", "b");
    assert_eq!(next(&mut reader).await.container, id("b"));
    assert_eq!(began.elapsed(), Duration::ZERO);
    let record = next(&mut reader).await;
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    assert_eq!(why(&record), [(DeathPart::Log, WhyUnknown::TimedOut)]);
    assert_eq!((record.oom, deaths.counters().timed_out), (Some(false), 1));
    deaths.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_is_tried_again_and_its_error_is_told() {
    let stage = Stage::new();
    stage.ended("a", |_| {});
    let deaths = stage.deaths(DeathsConfig::default(), None);
    let mut reader = deaths.subscribe();
    stage.script.is_failing.store(true, Ordering::Relaxed);
    stage.tell(3, "die", "a");
    let record = next(&mut reader).await;
    assert_eq!(record.unknown[0].why, WhyUnknown::Failed);
    assert_eq!(record.unknown[0].detail, "the script says no");
    assert_eq!(stage.script.inspects.load(Ordering::Relaxed), 3);
    stage.tell(4, "die", "a");
    tokio::time::sleep(Duration::from_millis(1)).await;
    stage.script.is_failing.store(false, Ordering::Relaxed);
    assert_eq!(
        why(&*next(&mut reader).await),
        [(DeathPart::State, WhyUnknown::AnotherRun)]
    );
    deaths.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_followed_by_another_keeps_its_own_lines() {
    let stage = Stage::new();
    stage.ended("a", |container| {
        container.state = ContainerState::Running;
        container.started_at = Some(Timestamp::from_secs(5));
    });
    let mut lines = vec![(1, "the run before"), (3, "its own")];
    lines.extend(std::iter::repeat_n((6, "the next run"), 100));
    stage.script.logs.lock().unwrap().insert(id("a"), lines);
    let deaths = stage.deaths(DeathsConfig::default(), None);
    let mut reader = deaths.subscribe();
    stage.tell(1, "die", "a");
    next(&mut reader).await;
    stage.tell(2, "start", "a");
    stage.tell(4, "die", "a");
    let record = next(&mut reader).await;
    assert_eq!(why(&record), [(DeathPart::State, WhyUnknown::AnotherRun)]);
    let log = record.log.as_ref().unwrap();
    let texts: Vec<_> = log.lines.iter().map(|line| &*line.text).collect();
    assert_eq!((texts, log.earlier), (vec!["its own"], false));
    assert_eq!(
        record.started,
        Some(Timestamp::from_secs(2)),
        "by the event, not by the next run"
    );
    deaths.stop().await;
}

#[tokio::test(start_paused = true)]
async fn last_words_behind_those_of_a_later_run_are_not_taken_for_none() {
    let stage = Stage::new();
    stage.ended("a", |_| {});
    let mut lines = vec![(1, "its own")];
    lines.extend(std::iter::repeat_n((6, "the next run"), 1_000));
    stage.script.logs.lock().unwrap().insert(id("a"), lines);
    let deaths = stage.deaths(DeathsConfig::default(), None);
    let mut reader = deaths.subscribe();
    stage.tell(4, "die", "a");
    let record = next(&mut reader).await;
    assert_eq!(record.log, None);
    assert_eq!(why(&record), [(DeathPart::Log, WhyUnknown::AnotherRun)]);
    deaths.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_older_death_that_is_known_later_takes_nothing_of_a_newer_one() {
    let stage = Stage::new();
    stage.ended("a", |_| {});
    stage.script.mute.lock().unwrap().push(id("a"));
    let deaths = stage.deaths(DeathsConfig::default(), None);
    let mut reader = deaths.subscribe();
    stage.tell(3, "die", "a");
    tokio::time::sleep(Duration::from_millis(1)).await;
    stage.script.mute.lock().unwrap().clear();
    stage.tell(6, "die", "a");
    assert_eq!(next(&mut reader).await.ended, Timestamp::from_secs(6));
    stage.tell(6, "oom", "a");
    match reader.next().await {
        Some(DeathItem::Amended(record)) => assert_eq!(record.ended, Timestamp::from_secs(6)),
        other => panic!("{other:?}"),
    }
    let older = next(&mut reader).await;
    assert_eq!((older.ended, older.oom), (Timestamp::from_secs(3), Some(false)));
    let kept: Vec<_> = deaths.of(&id("a")).iter().map(|record| record.oom).collect();
    assert_eq!(kept, [Some(true), Some(false)], "the newest first");
    deaths.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_death_in_a_gap_says_what_nobody_saw() {
    let stage = Stage::new();
    stage.ended("a", |container| container.exit_code = Some(9));
    let deaths = stage.deaths(DeathsConfig::default(), None);
    let mut reader = deaths.subscribe();
    stage.feed.gap(None, None, GapReason::Missed, None);
    stage.feed.synthetic(event(3, "die", "a", &[]), false);
    let record = next(&mut reader).await;
    assert!(record.synthetic);
    assert_eq!((record.exit_code, record.signal), (Some(9), None));
    assert_eq!(why(&record), [(DeathPart::Signal, WhyUnknown::Gap)]);
    assert_eq!(record.log.as_ref().unwrap().lines.len(), 1);
    assert_eq!(deaths.counters().synthetic, 1);
    deaths.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_thousand_deaths_at_once_are_a_thousand_records_and_few_calls() {
    let stage = Stage::new();
    *stage.script.takes.lock().unwrap() = Duration::from_millis(1);
    let names: Vec<String> = (0..1_000).map(|n| format!("c{n:04}")).collect();
    for name in &names {
        stage.ended(name, |_| {});
        stage.tell(3, "die", name);
    }
    let deaths = stage.deaths(DeathsConfig::default(), None);
    let mut reader = deaths.subscribe();
    let told = async {
        let mut told = 0;
        while told < 1_000 {
            told += match reader.next().await.unwrap() {
                DeathItem::Lagged { missed } => missed,
                _ => 1,
            };
        }
        told
    };
    assert_eq!(timeout(Duration::from_secs(60), told).await.unwrap(), 1_000);
    let counters = deaths.counters();
    let asked = stage.script.inspects.load(Ordering::Relaxed) as u64;
    assert_eq!((counters.deaths, counters.not_looked_at + asked), (1_000, 1_000));
    assert!((256..=300).contains(&asked), "{counters:?}");
    let all = deaths.newest(usize::MAX);
    let ids: BTreeSet<_> = all.iter().map(|record| record.container.clone()).collect();
    assert_eq!(ids.len(), 1_000);
    let newest = all.iter().filter(|record| record.container.as_str() >= "c0800");
    assert!(newest.clone().count() == 200 && newest.clone().all(|record| record.log.is_some()));
    deaths.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_container_that_dies_all_the_time_waits_in_one_place() {
    let stage = Stage::new();
    stage.ended("a", |_| {});
    stage.script.mute.lock().unwrap().push(id("a"));
    let deaths = stage.deaths(DeathsConfig::default().at_once(1, 256), None);
    let mut reader = deaths.subscribe();
    for secs in 0..1_000 {
        stage.tell(10 + secs, "die", "a");
    }
    let mut last = next(&mut reader).await;
    for _ in 1..255 {
        last = next(&mut reader).await;
    }
    assert_eq!(why(&last)[0].1, WhyUnknown::AnotherRun);
    let began = tokio::time::Instant::now();
    while deaths.counters().deaths < 1_000 {
        assert!(reader.next().await.is_some());
    }
    assert!(
        began.elapsed() <= Duration::from_secs(10),
        "the first and the last were asked about"
    );
    assert_eq!(
        (deaths.counters().superseded, deaths.of(&id("a")).len()),
        (998, 20)
    );
    deaths.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_when_it_is_stopped_is_recorded_as_it_is() {
    let stage = Stage::new();
    for name in ["a", "b"] {
        stage.ended(name, |_| {});
    }
    stage.script.mute.lock().unwrap().push(id("a"));
    let book = Arc::new(Book::default());
    let deaths = stage.deaths(DeathsConfig::default().at_once(1, 9), Some(book.clone()));
    stage.tell(3, "die", "a");
    stage.tell(4, "die", "b");
    tokio::time::sleep(Duration::from_secs(1)).await;
    deaths.stop().await;
    let all = deaths.newest(9);
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|record| why(record)[0].1 == WhyUnknown::Stopped));
    assert_eq!(book.kept.lock().unwrap().len(), 2, "and kept");
}

#[derive(Default)]
struct Book {
    kept: Mutex<Vec<Arc<DeathRecord>>>,
    failing: AtomicUsize,
}

impl DeathBook for Book {
    fn remember<'a>(
        &'a self,
        deaths: &'a [Arc<DeathRecord>],
    ) -> BoxFuture<'a, Result<(), Box<dyn Error + Send + Sync>>> {
        async move {
            if self.failing.load(Ordering::Relaxed) > 0 {
                self.failing.fetch_sub(1, Ordering::Relaxed);
                return Err("the disk is full".into());
            }
            assert!(deaths.len() <= 64);
            self.kept.lock().unwrap().extend(deaths.iter().cloned());
            Ok(())
        }
        .boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_book_that_failed_gets_what_it_missed() {
    let stage = Stage::new();
    let book = Arc::new(Book::default());
    book.failing.store(3, Ordering::Relaxed);
    let deaths = stage.deaths(DeathsConfig::default(), Some(book.clone()));
    let names: Vec<String> = (0..600).map(|n| format!("c{n:04}")).collect();
    for name in &names {
        stage.tell(3, "die", name);
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    deaths.stop().await;
    let kept = book.kept.lock().unwrap();
    let ids: BTreeSet<_> = kept.iter().map(|record| record.container.clone()).collect();
    assert_eq!((ids.len(), deaths.counters().unkept_tries), (600, 3));
}
