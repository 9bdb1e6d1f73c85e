//! What is kept of a death and how much is asked at once; and what was counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use longshore_core::{DeathRecord, WhyUnknown};

use crate::Backoff;

/// How much is kept, and asked at once.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeathsConfig {
    /// Last lines kept of each log. Default: 50.
    pub lines: usize,
    /// Bytes of text kept of them; the oldest lines go. Default: 16 KiB.
    pub bytes: usize,
    /// Bytes kept of one line. Default: 4 KiB.
    pub max_line: usize,
    /// Deaths that are asked about at once, two calls each. Default: 8.
    pub max_looks: usize,
    /// Deaths that wait for their turn; then the oldest is recorded from its events alone. Default: 256.
    pub max_waiting: usize,
    /// For one call. Default: 5 s.
    pub look_timeout: Duration,
    /// Records in memory. Default: 1,000.
    pub history: usize,
    /// Of those, of one container. Default: 20.
    pub history_each: usize,
    /// Containers that remove themselves (`--rm`) whose logs are followed while they run, at most so many at once, so that
    /// their last lines are known: engines from 23 or so on refuse the log of such a container once its end is told. It
    /// costs the engine and us a stream a container, and every line that it writes. Default: 0, none.
    pub follow_auto_removed: usize,
    /// Containers whose runs are followed. Default: 20,000.
    pub max_runs: usize,
    /// Pauses after failed calls, and after failures of the book.
    pub backoff: Backoff,
}

impl Default for DeathsConfig {
    fn default() -> Self {
        Self {
            lines: 50,
            bytes: 16 * 1024,
            max_line: 4 * 1024,
            max_looks: 8,
            max_waiting: 256,
            look_timeout: Duration::from_secs(5),
            history: 1_000,
            history_each: 20,
            follow_auto_removed: 0,
            max_runs: 20_000,
            backoff: Backoff::default(),
        }
    }
}

impl DeathsConfig {
    /// Sets [`Self::lines`] and [`Self::bytes`].
    #[must_use]
    pub fn log(mut self, lines: usize, bytes: usize) -> Self {
        self.lines = lines;
        self.bytes = bytes;
        self
    }

    /// Sets [`Self::max_looks`] and [`Self::max_waiting`].
    #[must_use]
    pub fn at_once(mut self, looks: usize, waiting: usize) -> Self {
        self.max_looks = looks;
        self.max_waiting = waiting;
        self
    }

    /// Sets [`Self::look_timeout`].
    #[must_use]
    pub fn look_timeout(mut self, limit: Duration) -> Self {
        self.look_timeout = limit;
        self
    }

    /// Sets [`Self::follow_auto_removed`].
    #[must_use]
    pub fn follow_auto_removed(mut self, containers: usize) -> Self {
        self.follow_auto_removed = containers;
        self
    }

    /// Sets [`Self::history`] and [`Self::history_each`].
    #[must_use]
    pub fn history(mut self, all: usize, each: usize) -> Self {
        self.history = all;
        self.history_each = each;
        self
    }
}

#[derive(Debug, Default)]
pub(super) struct Meter(AtomicU64);

impl Meter {
    pub(super) fn count(&self) {
        self.add(1);
    }

    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }
}

macro_rules! meters {
    ($($(#[$doc:meta])+ $name:ident),+ $(,)?) => {
        /// What was counted since the start.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub struct DeathCounters {
            $($(#[$doc])+ pub $name: u64,)+
        }

        #[derive(Debug, Default)]
        pub(super) struct Meters {
            $(pub(super) $name: Meter,)+
        }

        impl Meters {
            pub(super) fn read(&self) -> DeathCounters {
                DeathCounters { $($name: self.$name.0.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

meters! {
    /// Deaths told by the feed, each of which is a record.
    deaths,
    /// Of those, the ones that nobody saw.
    synthetic,
    /// Records whose state or log is unknown, for any reason.
    partial,
    /// Records made without asking the engine: too many died at once.
    not_looked_at,
    /// Records made without asking the engine: the container died again before its turn.
    superseded,
    /// Parts of records that the engine could not tell, because it no longer knew the container.
    gone,
    /// Parts of records that the engine did not tell in time.
    timed_out,
    /// Parts of records that the engine did not tell because of an error.
    failed,
    /// Containers whose logs were not followed though that was asked for: too many at once.
    not_followed,
    /// Records of the feed that were missed.
    missed_events,
    /// Times that the book failed.
    unkept_tries,
}

impl Meters {
    pub(super) fn record(&self, record: &DeathRecord) {
        self.deaths.count();
        if record.synthetic {
            self.synthetic.count();
        }
        if !record.unknown.is_empty() {
            self.partial.count();
        }
        for unknown in &record.unknown {
            match unknown.why {
                WhyUnknown::Gone => self.gone.count(),
                WhyUnknown::TimedOut => self.timed_out.count(),
                WhyUnknown::Failed => self.failed.count(),
                _ => {}
            }
        }
    }
}
