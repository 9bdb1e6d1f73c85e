//! Following one engine: its events without silent loss, its containers as they are.
//!
//! Owns [`Watch`], the two tasks behind it (the follower of events and the keeper of the mirror) and how they are
//! doing. The state machine and its guarantee stand in `docs/design/watch.md`.

mod config;
mod follower;
mod incoming;
mod known;
mod lateness;
mod ledger;
#[cfg(test)]
mod model;
mod reader;
mod resume;
mod status;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::SystemTime;

use longshore_engine::Engine;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub use config::WatchConfig;
use follower::Follower;
pub(crate) use known::LineId;
use ledger::Ledger;
pub(crate) use status::Meters;
pub use status::{Status, WatchCounters};

use crate::feed::Feed;
use crate::mirror::{Board, Keeper, Mirror};
use crate::source::{ContainerSource, EventSource};
use crate::tasks::guarded;

/// Follows one engine from [`start`](Self::start) to [`stop`](Self::stop), through its failures and restarts.
///
/// One watch an engine is enough, however many listen: the handles that it gives are cheap to clone. Dropping it ends
/// its tasks soon; `stop` waits until they have.
///
/// ```no_run
/// # async fn example(engine: longshore_engine::Engine) {
/// use longshore_runtime::{FeedItem, Watch, WatchConfig};
/// let watch = Watch::start(engine, WatchConfig::default());
/// watch.mirror().ready().await;
/// println!("{} containers", watch.mirror().snapshot().len());
/// let mut events = watch.feed().subscribe(1_000, None);
/// if let Some(FeedItem::Record(record)) = events.next().await {
///     println!("{record:?}");
/// }
/// watch.stop().await;
/// # }
/// ```
pub struct Watch {
    mirror: Mirror,
    feed: Feed,
    status: watch::Receiver<Status>,
    meters: Arc<Meters>,
    tasks: TaskTracker,
    cancel: CancellationToken,
    /// Ends the tasks of a watch that is dropped instead of stopped.
    _stop: DropGuard,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("status", &*self.status.borrow())
            .field("mirror", &self.mirror)
            .finish_non_exhaustive()
    }
}

impl Watch {
    /// Begins to follow. Makes no call before it returns, and never fails: an engine that is not there is a
    /// [`Status`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use = "a watch ends when it is dropped"]
    pub fn start(engine: Engine, config: WatchConfig) -> Self {
        Self::start_with(Arc::new(engine), config)
    }

    pub(crate) fn start_with<S: EventSource + ContainerSource>(source: Arc<S>, config: WatchConfig) -> Self {
        let (status_sender, status) = watch::channel(Status::Connecting);
        let feed = Feed::new(new_epoch(), config.feed_records, config.feed_bytes);
        let (mirror, board, meters) = (Mirror::new(), Arc::<Board>::default(), Arc::<Meters>::default());
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let keeper = Keeper::new(
            Arc::clone(&source),
            config.clone(),
            Arc::clone(&board),
            mirror.clone(),
            feed.clone(),
            Arc::clone(&meters),
        );
        let follower = Follower {
            source,
            config,
            feed: feed.clone(),
            board,
            status: status_sender.clone(),
            meters: Arc::clone(&meters),
            tasks: tasks.clone(),
            base: Instant::now(),
            ledger: Ledger::default(),
            attempt: 0,
        };
        let open_feed = feed.clone();
        let end_feed = move || open_feed.close();
        let open_mirror = mirror.clone();
        let end_mirror = move || open_mirror.close();
        Self::own(
            &tasks,
            "the follower of events",
            status_sender.clone(),
            follower.run(stop.clone()),
            end_feed,
        );
        Self::own(
            &tasks,
            "the keeper of the mirror",
            status_sender,
            keeper.run(stop.clone()),
            end_mirror,
        );
        tasks.close();
        Self {
            mirror,
            feed,
            status,
            meters,
            tasks,
            cancel: stop.clone(),
            _stop: stop.drop_guard(),
        }
    }

    /// Runs a task that ends with the watch, and `end` after it; a panic in it becomes a status that stays.
    fn own(
        tasks: &TaskTracker,
        name: &'static str,
        status: watch::Sender<Status>,
        task: impl Future<Output = ()> + Send + 'static,
        end: impl FnOnce() + Send + 'static,
    ) {
        tasks.spawn(async move {
            if let Err(error) = guarded(name, task).await {
                let since = SystemTime::now();
                status.send_replace(Status::Lost {
                    error,
                    hint: None,
                    since,
                    attempt: 0,
                    retry_at: None,
                });
            }
            end();
        });
    }

    /// The containers as they are now.
    pub fn mirror(&self) -> Mirror {
        self.mirror.clone()
    }

    /// The events as they come.
    pub fn feed(&self) -> Feed {
        self.feed.clone()
    }

    /// How the engine is being followed, now and as it changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Counters since the start.
    pub fn counters(&self) -> WatchCounters {
        self.meters.read()
    }

    /// Ends all tasks and waits until none is left. Readers of the feed read what is there, then the end.
    /// Dropped half-way, the tasks end all the same.
    pub async fn stop(&self) {
        self.cancel.cancel();
        self.tasks.wait().await;
    }
}

/// A number that no other run has, with no run's number guessable from another's.
fn new_epoch() -> u64 {
    RandomState::new().hash_one(SystemTime::now())
}
