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

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use longshore_core::{Event, Timestamp};
use tokio::sync::watch;

pub use reader::{FeedItem, FeedReader};
pub use record::{Cursor, GapReason, InvalidCursor, Record, RecordBody};
use ring::{Place, Ring};

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
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ring: Mutex<Ring>,
    /// Sequence of the newest record; wakes readers.
    newest: watch::Sender<u64>,
    /// Whether no more will come; wakes readers too.
    closed: std::sync::atomic::AtomicBool,
}

impl Feed {
    pub(crate) fn new(epoch: u64, max_records: usize, max_weight: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                ring: Mutex::new(Ring::new(epoch, max_records, max_weight)),
                newest: watch::Sender::new(0),
                closed: false.into(),
            }),
        }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // The ring is whole between any two of its calls, so a panic elsewhere has not spoiled it.
        self.shared.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn event(&self, event: Event, synthetic: bool, late: bool) {
        self.push(RecordBody::Event {
            event,
            synthetic,
            late,
        });
    }

    pub(crate) fn gap(&self, from: Option<Timestamp>, to: Option<Timestamp>, reason: GapReason) {
        let now = Timestamp::from(SystemTime::now());
        let from = from.or(to).unwrap_or(now);
        let to = to.unwrap_or(now).max(from);
        self.push(RecordBody::Gap { from, to, reason });
    }

    fn push(&self, body: RecordBody) {
        let seq = self.ring().push(body, SystemTime::now()).cursor.seq;
        // Two writers (follower and keeper) may get here in either order; the newest only grows.
        self.shared.newest.send_if_modified(|newest| {
            let grew = seq > *newest;
            *newest = seq.max(*newest);
            grew
        });
    }

    /// Tells readers that nothing more will come.
    pub(crate) fn close(&self) {
        self.shared
            .closed
            .store(true, std::sync::atomic::Ordering::Release);
        self.shared.newest.send_modify(|_| {});
    }

    /// Which run of the follower this is; the `epoch` of every cursor in it.
    pub fn epoch(&self) -> u64 {
        self.ring().epoch()
    }

    /// The newest record; `None` before the first.
    pub fn last(&self) -> Option<Arc<Record>> {
        self.ring().last().cloned()
    }

    /// What is held, oldest first, at most `limit`: after `since`, or without it the newest.
    ///
    /// When `since` cannot be continued from, the first element is a gap that says why
    /// ([`GapReason::Forgotten`], [`GapReason::UnknownCursor`]), then what is held from its oldest on. The cursor of
    /// the last element is what to ask with next.
    pub fn history(&self, since: Option<Cursor>, limit: usize) -> Vec<Arc<Record>> {
        let ring = self.ring();
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
        let ring = self.ring();
        let (next, missed, told) = match from.map(|cursor| ring.after(cursor)) {
            None => (ring.next_seq(), 0, None),
            Some(Place::At { next, missed }) => (next, missed, None),
            Some(Place::Unknown) => (
                ring.first_seq(),
                0,
                Some(ring.told(GapReason::UnknownCursor, SystemTime::now())),
            ),
        };
        drop(ring);
        FeedReader::new(
            self.clone(),
            self.shared.newest.subscribe(),
            capacity,
            next,
            missed,
            told,
        )
    }
}
