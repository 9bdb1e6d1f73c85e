//! What the containers of one engine use: one reading a second a container, shared by all who read.
//!
//! Owns [`Sampler`]: when to read, from what, how many calls at once, and the history. The arithmetic is
//! `longshore-core`'s, the call `longshore-engine`'s. See `docs/design/stats.md`.

#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(not(target_os = "linux"))]
#[path = "absent.rs"]
mod cgroup;
mod files;
mod monitor;
mod round;
mod series;
mod target;
#[cfg(test)]
mod tests;
mod thresholds;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use longshore_core::{ContainerId, Step, Threshold};
use longshore_engine::Engine;
use tokio::sync::{Notify, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::Mirror;
use crate::source::CounterSource;
use crate::tasks::guarded;
pub use monitor::Monitor;
use series::Series;
pub use series::{Sample, SampleSource};
pub use thresholds::{ThresholdEvent, ThresholdEvents};

/// One sample each of the containers that run, taken within about one interval.
pub type Round = Vec<(ContainerId, Arc<Sample>)>;

/// Whether counters are read from the files of the containers' cgroups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CounterFiles {
    /// Where the engine is on this kernel, which each container's cgroup has to prove; the engine is asked for the rest.
    #[default]
    WherePossible,
    /// Never: the engine is asked for all.
    Never,
}

/// Settings of a [`Sampler`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SamplerConfig {
    /// Between two samples of a container, while somebody reads. Default: 1 s. An engine that cannot keep up is asked
    /// again when it has answered, each container in its turn.
    pub interval: Duration,
    /// Whether the files of the containers' cgroups may be read. Default: yes.
    pub source: CounterFiles,
    /// Descriptors of such files that are kept open while somebody reads, up to six a container; the others are opened
    /// each time. Default: a quarter of what the process may open, at most 8,192.
    pub max_open_files: Option<usize>,
    /// Calls in flight. Default: 8; one takes 1–2 ms.
    pub max_calls: usize,
    /// For one call. Default: 5 s.
    pub call_timeout: Duration,
    /// How long sampling goes on after the last reader has left. Default: 10 s: who goes from one view to another
    /// finds a history without a hole.
    pub linger: Duration,
    /// Between two samples of a container while nobody reads, so that who comes finds a past. Default: none, nothing is read
    /// then. Without files it is a call for each container, and at most one a minute.
    pub background: Option<Duration>,
    /// Samples kept for each container. Default: 900, a quarter of an hour.
    pub history: usize,
    /// Samples kept in all, shared evenly: with more containers each has fewer. Default: 50,000, some 12 MB.
    pub history_total: usize,
    /// How long a step of the long past is (see [`Sampler::steps`]). Default: 10 s.
    pub step: Duration,
    /// Steps kept for each container. Default: 360, an hour.
    pub steps: usize,
    /// Steps kept in all, shared evenly. Default: 360,000, an hour of a thousand containers, some 26 MB.
    pub steps_total: usize,
}

impl Default for SamplerConfig {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            source: CounterFiles::WherePossible,
            max_open_files: None,
            max_calls: 8,
            call_timeout: Duration::from_secs(5),
            linger: Duration::from_secs(10),
            background: None,
            history: 900,
            history_total: 50_000,
            step: Duration::from_secs(10),
            steps: 360,
            steps_total: 360_000,
        }
    }
}

impl SamplerConfig {
    /// Sets [`Self::interval`].
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets [`Self::source`].
    #[must_use]
    pub fn source(mut self, source: CounterFiles) -> Self {
        self.source = source;
        self
    }

    /// Sets [`Self::max_open_files`].
    #[must_use]
    pub fn max_open_files(mut self, files: usize) -> Self {
        self.max_open_files = Some(files);
        self
    }

    /// Sets [`Self::max_calls`].
    #[must_use]
    pub fn max_calls(mut self, calls: usize) -> Self {
        self.max_calls = calls;
        self
    }

    /// Sets [`Self::background`].
    #[must_use]
    pub fn background(mut self, pace: impl Into<Option<Duration>>) -> Self {
        self.background = pace.into();
        self
    }

    /// Sets [`Self::history`] and [`Self::history_total`].
    #[must_use]
    pub fn history(mut self, each: usize, total: usize) -> Self {
        self.history = each;
        self.history_total = total;
        self
    }
}

/// Samples what containers use, for as long as somebody reads, and slowly in the background where that is wanted
/// ([`SamplerConfig::background`]). Cheap to clone.
///
/// Containers that run are sampled; those that are paused or have ended are not, and keep the history they have.
/// Those that are gone have none.
///
/// ```no_run
/// # async fn example(engine: longshore_engine::Engine, mirror: longshore_runtime::Mirror) {
/// use longshore_runtime::{Sampler, SamplerConfig};
/// let sampler = Sampler::start(engine, mirror, SamplerConfig::default());
/// let mut rounds = sampler.subscribe();
/// while let Some(round) = rounds.next().await {
///     for (id, sample) in round.iter() {
///         match sample.usage.cpu_percent {
///             Some(percent) => println!("{} {percent:.1} %", id.short()),
///             None => println!("{} not known yet", id.short()),
///         }
///     }
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Sampler {
    shared: Arc<Shared>,
    mirror: Mirror,
    owner: Arc<Owner>,
}

