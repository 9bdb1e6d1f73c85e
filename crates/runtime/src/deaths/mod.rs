//! What is kept of containers that ended: how, with which last words, and what is not known of it.
//!
//! Owns [`Deaths`], the task behind it, the records in memory and who is told of them. What is promised, what is asked
//! when, and all bounds stand in `docs/design/deaths.md`. Keeping records for longer is a [`DeathBook`]'s business.

mod ahead;
mod book;
mod config;
mod keeper;
mod lines;
mod look;
mod memory;
mod past;
mod record;
mod runs;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore_core::{ContainerId, DeathRecord};
use longshore_engine::Engine;
use tokio::sync::broadcast;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub use book::DeathBook;
use config::Meters;
pub use config::{DeathCounters, DeathsConfig};
use keeper::Keeper;
pub(crate) use look::DeathSource;
#[cfg(test)]
pub(crate) use look::Tail;
use memory::Memory;
pub use past::{Remembered, remembered};

use crate::feed::Cursor;
use crate::tasks::guarded;
use crate::{Feed, Mirror, Watch};

/// How far a reader may be behind.
const CAPACITY: usize = 256;

/// Makes a [`DeathRecord`] of each container that ends, for as long as it lives. Cheap to clone.
///
/// The engine is asked at each death, at once and with bounds: an inspect, and the last lines of the log. What it cannot say
/// any more is unknown and the record says why. Before a death a container costs nothing.
///
/// ```no_run
/// # async fn example(engine: longshore_engine::Engine) {
/// use longshore_runtime::deaths::{DeathItem, Deaths, DeathsConfig};
/// use longshore_runtime::{Watch, WatchConfig};
/// let watch = Watch::start(engine.clone(), WatchConfig::default());
/// let deaths = Deaths::start(engine, &watch, DeathsConfig::default(), None);
/// let mut reader = deaths.subscribe();
/// while let Some(item) = reader.next().await {
///     if let DeathItem::Died(death) = item {
///         println!("{}: {}", death.name.as_deref().unwrap_or("?"), death.sentence());
///         for line in death.log.iter().flat_map(|log| &log.lines) {
///             println!("    {}", line.text);
///         }
///     }
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Deaths {
    shared: Arc<Shared>,
    owner: Arc<Owner>,
}

struct Owner {
    tasks: TaskTracker,
    stop: CancellationToken,
    _end: DropGuard,
}

struct Shared {
    state: Mutex<State>,
    meters: Meters,
}

struct State {
    memory: Memory,
    /// `None` when no more will come.
    told: Option<broadcast::Sender<DeathItem>>,
}

impl Shared {
    fn new(config: &DeathsConfig) -> Self {
        let (told, _) = broadcast::channel(CAPACITY);
        Self {
            state: Mutex::new(State {
                memory: Memory::new(config.history, config.history_each),
                told: Some(told),
            }),
            meters: Meters::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // All is whole between any two calls, so a panic elsewhere has not spoiled it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, number: u64, record: DeathRecord) {
        let record = Arc::new(record);
        let mut state = self.lock();
        state.memory.put(number, &record);
        state.send(DeathItem::Died(record));
    }

    fn amend(&self, id: &ContainerId, newest_only: bool, change: impl Fn(&mut DeathRecord)) {
        let mut state = self.lock();
        for record in state.memory.amend(id, newest_only, change) {
            state.send(DeathItem::Amended(record));
        }
    }

    /// All that is in memory, oldest first.
    fn all(&self) -> Vec<Arc<DeathRecord>> {
        let mut all = self.lock().memory.newest(None, usize::MAX);
        all.reverse();
        all
    }

    fn close(&self) {
        self.lock().told = None;
    }
}

impl State {
    fn send(&self, item: DeathItem) {
        if let Some(told) = &self.told {
            // Nobody listening is no failure.
            let _ = told.send(item);
        }
    }
}

impl fmt::Debug for Deaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deaths")
            .field("counters", &self.counters())
            .finish_non_exhaustive()
    }
}

