//! The sampler on counters from a script, on paused time.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::{ContainerState, Counters, CpuCounters, Crossing, Measure, Threshold, Timestamp};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::*;
use crate::mirror::testing::container;
use crate::source::RawLine;
use crate::testing::{Scripted, line, script};
use crate::{Watch, WatchConfig};

async fn begin(script: &Arc<Scripted>, names: &[&str]) -> (Watch, Sampler) {
    let (watch, sampler, _) = begin_live(script, names).await;
    (watch, sampler)
}

/// The same, whose event stream lives on.
async fn begin_live(script: &Arc<Scripted>, names: &[&str]) -> (Watch, Sampler, mpsc::Sender<RawLine>) {
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
    let sampler = Sampler::start_with(Arc::clone(script), watch.mirror(), SamplerConfig::default());
    (watch, sampler, stream)
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

#[tokio::test(start_paused = true)]
async fn a_threshold_is_told_once_for_each_container() {
    let script = script();
    let (watch, sampler) = begin(&script, &["a", "b"]).await;
    let hold = Duration::from_secs(3);
    let busy = Threshold::above(Measure::Cpu, 40.0).hold(hold);
    let idle = Threshold::below(Measure::Cpu, 10.0);
    let mut events = sampler.thresholds(vec![busy, idle]);
    let before = Instant::now();
    let mut told = Vec::new();
    for _ in 0..2 {
        let event = timeout(Duration::from_secs(60), events.next())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (event.threshold, event.crossing, event.value),
            (busy, Crossing::Raised, Some(50.0))
        );
        told.push(event.container.to_string());
    }
    told.sort();
    assert_eq!(told, ["a", "b"]);
    assert!(before.elapsed() >= hold, "{:?}", before.elapsed());
    let nothing = timeout(Duration::from_secs(30), events.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    watch.stop().await;
    sampler.stop().await;
    assert_eq!(events.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_threshold_is_cleared_when_its_container_ends() {
    let script = script();
    let (watch, sampler, stream) = begin_live(&script, &["a"]).await;
    let busy = Threshold::above(Measure::Cpu, 40.0);
    let mut events = sampler.thresholds(vec![busy]);
    let mut next = async || {
        timeout(Duration::from_secs(60), events.next())
            .await
            .unwrap()
            .unwrap()
    };
    assert_eq!(next().await.crossing, Crossing::Raised);
    let mut ended = container("a");
    ended.state = ContainerState::Exited;
    script.put(ended);
    stream.send(line(9, "die", "a")).await.unwrap();
    let event = next().await;
    assert_eq!(
        (event.crossing, event.value, event.container.as_str()),
        (Crossing::Cleared, None, "a")
    );
    watch.stop().await;
}

#[cfg(target_os = "linux")]
mod files {
    use longshore_core::cgroup::Version;

    use super::super::cgroup::testing::{FakeKernel, id, running};
    use super::*;

    /// A sampler whose first container can be read from files, and whose second cannot.
    async fn begin(script: &Arc<Scripted>, config: SamplerConfig) -> (FakeKernel, Watch, Sampler) {
        let kernel = FakeKernel::new(Version::V2);
        kernel.start(1);
        *script.kernel.lock().unwrap() = Some(kernel.root());
        for n in [1, 2] {
            script.put(running(n));
            let counters = Counters {
                at: Timestamp::from_secs(1),
                ..Counters::default()
            };
            script.counters.lock().unwrap().insert(id(n), counters);
        }
        let _stream = script.stream(Vec::new());
        let watch = Watch::start_with(Arc::clone(script), WatchConfig::default());
        watch.mirror().ready().await;
        let sampler = Sampler::start_with(Arc::clone(script), watch.mirror(), config);
        (kernel, watch, sampler)
    }

    async fn sources(reader: &mut SampleReader) -> Vec<(ContainerId, SampleSource)> {
        let round = timeout(Duration::from_secs(60), reader.next())
            .await
            .unwrap()
            .unwrap();
        let mut sources: Vec<_> = round
            .iter()
            .map(|(id, sample)| (id.clone(), sample.source))
            .collect();
        sources.sort_by_key(|(id, _)| id.clone());
        sources
    }

    #[tokio::test(start_paused = true)]
    async fn files_where_they_are_and_the_engine_for_the_rest() {
        use SampleSource::{Cgroup, Engine};
        let script = script();
        let config = SamplerConfig::default().max_open_files(0);
        let (kernel, watch, sampler) = begin(&script, config).await;
        let mut reader = sampler.subscribe();
        for _ in 0..3 {
            assert_eq!(sources(&mut reader).await, [(id(1), Cgroup), (id(2), Engine)]);
        }
        let usage = sampler.latest(&id(1)).unwrap().usage;
        assert_eq!((usage.memory_bytes, usage.pids), (Some(64_000_000), Some(3)));
        assert_eq!(
            script.counters.lock().unwrap()[&id(1)].at,
            Timestamp::from_secs(1),
            "not asked"
        );
        // It ends and is read through the engine, which knows; no round is without it.
        kernel.remove(&kernel.file(1, "", "cpu.stat"));
        assert_eq!(sources(&mut reader).await, [(id(1), Engine), (id(2), Engine)]);
        watch.stop().await;
    }

    #[tokio::test(start_paused = true)]
    async fn files_can_be_forbidden() {
        let script = script();
        let config = SamplerConfig::default().source(CounterFiles::Never);
        let (_kernel, watch, sampler) = begin(&script, config).await;
        let mut reader = sampler.subscribe();
        let engine = SampleSource::Engine;
        assert_eq!(sources(&mut reader).await, [(id(1), engine), (id(2), engine)]);
        watch.stop().await;
    }

    /// A pipe that nobody writes into, so that to open it hangs; until this is dropped.
    struct Pipe(std::path::PathBuf);

    impl Pipe {
        fn instead_of(file: std::path::PathBuf) -> Self {
            std::fs::remove_file(&file).unwrap();
            let made = std::process::Command::new("mkfifo").arg(&file).status().unwrap();
            assert!(made.success());
            Self(file)
        }
    }

    impl Drop for Pipe {
        fn drop(&mut self) {
            // Both ends at once never hang; then the other side reads the end.
            let _ = std::fs::OpenOptions::new().read(true).write(true).open(&self.0);
        }
    }

    // On real time: paused time stands still while a blocking call is under way.
    #[tokio::test]
    async fn files_that_hang_leave_the_engine() {
        let script = script();
        let mut config = SamplerConfig::default().interval(Duration::from_millis(10));
        config.call_timeout = Duration::from_millis(100);
        let (kernel, watch, sampler) = begin(&script, config).await;
        let _pipe = Pipe::instead_of(kernel.root().join("proc/stat"));
        let mut reader = sampler.subscribe();
        let mut last = sources(&mut reader).await;
        while last.len() < 2 {
            last = sources(&mut reader).await;
        }
        let engine = SampleSource::Engine;
        assert_eq!(last, [(id(1), engine), (id(2), engine)]);
        assert_eq!(sources(&mut reader).await, last, "and for good");
        watch.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn in_the_background_an_engine_is_asked_once_a_minute_and_a_reader_at_once() {
    let script = script();
    let (watch, sampler) = begin(&script, &["a"]).await;
    sampler.stop().await;
    let config = SamplerConfig::default().background(Duration::from_secs(10));
    let sampler = Sampler::start_with(Arc::clone(&script), watch.mirror(), config);
    let id = ContainerId::new("a").unwrap();
    tokio::time::sleep(Duration::from_secs(305)).await;
    let begun = Instant::now();
    let mut reader = sampler.subscribe();
    next(&mut reader).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let taken: Vec<_> = sampler
        .history(&id)
        .iter()
        .map(|sample| sample.elapsed.as_secs())
        .collect();
    assert_eq!(taken, [60, 120, 180, 240, 300, 305]);
    let spans: Vec<_> = sampler
        .steps(&id)
        .iter()
        .map(|step| step.span().as_secs())
        .collect();
    assert_eq!(spans, [0, 60, 60, 60, 60], "the last goes on");
    sampler.stop().await;
    watch.stop().await;
}