struct Owner {
    tasks: TaskTracker,
    stop: CancellationToken,
    _end: DropGuard,
}

struct Shared {
    began: tokio::time::Instant,
    rounds: watch::Sender<Arc<Round>>,
    wanted: Notify,
    series: Mutex<HashMap<ContainerId, Series>>,
}

impl Shared {
    fn series(&self) -> MutexGuard<'_, HashMap<ContainerId, Series>> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampler")
            .field("readers", &self.shared.rounds.receiver_count())
            .finish_non_exhaustive()
    }
}

impl Sampler {
    /// Makes a sampler for the containers of `mirror`. It does nothing until somebody subscribes, but for what
    /// [`SamplerConfig::background`] wants.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(engine: Engine, mirror: Mirror, config: SamplerConfig) -> Self {
        Self::start_with(Arc::new(engine), mirror, config)
    }

    pub(crate) fn start_with<S: CounterSource>(
        source: Arc<S>,
        mirror: Mirror,
        config: SamplerConfig,
    ) -> Self {
        let shared = Arc::new(Shared {
            began: tokio::time::Instant::now(),
            rounds: watch::Sender::new(Arc::default()),
            wanted: Notify::new(),
            series: Mutex::default(),
        });
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let work = round::run(source, mirror.clone(), config, Arc::clone(&shared), stop.clone());
        tasks.spawn(async move {
            // The text is logged; readers see the end of the rounds.
            let _ = guarded("the sampler of statistics", work).await;
        });
        tasks.close();
        let end = stop.clone().drop_guard();
        Self {
            shared,
            mirror,
            owner: Arc::new(Owner {
                tasks,
                stop,
                _end: end,
            }),
        }
    }

    /// Reads from now on. The sampler works until [`SamplerConfig::linger`] after the last reader is dropped.
    pub fn subscribe(&self) -> SampleReader {
        let rounds = self.shared.rounds.subscribe();
        self.shared.wanted.notify_one();
        SampleReader {
            rounds,
            stop: self.owner.stop.clone(),
        }
    }

    /// Reads from now on, and tells when a container crosses one of `thresholds`.
    ///
    /// ```no_run
    /// # async fn example(sampler: longshore_runtime::Sampler) {
    /// use std::time::Duration;
    /// use longshore_core::{Measure, Threshold};
    /// let full = Threshold::above(Measure::MemoryOfLimit, 90.0).clears_at(80.0).hold(Duration::from_secs(30));
    /// let mut events = sampler.thresholds(vec![full]);
    /// while let Some(event) = events.next().await {
    ///     println!("{} {:?} {:?}", event.container.short(), event.crossing, event.value);
    /// }
    /// # }
    /// ```
    pub fn thresholds(&self, thresholds: Vec<Threshold>) -> ThresholdEvents {
        ThresholdEvents::new(self.subscribe(), self.mirror.clone(), thresholds)
    }

    /// The newest sample of a container; it may be old when nobody reads.
    pub fn latest(&self, id: &ContainerId) -> Option<Arc<Sample>> {
        self.shared.series().get(id)?.latest().cloned()
    }

    /// The samples kept of a container, oldest first.
    pub fn history(&self, id: &ContainerId) -> Vec<Arc<Sample>> {
        self.shared
            .series()
            .get(id)
            .map(Series::history)
            .unwrap_or_default()
    }

    /// The long past of a container, oldest first: what it used, [`SamplerConfig::step`] at a time, as averages and peaks.
    /// Where nobody read, and nothing was read in the background, there are no steps.
    pub fn steps(&self, id: &ContainerId) -> Vec<Step> {
        self.shared
            .series()
            .get(id)
            .map(Series::steps)
            .unwrap_or_default()
    }

    /// Ends the task and waits until it has. Readers see the end.
    pub async fn stop(&self) {
        self.owner.stop.cancel();
        self.owner.tasks.wait().await;
    }
}

/// Reads rounds of samples. Made by [`Sampler::subscribe`].
#[derive(Debug)]
pub struct SampleReader {
    rounds: watch::Receiver<Arc<Round>>,
    stop: CancellationToken,
}

impl SampleReader {
    /// The next round; `None` when the sampler was stopped. A reader that is slow gets the newest and not those
    /// between, which [`Sampler::history`] still has. A round without samples says that nothing runs.
    ///
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<Arc<Round>> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            changed = self.rounds.changed() => {
                changed.ok()?;
                Some(Arc::clone(&self.rounds.borrow_and_update()))
            }
        }
    }
}
