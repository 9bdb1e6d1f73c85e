//! One container over a window: its averages, peaks and percentiles.
//!
//! Owns the task that reads one container without a mirror, and the handle that answers from its window. What a window
//! says is `longshore-core`'s; for all containers of an engine there is the [`Sampler`](super::Sampler).

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use longshore_core::{Container, ContainerId, ContainerState, Counters, Measure, Span, Usage, Window};
use longshore_engine::Engine;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::SampleSource;
use super::files::Files;
use super::series::{Kept, Series};
use super::target::Target;
use crate::source::{CounterSource, ObjectSource, SourceError};
use crate::tasks::guarded;

/// Rates over less say more about the moment of measuring than about the container.
const SHORTEST: Duration = Duration::from_secs(1);
/// For one reading, and for the files before it.
const LIMIT: Duration = Duration::from_secs(5);
/// Bytes of the MB in which memory is told.
const MB: f64 = 1e6;

/// Watches one container, and answers from the samples of a window. Made by [`Monitor::start`]; sampling ends when the last
/// clone is dropped, and when the container is removed. Cheap to clone.
///
/// It samples at most once a second, and so that the capacity covers the whole window: an hour with 360 samples has one
/// each 10 s. Averages are of counters and miss nothing between two samples; peaks and percentiles are of the samples. A
/// sample takes 280 bytes. While the container does not run there are none, and what was sampled leaves the window with
/// time.
///
/// Every answer is `None` where nothing is known: before the second sample for what needs two, on an engine that does not
/// say, and for a part of the window without samples.
#[derive(Clone)]
pub struct Monitor {
    shared: Arc<Shared>,
    samples: watch::Receiver<u64>,
    owner: Arc<Owner>,
}

struct Owner {
    tasks: TaskTracker,
    stop: CancellationToken,
    _end: DropGuard,
}

struct Shared {
    id: ContainerId,
    began: Instant,
    window: Mutex<Window>,
}

impl Shared {
    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor")
            .field("container", &self.shared.id)
            .finish_non_exhaustive()
    }
}

