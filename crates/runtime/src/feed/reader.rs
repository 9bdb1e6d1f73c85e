//! One reader of the feed.
//!
//! Owns its place, its capacity, and the exact count of what it missed. Leaves the records to the ring.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use tokio::task::coop;

use super::{Feed, Record, Ring};

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
    /// Among those who wait.
    place: usize,
    at: Place,
}

/// Where it reads.
struct Place {
    capacity: u64,
    next: u64,
    missed: u64,
    told: Option<Arc<Record>>,
}

impl fmt::Debug for FeedReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedReader")
            .field("next", &self.at.next)
            .field("capacity", &self.at.capacity)
            .finish_non_exhaustive()
    }
}

impl FeedReader {
    pub(super) fn new(
        feed: Feed,
        place: usize,
        capacity: usize,
        next: u64,
        missed: u64,
        told: Option<Arc<Record>>,
    ) -> Self {
        Self {
            feed,
            place,
            at: Place {
                capacity: capacity.max(1) as u64,
                next,
                missed,
                told,
            },
        }
    }

    /// The next item; `None` when the watch was stopped and everything was read.
    ///
    /// Cancel safe: an item is taken when it is returned, not before.
    pub async fn next(&mut self) -> Option<FeedItem> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<FeedItem>> {
        // A reader that always finds something would otherwise never let others run.
        let budget = ready!(coop::poll_proceed(cx));
        let mut shared = self.feed.lock();
        let item = self.at.take(&shared.ring);
        if item.is_none() && !shared.closed {
            let before = shared.waiting.wait(self.place, cx.waker());
            drop(shared);
            drop(before);
            return Poll::Pending;
        }
        budget.made_progress();
        Poll::Ready(item)
    }

    /// The next item if there is one now.
    pub fn try_next(&mut self) -> Option<FeedItem> {
        self.at.take(&self.feed.lock().ring)
    }

    /// The same as a [`Stream`], for combinators.
    pub fn into_stream(self) -> impl Stream<Item = FeedItem> + Send {
        futures_util::stream::unfold(self, |mut reader| async move {
            reader.next().await.map(|item| (item, reader))
        })
    }
}

impl Drop for FeedReader {
    fn drop(&mut self) {
        let waker = self.feed.lock().waiting.leave(self.place);
        drop(waker);
    }
}

impl Place {
    fn take(&mut self, ring: &Ring) -> Option<FeedItem> {
        if let Some(told) = self.told.take() {
            return Some(FeedItem::Record(told));
        }
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
}
