//! The events of one engine as a sequence that many can read, each at its own pace.
//!
//! Owns: the ring of the last records, the sequence, the readers and what they are told when they fall behind.
//! Leaves to others: where records come from ([`Watch`](crate::Watch)) and keeping them for longer (the store).
//!
//! A reader is no queue but a place in the shared ring. So a reader that never reads costs nothing, holds up nobody,
//! and what it missed is a subtraction, exact by construction.

mod reader;
mod record;
mod ring;
#[cfg(test)]
mod tests;
mod waiting;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use longshore_core::{Event, Timestamp};

pub use reader::{FeedItem, FeedReader};
pub use record::{Cursor, GapReason, InvalidCursor, Record, RecordBody};
use ring::{Place, Ring};
use waiting::Waiting;

/// The events of one engine: what is still held of them, and what is to come. Cheap to clone.
///
/// ```
/// # async fn example(feed: longshore_runtime::Feed) {
/// use longshore_runtime::{FeedItem, RecordBody};
/// let mut reader = feed.subscribe(1_000, None);
/// while let Some(item) = reader.next().await {
///     match item {
///         FeedItem::Lagged { missed } => println!("{missed} records came too fast"),
///         FeedItem::Record(record) => match &record.body {
///             RecordBody::Event { event, .. } => println!("{} {} {}", record.cursor, event.action, event.id),
///             RecordBody::Gap { from, to, reason } => println!("events may be missing from {from} to {to}: {reason}"),
///         },
///     }
/// }
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Feed {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    ring: Ring,
    waiting: Waiting,
    /// No more will come.
    closed: bool,
}

impl Feed {
    pub(crate) fn new(epoch: u64, max_records: usize, max_weight: usize) -> Self {
        Self {
            shared: Arc::new(Mutex::new(Shared {
                ring: Ring::new(epoch, max_records, max_weight),
                waiting: Waiting::default(),
                closed: false,
            })),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // All is whole between any two calls, so a panic elsewhere has not spoiled it.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event that the engine told. Readers are woken by [`announce`](Self::announce), once for many.
    pub(crate) fn put(&self, event: Event, late: bool) {
        self.push(RecordBody::Event {
            event,
            synthetic: false,
            late,
        });
    }

    /// Adds an event that was made up.
    pub(crate) fn synthetic(&self, event: Event, late: bool) {
        self.push(RecordBody::Event {
            event,
            synthetic: true,
            late,
        });
        self.announce();
    }

    pub(crate) fn gap(&self, from: Option<Timestamp>, to: Option<Timestamp>, reason: GapReason) {
        let now = Timestamp::from(SystemTime::now());
        let from = from.or(to).unwrap_or(now);
        let to = to.unwrap_or(now).max(from);
        self.push(RecordBody::Gap { from, to, reason });
        self.announce();
    }

    fn push(&self, body: RecordBody) {
        self.lock().ring.push(body, SystemTime::now());
    }

    /// Wakes the readers that wait.
    pub(crate) fn announce(&self) {
        let waiting = self.lock().waiting.take();
        waiting.into_iter().for_each(std::task::Waker::wake);
    }

    /// Tells readers that nothing more will come.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.announce();
    }

    /// Which run of the follower this is; the `epoch` of every cursor in it.
    pub fn epoch(&self) -> u64 {
        self.lock().ring.epoch()
    }

    /// The newest record; `None` before the first.
    pub fn last(&self) -> Option<Arc<Record>> {
        self.lock().ring.last().cloned()
    }

    /// What is held, oldest first, at most `limit`: after `since`, or without it the newest.
    ///
    /// When `since` cannot be continued from, the first element is a gap that says why
    /// ([`GapReason::Forgotten`], [`GapReason::UnknownCursor`]), then what is held from its oldest on. The cursor of
    /// the last element is what to ask with next.
    pub fn history(&self, since: Option<Cursor>, limit: usize) -> Vec<Arc<Record>> {
        let shared = self.lock();
        let ring = &shared.ring;
        let (mut next, told) = match since.map(|cursor| ring.after(cursor)) {
            None => {
                let held = ring.next_seq() - ring.first_seq();
                (ring.next_seq() - held.min(limit as u64), None)
            }
            Some(Place::At { next, missed: 0 }) => (next, None),
            Some(Place::At { next, .. }) => (next, Some(GapReason::Forgotten)),
            Some(Place::Unknown) => (ring.first_seq(), Some(GapReason::UnknownCursor)),
        };
        let mut found = Vec::new();
        found.extend(told.map(|reason| ring.told(reason, SystemTime::now())));
        while found.len() < limit
            && let Some(record) = ring.get(next)
        {
            found.push(Arc::clone(record));
            next += 1;
        }
        found.truncate(limit);
        found
    }

    /// A reader of its own pace: from now on, or after `from`.
    ///
    /// `capacity` is how many records it may be behind before it skips and is told
    /// ([`FeedItem::Lagged`]); the feed's own bound holds too. With a `from` that is not known here, the first item is
    /// a gap with [`GapReason::UnknownCursor`], then everything held.
    pub fn subscribe(&self, capacity: usize, from: Option<Cursor>) -> FeedReader {
        let mut shared = self.lock();
        let place = shared.waiting.join();
        let ring = &shared.ring;
        let (next, missed, told) = match from.map(|cursor| ring.after(cursor)) {
            None => (ring.next_seq(), 0, None),
            Some(Place::At { next, missed }) => (next, missed, None),
            Some(Place::Unknown) => (
                ring.first_seq(),
                0,
                Some(ring.told(GapReason::UnknownCursor, SystemTime::now())),
            ),
        };
        drop(shared);
        FeedReader::new(self.clone(), place, capacity, next, missed, told)
    }
}