impl Monitor {
    /// Watches the container `id`, over `window`, with at most `capacity` samples.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(engine: Engine, id: ContainerId, window: Duration, capacity: usize) -> Self {
        Self::start_with(Arc::new(engine), id, window, capacity)
    }

    pub(crate) fn start_with<S: CounterSource + ObjectSource<Container>>(
        source: Arc<S>,
        id: ContainerId,
        window: Duration,
        capacity: usize,
    ) -> Self {
        let parts = u32::try_from(capacity.max(1)).unwrap_or(u32::MAX);
        let every = (window / parts).max(SHORTEST);
        let shared = Arc::new(Shared {
            id: id.clone(),
            began: Instant::now(),
            window: Mutex::new(Window::new(window, capacity)),
        });
        let (sender, samples) = watch::channel(0);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let meter = Meter {
            files: Files::new(source.kernel(), None, LIMIT),
            source,
            id,
            container: None,
            series: Series::default(),
        };
        let work = run(meter, every, Arc::clone(&shared), sender);
        let until = stop.clone();
        tasks.spawn(async move {
            // The text is logged; readers see the end.
            let work = guarded("the monitor of a container", work);
            until.run_until_cancelled(work).await;
        });
        tasks.close();
        let end = stop.clone().drop_guard();
        Self {
            shared,
            samples,
            owner: Arc::new(Owner {
                tasks,
                stop,
                _end: end,
            }),
        }
    }

    /// The container.
    pub fn container(&self) -> &ContainerId {
        &self.shared.id
    }

    /// The next sample; `None` when there will be none. One who is slow gets the newest.
    ///
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<Usage> {
        self.samples.changed().await.ok()?;
        self.latest()
    }

    /// The newest sample in the window.
    pub fn latest(&self) -> Option<Usage> {
        self.shared.window().latest().map(|(_, usage)| *usage)
    }

    /// Samples in the window.
    pub fn len(&self) -> usize {
        self.shared.window().len()
    }

    /// Whether there is none yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The average of a figure over a part of the window: a [`Duration`] is the last so long.
    pub fn average(&self, measure: Measure, part: impl Into<Span>) -> Option<f64> {
        let now = self.shared.began.elapsed();
        self.shared.window().average(measure, part, now)
    }

    /// The highest sample of a part of the window.
    pub fn peak(&self, measure: Measure, part: impl Into<Span>) -> Option<f64> {
        let now = self.shared.began.elapsed();
        self.shared.window().peak(measure, part, now)
    }

    /// The sample of a part of the window that `percent` percent of the samples do not exceed (nearest rank).
    pub fn percentile(&self, measure: Measure, percent: f64, part: impl Into<Span>) -> Option<f64> {
        let now = self.shared.began.elapsed();
        self.shared.window().percentile(measure, percent, part, now)
    }

    /// Average processor use in percent of one processor.
    pub fn avg_cpu_usage(&self, part: impl Into<Span>) -> Option<f64> {
        self.average(Measure::Cpu, part)
    }

    /// Highest processor use in percent of one processor.
    pub fn peak_cpu_usage(&self, part: impl Into<Span>) -> Option<f64> {
        self.peak(Measure::Cpu, part)
    }

    /// Average memory in MB of 10⁶ bytes.
    pub fn avg_memory_usage(&self, part: impl Into<Span>) -> Option<f64> {
        Some(self.average(Measure::Memory, part)? / MB)
    }

    /// Highest memory in MB of 10⁶ bytes.
    pub fn peak_memory_usage(&self, part: impl Into<Span>) -> Option<f64> {
        Some(self.peak(Measure::Memory, part)? / MB)
    }

    /// Bytes a second received and sent, on average.
    pub fn network_rate(&self, part: impl Into<Span>) -> (Option<f64>, Option<f64>) {
        let part = part.into();
        (
            self.average(Measure::NetRx, part),
            self.average(Measure::NetTx, part),
        )
    }

    /// Bytes a second read from block devices and written to them, on average.
    pub fn block_rate(&self, part: impl Into<Span>) -> (Option<f64>, Option<f64>) {
        let part = part.into();
        (
            self.average(Measure::BlockRead, part),
            self.average(Measure::BlockWrite, part),
        )
    }

    /// Ends the task and waits until it has. What was sampled can still be asked for.
    pub async fn stop(&self) {
        self.owner.stop.cancel();
        self.owner.tasks.wait().await;
    }
}

/// Samples until the container is gone.
async fn run<S: CounterSource + ObjectSource<Container>>(
    mut meter: Meter<S>,
    every: Duration,
    shared: Arc<Shared>,
    samples: watch::Sender<u64>,
) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let read = timeout(LIMIT * 2, meter.read()).await;
        match read.unwrap_or_else(|_| Err(SourceError::new("the engine does not answer in time"))) {
            Ok(Some(usage)) => {
                shared.window().push(shared.began.elapsed(), usage);
                samples.send_modify(|count| *count += 1);
            }
            Ok(None) => {}
            Err(error) if error.not_found => return,
            Err(error) => {
                tracing::debug!(id = %shared.id, error = %error.text, "a container could not be sampled");
            }
        }
    }
}

/// Reads one container.
struct Meter<S> {
    source: Arc<S>,
    id: ContainerId,
    files: Files,
    /// As it was inspected, while its files could be read since.
    container: Option<Box<Container>>,
    series: Series,
}

impl<S: CounterSource + ObjectSource<Container>> Meter<S> {
    /// `None` while it does not run. Its files prove that it still does; without them it is inspected each time, so that a
    /// restart does not go unseen.
    async fn read(&mut self) -> Result<Option<Usage>, SourceError> {
        if let Some(container) = self.container.take()
            && let Some(counters) = self.read_files(&container).await
        {
            let usage = self.add(counters, &container, SampleSource::Cgroup);
            self.container = Some(container);
            return Ok(usage);
        }
        let container = Box::new(self.source.inspect(&self.id).await?);
        if container.state != ContainerState::Running {
            self.series.pause();
            return Ok(None);
        }
        if let Some(counters) = self.read_files(&container).await {
            let usage = self.add(counters, &container, SampleSource::Cgroup);
            self.container = Some(container);
            return Ok(usage);
        }
        let counters = self.source.read(&self.id).await?;
        Ok(self.add(counters, &container, SampleSource::Engine))
    }

