//! Following one engine: its events without silent loss, its containers as they are.
//!
//! Owns [`Watch`], the tasks behind it (the follower of events and a keeper for each kind of object) and how they are
//! doing. The state machine and its guarantee stand in `docs/design/watch.md`.

mod config;
mod follower;
mod incoming;
#[cfg(test)]
mod kinds;
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

use longshore_core::{Image, Network, Volume};
use longshore_engine::Engine;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub use config::WatchConfig;
use follower::Follower;
pub use known::{KnownLine, LineId};
use ledger::Ledger;
pub(crate) use status::Meters;
pub use status::{Status, WatchCounters};

use crate::feed::Feed;
use crate::mirror::{Board, Boards, Keeper, Kept, Mirror};
use crate::source::{ObjectSource, WatchSource};
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
    images: Mirror<Image>,
    networks: Mirror<Network>,
    volumes: Mirror<Volume>,
    boards: Boards,
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

    pub(crate) fn start_with<S: WatchSource>(source: Arc<S>, config: WatchConfig) -> Self {
        let (status_sender, status) = watch::channel(Status::Connecting);
        let feed = Feed::new(new_epoch(), config.feed_records, config.feed_bytes);
        let (boards, meters) = (Boards::default(), Arc::<Meters>::default());
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let keepers = Keepers {
            permits: Arc::new(Semaphore::new(config.max_inspects.max(1))),
            source: Arc::clone(&source),
            config: config.clone(),
            feed: feed.clone(),
            meters: Arc::clone(&meters),
            status: status_sender.clone(),
            tasks: tasks.clone(),
            stop: stop.clone(),
        };
        let mirror = keepers.keep("the keeper of the containers", &boards.containers);
        let images = keepers.keep("the keeper of the images", &boards.images);
        let networks = keepers.keep("the keeper of the networks", &boards.networks);
        let volumes = keepers.keep("the keeper of the volumes", &boards.volumes);
        let ledger = Ledger::default().knowing(&config.known);
        let follower = Follower {
            source,
            config,
            feed: feed.clone(),
            boards: boards.clone(),
            status: status_sender.clone(),
            meters: Arc::clone(&meters),
            tasks: tasks.clone(),
            base: Instant::now(),
            ledger,
            attempt: 0,
            has_looked: false,
        };
        let open_feed = feed.clone();
        let end_feed = move || open_feed.close();
        Self::own(
            &tasks,
            "the follower of events",
            status_sender,
            follower.run(stop.clone()),
            end_feed,
        );
        tasks.close();
        Self {
            mirror,
            images,
            networks,
            volumes,
            boards,
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

    /// The images as they are now, also those without a name. Kept from the first call of this on: before it, no call is
    /// made for them.
    pub fn images(&self) -> Mirror<Image> {
        self.boards.images.want();
        self.images.clone()
    }

    /// The networks as they are now, with who is on them. Kept from the first call of this on.
    pub fn networks(&self) -> Mirror<Network> {
        self.boards.networks.want();
        self.networks.clone()
    }

    /// The volumes as they are now, without what they hold. Kept from the first call of this on.
    pub fn volumes(&self) -> Mirror<Volume> {
        self.boards.volumes.want();
        self.volumes.clone()
    }

    /// Waits until the mirrors of all four kinds are ready, which also asks for all four. Cancel safe. Goes on waiting
    /// for as long as the engine is out of reach.
    ///
    /// ```no_run
    /// # async fn example(watch: longshore_runtime::Watch) -> Result<(), Box<dyn std::error::Error>> {
    /// watch.ready().await;
    /// let image = watch.images().find("busybox")?;
    /// println!("{} images, {} volumes", watch.images().snapshot().len(), watch.volumes().snapshot().len());
    /// println!("busybox is {}, {} bytes", image.id, image.size);
    /// for member in &watch.networks().find("bridge")?.containers {
    ///     println!("{} is on the bridge", member.name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn ready(&self) {
        let (images, networks, volumes) = (self.images(), self.networks(), self.volumes());
        tokio::join!(
            self.mirror.ready(),
            images.ready(),
            networks.ready(),
            volumes.ready()
        );
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

/// What the keepers of all kinds have in common.
struct Keepers<S> {
    source: Arc<S>,
    config: WatchConfig,
    feed: Feed,
    permits: Arc<Semaphore>,
    meters: Arc<Meters>,
    status: watch::Sender<Status>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl<S> Keepers<S> {
    /// Begins to keep one kind.
    fn keep<T: Kept>(&self, name: &'static str, board: &Arc<Board<T::Id>>) -> Mirror<T>
    where
        S: ObjectSource<T>,
    {
        let mirror = Mirror::new();
        let keeper = Keeper::new(
            Arc::clone(&self.source),
            self.config.clone(),
            Arc::clone(board),
            mirror.clone(),
            self.feed.clone(),
            Arc::clone(&self.permits),
            Arc::clone(&self.meters),
        );
        let kept = mirror.clone();
        Watch::own(
            &self.tasks,
            name,
            self.status.clone(),
            keeper.run(self.stop.clone()),
            move || kept.close(),
        );
        mirror
    }
}

/// A number that no other run has, with no run's number guessable from another's.
fn new_epoch() -> u64 {
    RandomState::new().hash_one(SystemTime::now())
}
