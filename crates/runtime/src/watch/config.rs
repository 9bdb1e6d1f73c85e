//! How a watch behaves: time limits, bounds, pauses.

use std::sync::Arc;
use std::time::Duration;

use crate::{Backoff, KnownLine};

/// Settings of a [`Watch`](crate::Watch). The defaults are for one engine and some hundred containers, and hold for
/// thousands.
///
/// ```
/// use std::time::Duration;
/// use longshore_runtime::WatchConfig;
/// let config = WatchConfig::default().rotate_every(Duration::from_secs(10));
/// assert_eq!(config.max_inspects, 8);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct WatchConfig {
    /// How often the event stream is renewed while the old one lives: within this time a silent drop is recovered or
    /// told, and a half-open connection found. Default: 30 s; each costs 3–4 ms of the engine's time.
    pub rotate_every: Duration,
    /// How soon after the last one a renewal on suspicion may come. Default: 1 s.
    pub rotate_at_most_every: Duration,
    /// How long the engine may take to begin answering a subscription. Default: 10 s.
    pub open_timeout: Duration,
    /// How long after that an engine that tells nothing holds no event at all. Default: 500 ms; a full replay takes
    /// 3–4 ms.
    pub replay_grace: Duration,
    /// For an inspect or a list. Default: 30 s.
    pub call_timeout: Duration,
    /// Inspects in flight, of all kinds of objects together. Default: 8, beyond which an engine only adds latency.
    pub max_inspects: usize,
    /// How often the objects of each kind are listed without any reason, as the last net. Default: 5 min.
    pub relist_every: Duration,
    /// Pauses between attempts.
    pub backoff: Backoff,
    /// Records that the feed holds. Default: 10,000.
    pub feed_records: usize,
    /// Bytes that they may weigh, roughly. Default: 8 MiB.
    pub feed_bytes: usize,
    /// What an earlier run has told, oldest first: the first look at the engine then resumes from there. What is known is
    /// not told again, what is new is, and where something may have been missed a gap says so. Default: nothing, and all
    /// that the engine holds is told.
    pub known: Arc<[KnownLine]>,
}

impl Default for WatchConfig {
    fn default() -> Self {
        Self {
            rotate_every: Duration::from_secs(30),
            rotate_at_most_every: Duration::from_secs(1),
            open_timeout: Duration::from_secs(10),
            replay_grace: Duration::from_millis(500),
            call_timeout: Duration::from_secs(30),
            max_inspects: 8,
            relist_every: Duration::from_secs(300),
            backoff: Backoff::default(),
            feed_records: 10_000,
            feed_bytes: 8 << 20,
            known: Arc::new([]),
        }
    }
}

impl WatchConfig {
    /// Sets [`Self::rotate_every`].
    #[must_use]
    pub fn rotate_every(mut self, every: Duration) -> Self {
        self.rotate_every = every;
        self
    }

    /// Sets [`Self::relist_every`].
    #[must_use]
    pub fn relist_every(mut self, every: Duration) -> Self {
        self.relist_every = every;
        self
    }

    /// Sets [`Self::open_timeout`].
    #[must_use]
    pub fn open_timeout(mut self, limit: Duration) -> Self {
        self.open_timeout = limit;
        self
    }

    /// Sets [`Self::backoff`].
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets [`Self::max_inspects`].
    #[must_use]
    pub fn max_inspects(mut self, calls: usize) -> Self {
        self.max_inspects = calls;
        self
    }

    /// Sets [`Self::known`].
    #[must_use]
    pub fn known(mut self, lines: impl Into<Arc<[KnownLine]>>) -> Self {
        self.known = lines.into();
        self
    }

    /// Sets [`Self::feed_records`] and [`Self::feed_bytes`].
    #[must_use]
    pub fn feed_bounds(mut self, records: usize, bytes: usize) -> Self {
        self.feed_records = records;
        self.feed_bytes = bytes;
        self
    }
}
