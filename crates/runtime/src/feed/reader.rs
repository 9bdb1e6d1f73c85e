//! One reader of the feed.
//!
//! Owns its place, its capacity, and the exact count of what it missed. Leaves the records to the ring.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::Stream;
use tokio::sync::watch;

use super::{Feed, Record};

/// What a reader is told.
#[derive(Debug, Clone, PartialEq)]
pub enum FeedItem {
    /// The next record.
    Record(Arc<Record>),
    /// So many records came while the reader did not read, and will not come again.
    Lagged {
        /// How many, exactly.
        missed: u64,
    },
}

/// Reads a [`Feed`] at its own pace, and is told what it missed. Made by [`Feed::subscribe`].
pub struct FeedReader {
    feed: Feed,
    newest: watch::Receiver<u64>,
    capacity: u64,
    next: u64,
    missed: u64,
    told: Option<Arc<Record>>,
}

impl fmt::Debug for FeedReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedReader")
            .field("next", &self.next)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

impl FeedReader {
    pub(super) fn new(
        feed: Feed,
        newest: watch::Receiver<u64>,
        capacity: usize,
        next: u64,
        missed: u64,
        told: Option<Arc<Record>>,
    ) -> Self {
        Self {
            feed,
            newest,
            capacity: capacity.max(1) as u64,
            next,
            missed,
            told,
        }
    }

    /// The next item; `None` when the watch was stopped and everything was read.
    ///
    /// Cancel safe: an item is taken when it is returned, not before.
    pub async fn next(&mut self) -> Option<FeedItem> {
        loop {
            // Marked before looking, so that what comes between the look and the wait wakes us.
            self.newest.borrow_and_update();
            if let Some(item) = self.try_next() {
                return Some(item);
            }
            if self.feed.shared.closed.load(Ordering::Acquire) {
                // The last record may have come between the look above and the closing.
                return self.try_next();
            }
            self.newest.changed().await.ok()?;
        }
    }

    /// The next item if there is one now.
    pub fn try_next(&mut self) -> Option<FeedItem> {
        if let Some(told) = self.told.take() {
            return Some(FeedItem::Record(told));
        }
        let ring = self.feed.ring();
        let oldest = ring
            .first_seq()
            .max(ring.next_seq().saturating_sub(self.capacity));
        if self.next < oldest {
            self.missed += oldest - self.next;
            self.next = oldest;
        }
        if self.missed > 0 {
            let missed = std::mem::take(&mut self.missed);
            return Some(FeedItem::Lagged { missed });
        }
        let record = Arc::clone(ring.get(self.next)?);
        self.next += 1;
        Some(FeedItem::Record(record))
    }

    /// The same as a [`Stream`], for combinators.
    pub fn into_stream(self) -> impl Stream<Item = FeedItem> + Send {
        futures_util::stream::unfold(self, |mut reader| async move {
            reader.next().await.map(|item| (item, reader))
        })
    }
}
