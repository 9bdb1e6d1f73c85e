//! How patiently we talk to an engine: time limits and sizes, all with their defaults.

use std::time::Duration;

use crate::Retry;

/// Limits for everything that one [`Engine`](crate::Engine) does.
///
/// The four time limits are separate and the error names the one that fired ([`TimeoutKind`](crate::TimeoutKind)).
///
/// ```
/// use std::time::Duration;
/// use longshore_engine::EngineConfig;
///
/// let config = EngineConfig::default().head_timeout(Duration::from_secs(5)).max_idle_connections(2);
/// assert_eq!(config.connect_timeout, Duration::from_secs(30));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct EngineConfig {
    /// For opening a connection. Default: 30 s.
    pub connect_timeout: Duration,
    /// From the request to the head of the response. Calls for which the engine waits (stop with a grace time, wait)
    /// get that time on top. Default: 60 s.
    pub head_timeout: Duration,
    /// Between two pieces of a collected answer; streams that may be quiet for hours (events, followed logs) are not
    /// under it. `None` turns it off. Default: 60 s.
    pub idle_timeout: Option<Duration>,
    /// For a whole collected call. Default: 600 s.
    pub total_timeout: Duration,
    /// How many idle connections are kept for the next calls. Default: 8, a little more than the parallel calls of one
    /// follower and one page; each costs one descriptor here and some 30 kB in the engine.
    pub max_idle_connections: usize,
    /// The largest collected answer, in bytes. Default: 64 MiB: a list of ten thousand containers has 8 MiB.
    pub max_body: usize,
    /// What is tried again. Default: nothing.
    pub retry: Retry,
    /// Where ports that containers publish on every address answer. Default: where the engine is by its endpoint. Set it
    /// for an engine behind a tunnel or in a network namespace of its own.
    pub published_host: Option<String>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(30),
            head_timeout: Duration::from_secs(60),
            idle_timeout: Some(Duration::from_secs(60)),
            total_timeout: Duration::from_secs(600),
            max_idle_connections: 8,
            max_body: 64 * 1024 * 1024,
            retry: Retry::default(),
            published_host: None,
        }
    }
}

impl EngineConfig {
    /// Sets [`Self::connect_timeout`].
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Sets [`Self::head_timeout`].
    #[must_use]
    pub fn head_timeout(mut self, limit: Duration) -> Self {
        self.head_timeout = limit;
        self
    }

    /// Sets [`Self::idle_timeout`].
    #[must_use]
    pub fn idle_timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = limit.into();
        self
    }

    /// Sets [`Self::total_timeout`].
    #[must_use]
    pub fn total_timeout(mut self, limit: Duration) -> Self {
        self.total_timeout = limit;
        self
    }

    /// Sets [`Self::max_idle_connections`].
    #[must_use]
    pub fn max_idle_connections(mut self, count: usize) -> Self {
        self.max_idle_connections = count;
        self
    }

    /// Sets [`Self::max_body`].
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sets [`Self::published_host`].
    #[must_use]
    pub fn published_host(mut self, host: impl Into<String>) -> Self {
        self.published_host = Some(host.into());
        self
    }

    /// Sets [`Self::retry`].
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }
}
