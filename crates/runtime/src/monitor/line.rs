//! The way from a feed to one sink: its filter, its counts.

use std::iter::Sum;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use longshore_core::{EventFilterSet, Timestamp};

use super::HOST;
use super::sink::{AnySink, EventSink};
use crate::tasks::guarded;
use crate::{Feed, FollowItem, RecordBody};

/// How far a sink may be behind: all that the ring holds unless it is told otherwise.
const CAPACITY: usize = 10_000;

/// What was counted on the way to the sinks. `received` is the sum of `delivered`, `filtered` and `dropped` once nothing is
/// under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct MonitorCounts {
    /// Events and gaps that came, for each sink.
    pub received: u64,
    /// Of those, handed to a sink.
    pub delivered: u64,
    /// Of those, held back by the filters.
    pub filtered: u64,
    /// Of those, lost because a sink was too slow; it was told.
    pub dropped: u64,
    /// How many a sink was behind when it took its last: the slowest of them.
    pub lag: u64,
}

impl Sum for MonitorCounts {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, more| Self {
            received: sum.received + more.received,
            delivered: sum.delivered + more.delivered,
            filtered: sum.filtered + more.filtered,
            dropped: sum.dropped + more.dropped,
            lag: sum.lag.max(more.lag),
        })
    }
}

/// See the module.
pub(super) struct Line {
    sink: Box<dyn AnySink>,
    received: AtomicU64,
    delivered: AtomicU64,
    filtered: AtomicU64,
    dropped: AtomicU64,
    lag: AtomicU64,
}

impl Line {
    pub(super) fn new(sink: impl EventSink) -> Self {
        Self {
            sink: Box::new(sink),
            received: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            filtered: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            lag: AtomicU64::new(0),
        }
    }

    /// Hands over until the feed ends. What the engine stamped before `since` is not told.
    pub(super) async fn run(
        self: Arc<Self>,
        feed: Feed,
        filters: Arc<ArcSwap<EventFilterSet>>,
        since: Option<Timestamp>,
    ) {
        let work = async {
            let mut follow = feed.follow(CAPACITY, None);
            while let Some(item) = follow.next().await {
                self.lag.store(follow.behind(), Ordering::Relaxed);
                self.take(&item, &filters.load(), since).await;
            }
        };
        // The text is logged; the sink hears no more.
        let _ = guarded("a sink of the event monitor", work).await;
    }

    /// Counts, and hands over what gets through.
    pub(super) async fn take(&self, item: &FollowItem, filters: &EventFilterSet, since: Option<Timestamp>) {
        let count = |counter: &AtomicU64, by| {
            counter.fetch_add(by, Ordering::Relaxed);
        };
        match item {
            FollowItem::Record(record) => {
                if let RecordBody::Event { event, .. } = &record.body {
                    if since.is_some_and(|since| event.at < since) {
                        return;
                    }
                    count(&self.received, 1);
                    if !filters.matches(HOST, event) {
                        count(&self.filtered, 1);
                        return;
                    }
                } else {
                    count(&self.received, 1);
                }
                self.sink.deliver(item).await;
                count(&self.delivered, 1);
            }
            FollowItem::Lagged { missed } => {
                count(&self.received, *missed);
                count(&self.dropped, *missed);
                self.sink.deliver(item).await;
            }
            FollowItem::Lost { .. } | FollowItem::Restored { .. } => self.sink.deliver(item).await,
        }
    }

    pub(super) fn counts(&self) -> MonitorCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        MonitorCounts {
            received: read(&self.received),
            delivered: read(&self.delivered),
            filtered: read(&self.filtered),
            dropped: read(&self.dropped),
            lag: read(&self.lag),
        }
    }
}
