//! The sampler on counters from a script, on paused time.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::{ContainerState, Counters, CpuCounters, Timestamp};
use tokio::time::{Instant, timeout};

use super::*;
use crate::mirror::testing::container;
use crate::testing::{Scripted, script};
use crate::{Watch, WatchConfig};

async fn begin(script: &Arc<Scripted>, names: &[&str]) -> (Watch, Sampler) {
    for name in names {
        let mut container = container(name);
        container.state = ContainerState::Running;
        let cpu = CpuCounters {
            total_ns: Some(1),
            ..CpuCounters::default()
        };
        let counters = Counters {
            at: Timestamp::from_secs(1),
            cpu,
            ..Counters::default()
        };
        script
            .counters
            .lock()
            .unwrap()
            .insert(container.id.clone(), counters);
        script.put(container);
    }
    let stream = script.stream(Vec::new());
    let watch = Watch::start_with(Arc::clone(script), WatchConfig::default());
    watch.mirror().ready().await;
    drop(stream);
    let sampler = Sampler::start_with(Arc::clone(script), watch.mirror(), SamplerConfig::default());
    (watch, sampler)
}

async fn next(reader: &mut SampleReader) -> Vec<(String, Option<f64>)> {
    let round = timeout(Duration::from_secs(60), reader.next())
        .await
        .expect("a round comes")
        .expect("not the end");
    round
        .iter()
        .map(|(id, sample)| (id.to_string(), sample.usage.cpu_percent))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn one_round_a_second_whose_first_is_unknown() {
    let script = script();
    let (watch, sampler) = begin(&script, &["a", "b"]).await;
    let mut reader = sampler.subscribe();
    assert_eq!(
        next(&mut reader).await,
        [("a".to_owned(), None), ("b".to_owned(), None)]
    );
    let before = Instant::now();
    assert_eq!(
        next(&mut reader).await,
        [("a".to_owned(), Some(50.0)), ("b".to_owned(), Some(50.0))]
    );
    assert_eq!(before.elapsed().as_millis(), 1_000);
    let id = ContainerId::new("a").unwrap();
    assert_eq!(sampler.history(&id).len(), 2);
    assert_eq!(sampler.latest(&id).unwrap().usage.cpu_percent, Some(50.0));
    sampler.stop().await;
    assert_eq!(reader.next().await, None);
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_while_nobody_reads() {
    let script = script();
    let (watch, sampler) = begin(&script, &["a"]).await;
    let at = || {
        script
            .counters
            .lock()
            .unwrap()
            .values()
            .next()
            .unwrap()
            .at
            .as_secs()
    };
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(at(), 1);
    let mut reader = sampler.subscribe();
    let mut second = sampler.subscribe();
    next(&mut reader).await;
    next(&mut second).await;
    assert_eq!(at(), 2, "one reading for both");
    drop((reader, second));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let last = at();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(at(), last);
    let mut reader = sampler.subscribe();
    assert_eq!(
        next(&mut reader).await,
        [("a".to_owned(), None)],
        "no average over the time without readers"
    );
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn who_comes_soon_after_the_last_reader_finds_no_hole() {
    let script = script();
    let (watch, sampler) = begin(&script, &["a"]).await;
    let mut reader = sampler.subscribe();
    next(&mut reader).await;
    next(&mut reader).await;
    drop(reader);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut reader = sampler.subscribe();
    assert!(next(&mut reader).await[0].1.is_some(), "sampling went on");
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_container_that_does_not_answer_delays_nobody() {
    let script = script();
    let (watch, sampler) = begin(&script, &["a", "stuck"]).await;
    script
        .stuck
        .lock()
        .unwrap()
        .push(ContainerId::new("stuck").unwrap());
    let mut reader = sampler.subscribe();
    for percent in [None, Some(50.0), Some(50.0)] {
        assert_eq!(next(&mut reader).await, [("a".to_owned(), percent)]);
    }
    watch.stop().await;
}

#[tokio::test(start_paused = true)]
async fn when_nothing_runs_rounds_say_so() {
    let script = script();
    let (watch, sampler) = begin(&script, &[]).await;
    let mut reader = sampler.subscribe();
    assert!(next(&mut reader).await.is_empty());
    assert!(next(&mut reader).await.is_empty());
    watch.stop().await;
}
