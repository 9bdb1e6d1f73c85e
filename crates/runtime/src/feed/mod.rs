//! The events of one engine as a sequence that many can read, each at its own pace.
//!
//! Owns: the ring of the last records, the sequence, the readers and what they are told when they fall behind.
//! Leaves to others: where records come from ([`Watch`](crate::Watch)) and keeping them for longer (the store).
//!
//! A reader is no queue but a place in the shared ring. So a reader that never reads costs nothing, holds up nobody,
//! and what it missed is a subtraction, exact by construction.

mod follow;
mod notices;
mod policy;
mod reader;
mod record;
mod ring;
mod stats;
#[cfg(test)]
mod tests;
mod waiting;

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::SystemTime;

use longshore_core::{Event, Timestamp};
use tokio::time::Instant;

pub use follow::{FeedFollow, FollowItem};
use notices::{Notices, Turn};
use policy::Blockers;
pub use policy::Policy;
pub use reader::{FeedItem, FeedReader};
pub use record::{Cursor, GapReason, InvalidCursor, Record, RecordBody, UnknownReason};
use ring::{Place, Ring};
pub use stats::EventStats;
use stats::Tally;
use waiting::Waiting;

use crate::LineId;

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

/// Now, by both of our clocks: read once for many events that come together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    told: SystemTime,
    counted: Instant,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self {
            told: SystemTime::now(),
            counted: Instant::now(),
        }
    }
}

#[derive(Debug)]
struct Shared {
    ring: Ring,
    tally: Tally,
    waiting: Waiting,
    blockers: Blockers,
    notices: Notices,
    /// No more will come.
    closed: bool,
}

impl Feed {
    pub(crate) fn new(epoch: u64, max_records: usize, max_weight: usize) -> Self {
        Self {
            shared: Arc::new(Mutex::new(Shared {
                ring: Ring::new(epoch, max_records, max_weight),
                tally: Tally::new(Instant::now()),
                waiting: Waiting::default(),
                blockers: Blockers::default(),
                notices: Notices::default(),
                closed: false,
            })),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // All is whole between any two calls, so a panic elsewhere has not spoiled it.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event that the engine told, with its line and how many are not sure. Readers are woken by [`announce`](Self::announce), once for many.
    pub(crate) fn put(&self, event: Event, late: bool, line: (LineId, u32), now: Moment) {
        let body = RecordBody::Event {
            event,
            synthetic: false,
            late,
        };
        self.push(body, Some(line), now);
    }

    /// Adds an event that was made up.
    pub(crate) fn synthetic(&self, event: Event, late: bool) {
        let body = RecordBody::Event {
            event,
            synthetic: true,
            late,
        };
        self.push(body, None, Moment::now());
        self.announce();
    }

    /// Adds a gap; `line` is the line that was no event, where it was one, and how many are not sure.
    pub(crate) fn gap(
        &self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        reason: GapReason,
        line: Option<(LineId, u32)>,
    ) {
        let now = Timestamp::from(SystemTime::now());
        let from = from.or(to).unwrap_or(now);
        let to = to.unwrap_or(now).max(from);
        self.push(RecordBody::Gap { from, to, reason }, line, Moment::now());
        self.announce();
    }

    /// The engine is gone.
    pub(crate) fn lost(&self, error: Arc<str>, hint: Option<Arc<str>>) {
        self.turn(Turn::Lost { error, hint });
    }

    /// The engine is back.
    pub(crate) fn restored(&self) {
        self.turn(Turn::Restored);
    }

    fn turn(&self, turn: Turn) {
        let mut shared = self.lock();
        let after = shared.ring.next_seq() - 1;
        shared.notices.add(after, SystemTime::now(), turn);
        drop(shared);
        self.announce();
    }

    fn push(&self, body: RecordBody, line: Option<(LineId, u32)>, now: Moment) {
        let mut shared = self.lock();
        if let RecordBody::Event { event, .. } = &body {
            shared.tally.count(event, now.counted);
        }
        shared.ring.push(body, line, now.told);
    }

    /// Wakes the readers that wait.
    pub(crate) fn announce(&self) {
        let waiting = self.lock().waiting.take();
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Tells readers that nothing more will come.
    pub(crate) fn close(&self) {
        let mut shared = self.lock();
        shared.closed = true;
        let held_up = shared.blockers.give_up();
        drop(shared);
        held_up.into_iter().for_each(Waker::wake);
        self.announce();
    }

    /// Which run of the follower this is; the `epoch` of every cursor in it.
    pub fn epoch(&self) -> u64 {
        self.lock().ring.epoch()
    }

    /// How many events there were, by type, action and second.
    pub fn stats(&self) -> EventStats {
        self.lock().tally.read(Instant::now())
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

    /// Whether everything after that place is still held.
    pub fn can_continue(&self, after: Cursor) -> bool {
        matches!(self.lock().ring.after(after), Place::At { missed: 0, .. })
    }

    /// A reader that is also told, between the right records, that the engine went and that it came back; otherwise as
    /// [`subscribe`](Self::subscribe). When the engine is gone now, that is the first that it is told.
    pub fn follow(&self, capacity: usize, from: Option<Cursor>) -> FeedFollow {
        FeedFollow::new(self.subscribe(capacity, from), &self.lock().notices)
    }

    /// A reader of its own pace that loses the oldest when it is too slow ([`Policy::DropOldest`]): from now on, or after
    /// `from`.
    ///
    /// `capacity` is how many records it may be behind before it skips and is told
    /// ([`FeedItem::Lagged`]); the feed's own bound holds too. With a `from` that is not known here, the first item is
    /// a gap with [`GapReason::UnknownCursor`], then everything held.
    pub fn subscribe(&self, capacity: usize, from: Option<Cursor>) -> FeedReader {
        self.subscribe_with(Policy::DropOldest { capacity }, from)
    }

    /// A reader with a policy of its own choice; otherwise as [`subscribe`](Self::subscribe).
    pub fn subscribe_with(&self, policy: Policy, from: Option<Cursor>) -> FeedReader {
        let mut shared = self.lock();
        let place = shared.waiting.join();
        let ring = &mut shared.ring;
        let (next, missed, told) = match from.map(|cursor| ring.after(cursor)) {
            None => (ring.next_seq(), 0, None),
            Some(Place::At { next, missed }) => (next, missed, None),
            Some(Place::Unknown) => (
                ring.first_seq(),
                0,
                Some(ring.told(GapReason::UnknownCursor, SystemTime::now())),
            ),
        };
        match policy {
            Policy::DropOldest { .. } => {}
            Policy::Coalesce => ring.begin_to_know_objects(),
            Policy::Block { capacity } => shared.blockers.join(place, next, capacity),
        }
        drop(shared);
        FeedReader::new(self.clone(), place, policy, next, missed, told)
    }

    /// Waits until no reader holds up the feed. Cancel safe.
    pub(crate) async fn room(&self) {
        poll_fn(|cx| {
            let mut shared = self.lock();
            if shared.closed || shared.blockers.has_room(shared.ring.next_seq()) {
                return Poll::Ready(());
            }
            let before = shared.blockers.wait(cx.waker());
            drop(shared);
            drop(before);
            Poll::Pending
        })
        .await;
    }
}