/// What a [`DeathReader`] is told.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum DeathItem {
    /// A container has ended.
    Died(Arc<DeathRecord>),
    /// More is known of a death that was told: the container was removed, or a notice came late.
    Amended(Arc<DeathRecord>),
    /// So many items came while nobody read. [`Deaths::newest`] has what they said.
    Lagged {
        /// How many, exactly.
        missed: u64,
    },
}

impl Deaths {
    /// Begins with what the feed of `watch` still holds. `book` is who keeps the records for longer.
    ///
    /// Ends when it is stopped, when its last clone is dropped, or with the watch.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(
        engine: Engine,
        watch: &Watch,
        config: DeathsConfig,
        book: Option<Arc<dyn DeathBook>>,
    ) -> Self {
        Self::start_with(Arc::new(engine), &watch.feed(), watch.mirror(), config, book)
    }

    pub(crate) fn start_with<S: DeathSource>(
        source: Arc<S>,
        feed: &Feed,
        mirror: Mirror,
        config: DeathsConfig,
        book: Option<Arc<dyn DeathBook>>,
    ) -> Self {
        let shared = Arc::new(Shared::new(&config));
        let beginning = Cursor {
            epoch: feed.epoch(),
            seq: 0,
        };
        let reader = feed.subscribe(usize::MAX, Some(beginning));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        if let Some(book) = book {
            let reader = shared.subscribe();
            let work = book::write(book, reader, Arc::clone(&shared), config.backoff, stop.clone());
            tasks.spawn(async move {
                // The text is logged.
                let _ = guarded("the writer of deaths", work).await;
            });
        }
        let keeper = Keeper::new(source, mirror, config, Arc::clone(&shared));
        let (open, until) = (Arc::clone(&shared), stop.clone());
        tasks.spawn(async move {
            // The text is logged; readers see the end.
            let _ = guarded("the recorder of deaths", keeper.run(reader, until)).await;
            open.close();
        });
        tasks.close();
        let end = stop.clone().drop_guard();
        Self {
            shared,
            owner: Arc::new(Owner {
                tasks,
                stop,
                _end: end,
            }),
        }
    }

    /// The records in memory, newest first, at most `limit`.
    pub fn newest(&self, limit: usize) -> Vec<Arc<DeathRecord>> {
        self.shared.lock().memory.newest(None, limit)
    }

    /// The records of one container in memory, newest first. Also of one that was removed.
    pub fn of(&self, id: &ContainerId) -> Vec<Arc<DeathRecord>> {
        self.shared.lock().memory.newest(Some(id), usize::MAX)
    }

    /// What is told from now on, at the reader's own pace, up to 256 items behind.
    pub fn subscribe(&self) -> DeathReader {
        self.shared.subscribe()
    }

    /// Counters since the start.
    pub fn counters(&self) -> DeathCounters {
        self.shared.meters.read()
    }

    /// Ends the tasks and waits until they have: what waits for its turn is recorded as it is, and the book gets what it
    /// has not got yet.
    pub async fn stop(&self) {
        self.owner.stop.cancel();
        self.owner.tasks.wait().await;
    }
}

impl Shared {
    fn subscribe(&self) -> DeathReader {
        let receiver = match &self.lock().told {
            Some(told) => told.subscribe(),
            None => broadcast::channel(1).1,
        };
        DeathReader { receiver }
    }
}

/// Reads what is told of deaths. Made by [`Deaths::subscribe`].
#[derive(Debug)]
pub struct DeathReader {
    receiver: broadcast::Receiver<DeathItem>,
}

impl DeathReader {
    /// The next item; `None` when no more will come. Cancel safe.
    pub async fn next(&mut self) -> Option<DeathItem> {
        match self.receiver.recv().await {
            Ok(item) => Some(item),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(DeathItem::Lagged { missed }),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// The next item if there is one now.
    pub fn try_next(&mut self) -> Option<DeathItem> {
        match self.receiver.try_recv() {
            Ok(item) => Some(item),
            Err(broadcast::error::TryRecvError::Lagged(missed)) => Some(DeathItem::Lagged { missed }),
            Err(_) => None,
        }
    }
}
