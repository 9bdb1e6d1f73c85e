//! One reader of the feed.
//!
//! Owns its place, its capacity, and the exact count of what it missed. Leaves the records to the ring.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use futures_util::Stream;
use tokio::task::coop;

use super::{Feed, Policy, Record, Ring, Shared};

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
    pub(super) feed: Feed,
    /// Among those who wait.
    pub(super) place: usize,
    pub(super) at: Place,
}

/// Where it reads.
pub(super) struct Place {
    policy: Policy,
    pub(super) next: u64,
    missed: u64,
    coalesced: u64,
    told: Option<Arc<Record>>,
}

impl fmt::Debug for FeedReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedReader")
            .field("next", &self.at.next)
            .field("policy", &self.at.policy)
            .finish_non_exhaustive()
    }
}

impl FeedReader {
    pub(super) fn new(
        feed: Feed,
        place: usize,
        policy: Policy,
        next: u64,
        missed: u64,
        told: Option<Arc<Record>>,
    ) -> Self {
        Self {
            feed,
            place,
            at: Place {
                policy,
                next,
                missed,
                coalesced: 0,
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
        let (at, place) = (&mut self.at, self.place);
        self.feed.poll_item(place, cx, |shared| at.take(shared, place))
    }

    /// The next item if there is one now.
    pub fn try_next(&mut self) -> Option<FeedItem> {
        let (item, held_up) = self.at.take(&mut self.feed.lock(), self.place);
        held_up.into_iter().for_each(Waker::wake);
        item
    }

    /// How many records there are that it has not read, those included that it is too late for.
    pub fn behind(&self) -> u64 {
        self.feed.lock().ring.next_seq().saturating_sub(self.at.next)
    }

    /// How many records were left out because there was a newer one about the same object: with [`Policy::Coalesce`].
    pub fn coalesced(&self) -> u64 {
        self.at.coalesced
    }

    /// The same as a [`Stream`], for combinators.
    pub fn into_stream(self) -> impl Stream<Item = FeedItem> + Send {
        futures_util::stream::unfold(self, |mut reader| async move {
            reader.next().await.map(|item| (item, reader))
        })
    }
}

impl Feed {
    /// What `take` finds next, and whom that lets go on; while it finds nothing, `place` waits until the feed has more.
    pub(super) fn poll_item<T>(
        &self,
        place: usize,
        cx: &mut Context<'_>,
        take: impl FnOnce(&mut Shared) -> (Option<T>, Option<Waker>),
    ) -> Poll<Option<T>> {
        // A reader that always finds something would otherwise never let others run.
        let budget = ready!(coop::poll_proceed(cx));
        let mut shared = self.lock();
        let (item, held_up) = take(&mut shared);
        if item.is_none() && !shared.closed {
            let before = shared.waiting.wait(place, cx.waker());
            drop(shared);
            drop(before);
            return Poll::Pending;
        }
        drop(shared);
        held_up.into_iter().for_each(Waker::wake);
        budget.made_progress();
        Poll::Ready(item)
    }
}

impl Drop for FeedReader {
    fn drop(&mut self) {
        let mut shared = self.feed.lock();
        let waker = shared.waiting.leave(self.place);
        let held_up = shared.blockers.leave(self.place);
        if self.at.policy == Policy::Coalesce {
            shared.ring.know_objects_no_more();
        }
        drop(shared);
        drop(waker);
        held_up.into_iter().for_each(Waker::wake);
    }
}

impl Place {
    /// What comes next, and whom that lets go on.
    pub(super) fn take(&mut self, shared: &mut Shared, place: usize) -> (Option<FeedItem>, Option<Waker>) {
        let item = self.next_of(&shared.ring);
        let held_up = match self.policy {
            Policy::Block { .. } => shared.blockers.read_up_to(place, self.next),
            _ => None,
        };
        (item, held_up)
    }

    fn next_of(&mut self, ring: &Ring) -> Option<FeedItem> {
        if let Some(told) = self.told.take() {
            return Some(FeedItem::Record(told));
        }
        let mut oldest = ring.first_seq();
        if let Policy::DropOldest { capacity } = self.policy {
            oldest = oldest.max(ring.next_seq().saturating_sub(capacity.max(1) as u64));
        }
        if self.next < oldest {
            self.missed += oldest - self.next;
            self.next = oldest;
        }
        if self.missed > 0 {
            let missed = std::mem::take(&mut self.missed);
            return Some(FeedItem::Lagged { missed });
        }
        if self.policy == Policy::Coalesce {
            while ring.is_superseded(self.next) {
                self.next += 1;
                self.coalesced += 1;
            }
        }
        let record = Arc::clone(ring.get(self.next)?);
        self.next += 1;
        Some(FeedItem::Record(record))
    }
}