    async fn read_files(&mut self, container: &Container) -> Option<Counters> {
        if !self.files.is_idle() {
            return None;
        }
        self.files.begin(vec![Target::from(container)]);
        self.files.read().await.pop()?.1
    }

    fn add(&mut self, mut reading: Counters, container: &Container, source: SampleSource) -> Option<Usage> {
        reading.cpu.limit_nano = reading.cpu.limit_nano.or(container.nano_cpus);
        let origin = (source, Duration::ZERO);
        let sample = self
            .series
            .add(reading, container.started_at, origin, Kept::LAST)?;
        Some(sample.usage)
    }
}

#[cfg(test)]
mod tests {
    use longshore_core::Timestamp;

    use super::*;
    use crate::mirror::testing::container;
    use crate::testing::{Scripted, script};

    fn put(script: &Scripted, state: ContainerState, started: i64) {
        let mut container = container("a");
        container.state = state;
        container.started_at = Some(Timestamp::from_secs(started));
        let counters = Counters {
            at: Timestamp::from_secs(1),
            cpu: longshore_core::CpuCounters {
                total_ns: Some(1),
                ..Default::default()
            },
            ..Counters::default()
        };
        script
            .counters
            .lock()
            .unwrap()
            .entry(container.id.clone())
            .or_insert(counters);
        script.put(container);
    }

    fn start(script: &Arc<Scripted>, window: u64, capacity: usize) -> Monitor {
        let id = ContainerId::new("a").unwrap();
        Monitor::start_with(Arc::clone(script), id, Duration::from_secs(window), capacity)
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_is_filled_and_answers() {
        let script = script();
        put(&script, ContainerState::Running, 1);
        let mut monitor = start(&script, 60, 120);
        assert_eq!(monitor.next().await.unwrap().cpu_percent, None, "the first");
        for _ in 0..5 {
            assert_eq!(monitor.next().await.unwrap().cpu_percent, Some(50.0));
        }
        let all = Duration::from_secs(60);
        assert_eq!(
            (monitor.avg_cpu_usage(all), monitor.peak_cpu_usage(all)),
            (Some(50.0), Some(50.0))
        );
        assert_eq!(monitor.percentile(Measure::Cpu, 50.0, all), Some(50.0));
        assert_eq!(monitor.peak_memory_usage(all), None, "unknown is not zero");
        assert_eq!((monitor.len(), monitor.network_rate(all)), (6, (None, None)));
        monitor.stop().await;
        assert_eq!(monitor.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_capacity_covers_the_window() {
        let script = script();
        put(&script, ContainerState::Running, 1);
        let mut monitor = start(&script, 60, 6);
        monitor.next().await;
        let before = Instant::now();
        for _ in 0..10 {
            monitor.next().await.unwrap();
        }
        assert_eq!((before.elapsed(), monitor.len()), (Duration::from_secs(100), 6));
    }

    #[tokio::test(start_paused = true)]
    async fn another_run_begins_with_unknown_and_the_end_is_told() {
        let script = script();
        put(&script, ContainerState::Running, 1);
        let mut monitor = start(&script, 60, 60);
        monitor.next().await;
        assert_eq!(monitor.next().await.unwrap().cpu_percent, Some(50.0));
        put(&script, ContainerState::Running, 9);
        assert_eq!(
            monitor.next().await.unwrap().cpu_percent,
            None,
            "its counters are others"
        );
        put(&script, ContainerState::Exited, 9);
        let nothing = timeout(Duration::from_secs(10), monitor.next()).await;
        assert!(nothing.is_err(), "it does not run");
        put(&script, ContainerState::Running, 9);
        assert_eq!(
            monitor.next().await.unwrap().cpu_percent,
            None,
            "no average over a pause"
        );
        script.remove("a");
        assert_eq!(monitor.next().await, None);
    }
}
