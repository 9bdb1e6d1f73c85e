//! A monitor of an engine's events: who listens is given in, and everything else is done here.
//!
//! Owns its sinks, their filters and counts, and the tasks between a feed and a sink. Leaves getting events to
//! [`Watch`], fan-out to the [`Feed`](crate::Feed), and what a filter means to
//! [`EventFilterSet`]. The design stands in `docs/design/monitor.md`.

mod line;
mod sink;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use longshore_core::{Event, EventFilterSet, InvalidEventFilter};
use longshore_engine::{Engine, Error};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use line::Line;
pub use line::MonitorCounts;
pub use sink::EventSink;

use crate::{Cursor, FollowItem, Record, RecordBody, Watch, WatchConfig};

/// The host that filters know an engine by which is the only one.
const HOST: &str = "local";
/// How long the engine may take to tell its clock when the monitor starts.
const CLOCK: Duration = Duration::from_secs(2);

/// Hands every event of an engine that its filters let through to its sinks, through restarts of the engine and broken
/// connections, each once and in order; where some may be missing a gap says so, and a sink that is too slow is told how
/// many it lost. Each sink has a task and a place in one shared ring: a slow one, or one that panics, harms no other.
///
/// Dropping it ends its tasks soon; [`stop`](Self::stop) waits until none is left.
///
/// ```no_run
/// # async fn example(engine: longshore_engine::Engine) -> Result<(), Box<dyn std::error::Error>> {
/// use longshore_runtime::{EventMonitor, FollowItem};
///
/// let mut monitor = EventMonitor::new(engine).sink(|item: &FollowItem| match item {
///     FollowItem::Record(record) => println!("{:?}", record.body),
///     FollowItem::Lost { error, .. } => println!("the engine is gone: {error}"),
///     FollowItem::Restored { .. } => println!("it is back"),
///     other => println!("{other:?}"),
/// });
/// monitor.add_event_filter("type:container")?;
/// monitor.add_event_filter("die")?;
/// monitor.start().await;
/// # tokio::signal::ctrl_c().await?;
/// monitor.stop().await;
/// println!("{:?}", monitor.counts());
/// # Ok(())
/// # }
/// ```
pub struct EventMonitor {
    engine: Engine,
    config: WatchConfig,
    lines: Vec<Arc<Line>>,
    filters: Arc<ArcSwap<EventFilterSet>>,
    running: Option<Running>,
}

struct Running {
    watch: Watch,
    tasks: TaskTracker,
    stop: CancellationToken,
    _end: DropGuard,
}

impl fmt::Debug for EventMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventMonitor")
            .field("filters", &**self.filters.load())
            .field("sinks", &self.lines.len())
            .field("is_running", &self.running.is_some())
            .finish_non_exhaustive()
    }
}

impl EventMonitor {
    /// A monitor that is not started, without sinks and filters. Makes no call.
    pub fn new(client: impl Into<Engine>) -> Self {
        Self {
            engine: client.into(),
            config: WatchConfig::default(),
            lines: Vec::new(),
            filters: Arc::default(),
            running: None,
        }
    }

    /// Follows with other settings: backoff, bounds of the ring.
    #[must_use]
    pub fn config(mut self, config: WatchConfig) -> Self {
        self.config = config;
        self
    }

    /// Adds a sink, from the next start on.
    #[must_use]
    pub fn sink(mut self, sink: impl EventSink) -> Self {
        self.lines.push(Arc::new(Line::new(sink)));
        self
    }

    /// Lets through only what fits, beside the filters added before: a word fits a part of the type or of the action;
    /// `type:`, `action:`, `name:`, `image:` and `label:` before a word are exact ([`EventFilterSet`]). Also while it
    /// runs. Gaps, failures and lags are always told.
    ///
    /// # Errors
    /// When the filter means nothing; nothing has changed then.
    pub fn add_event_filter(&self, filter: &str) -> Result<(), InvalidEventFilter> {
        let mut added = Ok(());
        // Where another adds one meanwhile it is tried again, so that neither is lost.
        self.filters.rcu(|before| {
            let mut filters = EventFilterSet::clone(before);
            added = filters.add(filter);
            filters
        });
        added
    }

    /// Lets everything through again. Also while it runs.
    pub fn clear_event_filters(&self) {
        self.filters.store(Arc::default());
    }

    /// Begins, with what happens from now on by the engine's clock; nothing when it has begun already. Never fails: an
    /// engine that is not there is told to the sinks, and waited for. What it still remembers when it comes (up to 256
    /// events) is told then too: without its clock nobody can say what is older than now.
    ///
    /// Cancel safe: dropped half-way, nothing has begun.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn start(&mut self) {
        if self.running.is_some() {
            return;
        }
        // What the engine remembers of the time before is told by its own clock, which need not be ours.
        let info = timeout(CLOCK, self.engine.info()).await;
        let since = info.ok().and_then(Result::ok).and_then(|info| info.system_time);
        let watch = Watch::start(self.engine.clone(), self.config.clone());
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        for line in &self.lines {
            let work = Arc::clone(line).run(watch.feed(), Arc::clone(&self.filters), since);
            tasks.spawn(stop.clone().run_until_cancelled_owned(work));
        }
        tasks.close();
        self.running = Some(Running {
            watch,
            tasks,
            _end: stop.clone().drop_guard(),
            stop,
        });
    }

    /// Whether it has begun and was not stopped.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Ends and waits until no task is left; a sink that is being given something is not waited for. It may be started
    /// again: counts go on.
    ///
    /// Dropped half-way, the tasks end all the same.
    pub async fn stop(&mut self) {
        let Some(running) = self.running.take() else {
            return;
        };
        running.stop.cancel();
        running.watch.stop().await;
        running.tasks.wait().await;
    }

    /// Stops and starts: what happens between is not told.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.start().await;
    }

    /// Hands an event to the sinks as though the engine had told it now, when the filters let it through. Its cursor leads
    /// nowhere. For events from elsewhere, and for tests of sinks. Waits for them.
    pub async fn process_event(&self, event: Event) {
        let record = Record {
            cursor: Cursor { epoch: 0, seq: 0 },
            body: RecordBody::Event {
                event,
                synthetic: false,
                late: false,
            },
            line: None,
            unsure: 0,
            received: SystemTime::now(),
        };
        let item = FollowItem::Record(Arc::new(record));
        for line in &self.lines {
            line.take(&item, &self.filters.load(), None).await;
        }
    }

    /// Asks the engine whether it is there, at most `max_attempts` times, once at least, with `delay` between. The monitor
    /// itself needs no such call: it waits for its engine with a backoff of its own.
    ///
    /// # Errors
    /// The last failure.
    pub async fn retry_connection(&self, max_attempts: u32, delay: Duration) -> Result<(), Error> {
        let mut left = max_attempts;
        loop {
            left = left.saturating_sub(1);
            match self.engine.ping().await {
                Ok(_) => return Ok(()),
                Err(error) if left == 0 => return Err(error),
                Err(error) => tracing::debug!(%error, left, "the engine is not there"),
            }
            sleep(delay).await;
        }
    }

    /// What was counted since it was made, all sinks together.
    pub fn counts(&self) -> MonitorCounts {
        self.lines.iter().map(|line| line.counts()).sum()
    }
}
