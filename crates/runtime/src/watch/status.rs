//! How the watch is doing: its status for people, its counters for metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::feed::GapReason;

/// Whether the engine is being followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Not yet, and nothing has failed yet.
    Connecting,
    /// Yes. What the mirror and the feed say is current.
    Live {
        /// Since when, by our clock.
        since: SystemTime,
    },
    /// No longer. The mirror shows what was last known.
    Lost {
        /// What failed, for people.
        error: Arc<str>,
        /// What a person can do about it.
        hint: Option<Arc<str>>,
        /// Since when, by our clock.
        since: SystemTime,
        /// Failures in a row.
        attempt: u32,
        /// When the next attempt is, by our clock; `None` when there will be none, because the watch itself failed.
        retry_at: Option<SystemTime>,
    },
}

impl Status {
    /// Whether it was tried, and is not followed.
    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }

    /// Whether what the mirror and the feed say is current.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Live { .. })
    }
}

/// Counters of one watch, since it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct WatchCounters {
    /// Events delivered.
    pub events: u64,
    /// Of those, with a stamp older than one delivered before.
    pub late: u64,
    /// Events made up from the difference after a gap.
    pub synthetic: u64,
    /// Lines skipped because they were known: replay, mostly.
    pub repeated: u64,
    /// Lines that were no event.
    pub unreadable: u64,
    /// Gaps told, in the order of [`GapReason::COUNTED`].
    pub gaps: [u64; 4],
    /// Times the stream was lost.
    pub losses: u64,
    /// Streams renewed while the old one lived.
    pub rotations: u64,
    /// Of those, because events came late or our reader was held up.
    pub suspicions: u64,
    /// Lists asked for, of all kinds of objects.
    pub lists: u64,
    /// Inspects asked for, of all kinds of objects.
    pub inspects: u64,
    /// Inspects and lists that failed (an inspect of what is gone has not failed).
    pub failed_calls: u64,
    /// Differences of containers that a list found without any gap: the last net has caught something.
    pub repairs: u64,
}

impl WatchCounters {
    /// Gaps told for this reason.
    pub fn gaps_for(&self, reason: GapReason) -> u64 {
        GapReason::COUNTED
            .iter()
            .position(|counted| *counted == reason)
            .map_or(0, |at| self.gaps[at])
    }
}

macro_rules! meters {
    ($($name:ident),+) => {
        /// The same counters while they are counted.
        #[derive(Debug, Default)]
        pub(crate) struct Meters {
            $(pub(crate) $name: Meter,)+
            pub(crate) gaps: [Meter; 4],
        }

        impl Meters {
            pub(crate) fn read(&self) -> WatchCounters {
                WatchCounters {
                    $($name: self.$name.get(),)+
                    gaps: std::array::from_fn(|at| self.gaps[at].get()),
                }
            }
        }
    };
}

meters!(
    events,
    late,
    synthetic,
    repeated,
    unreadable,
    losses,
    rotations,
    suspicions,
    lists,
    inspects,
    failed_calls,
    repairs
);

impl Meters {
    pub(crate) fn gap(&self, reason: GapReason) {
        if let Some(at) = GapReason::COUNTED.iter().position(|counted| *counted == reason) {
            self.gaps[at].count();
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Meter(AtomicU64);

impl Meter {
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
