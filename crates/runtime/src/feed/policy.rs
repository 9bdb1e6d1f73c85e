//! What happens to a reader that is slower than the events.
//!
//! Owns the choice, and who holds up the feed. Leaves to others the records and reading them.

use std::collections::HashMap;
use std::task::Waker;

/// What happens to a reader that is slower than the events. Whatever it is, other readers do not notice, but for
/// [`Policy::Block`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// It loses the oldest and is told how many, exactly ([`FeedItem::Lagged`](super::FeedItem::Lagged)).
    DropOldest {
        /// How many records it may be behind; the feed's own bound (10,000 records, 8 MiB) holds too.
        capacity: usize,
    },
    /// Of the events about one object it reads the last that there is when it comes to read; how many were left out is
    /// counted ([`FeedReader::coalesced`](super::FeedReader::coalesced)). For a view of what is, not of what happened.
    /// Gaps are never left out. What the feed itself no longer holds is `Lagged`, as ever.
    Coalesce,
    /// It holds up the feed, and so everybody: the engine is not read while this reader is behind. For tests. An engine
    /// that is not read drops events; that is noticed and told as a gap.
    Block {
        /// From how many records behind it does, one at least. What was read of the engine already still comes: up to 128.
        capacity: usize,
    },
}

/// The readers that hold up the feed when they are behind.
#[derive(Debug, Default)]
pub(super) struct Blockers {
    /// By place: what it reads next, and how far it may be behind.
    readers: HashMap<usize, (u64, u64)>,
    /// The follower, while it is held up.
    waiting: Option<Waker>,
}

impl Blockers {
    pub(super) fn join(&mut self, place: usize, next: u64, capacity: usize) {
        self.readers.insert(place, (next, capacity.max(1) as u64));
    }

    /// The reader got further. Gives whom to wake, outside of the lock.
    #[must_use = "woken outside of the lock"]
    pub(super) fn read_up_to(&mut self, place: usize, next: u64) -> Option<Waker> {
        self.readers.get_mut(&place)?.0 = next;
        self.waiting.take()
    }

    /// The reader is no more.
    #[must_use = "woken outside of the lock"]
    pub(super) fn leave(&mut self, place: usize) -> Option<Waker> {
        self.readers.remove(&place)?;
        self.waiting.take()
    }

    /// Whether there is room for the record of that sequence.
    pub(super) fn has_room(&self, seq: u64) -> bool {
        let room = |(next, capacity): &(u64, u64)| seq - next < *capacity;
        self.readers.values().all(room)
    }

    /// Nobody holds up anything any more. Gives whom to wake, outside of the lock.
    #[must_use = "woken outside of the lock"]
    pub(super) fn give_up(&mut self) -> Option<Waker> {
        self.readers.clear();
        self.waiting.take()
    }

    /// The follower waits for room.
    pub(super) fn wait(&mut self, waker: &Waker) -> Option<Waker> {
        self.waiting.replace(waker.clone())
    }
}
