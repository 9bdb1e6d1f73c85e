//! How a container lives on: health check, restarts, removal, and where its output goes.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::ContainerSpec;

/// What the engine does when a container's main process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RestartPolicy {
    /// Nothing.
    #[default]
    No,
    /// Start it again, also after the engine was restarted.
    Always,
    /// Start it again unless it was stopped by hand.
    UnlessStopped,
    /// Start it again after a failure.
    OnFailure {
        /// At most so often; `None` is without limit.
        max_retries: Option<u32>,
    },
}

impl RestartPolicy {
    /// The engine's word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Always => "always",
            Self::UnlessStopped => "unless-stopped",
            Self::OnFailure { .. } => "on-failure",
        }
    }
}

/// How the engine finds out whether a container is healthy.
///
/// ```
/// use longshore_core::HealthCheck;
/// use std::time::Duration;
/// let check = HealthCheck::cmd("pg_isready -U app").interval(Duration::from_secs(1)).retries(3);
/// assert_eq!(check.timeout, None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// What tells it.
    pub test: HealthTest,
    /// From the end of one run to the next. Default: the engine's 30 s. Engines take none below 1 ms.
    pub interval: Option<Duration>,
    /// After so long a run has failed. Default: the engine's 30 s.
    pub timeout: Option<Duration>,
    /// So long after the start no failure counts. Default: none. Needs API 1.29.
    pub start_period: Option<Duration>,
    /// The interval within `start_period`. Default: the engine's 5 s. Needs API 1.44.
    pub start_interval: Option<Duration>,
    /// So many failures in a row make it unhealthy. Default: the engine's 3.
    pub retries: Option<u32>,
}

/// What tells a container's health; exit code 0 is healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthTest {
    /// Nothing: the image's own check is turned off.
    Off,
    /// A line for the container's shell.
    Shell(String),
    /// A program and its arguments, without a shell.
    Exec(Vec<String>),
}

impl HealthCheck {
    fn of(test: HealthTest) -> Self {
        Self {
            test,
            interval: None,
            timeout: None,
            start_period: None,
            start_interval: None,
            retries: None,
        }
    }

    /// A line for the container's shell.
    pub fn cmd(line: impl Into<String>) -> Self {
        Self::of(HealthTest::Shell(line.into()))
    }

    /// A program and its arguments, without a shell.
    pub fn cmd_exec<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self::of(HealthTest::Exec(argv.into_iter().map(Into::into).collect()))
    }

    /// No health check, even where the image has one.
    pub fn none() -> Self {
        Self::of(HealthTest::Off)
    }

    /// Sets [`Self::interval`].
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Sets [`Self::timeout`].
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets [`Self::start_period`].
    #[must_use]
    pub fn start_period(mut self, period: Duration) -> Self {
        self.start_period = Some(period);
        self
    }

    /// Sets [`Self::start_interval`].
    #[must_use]
    pub fn start_interval(mut self, interval: Duration) -> Self {
        self.start_interval = Some(interval);
        self
    }

    /// Sets [`Self::retries`].
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }
}

/// Where a container's output goes.
#[derive(Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// The driver: `json-file`, `local`, `journald`, `none`, …
    pub driver: String,
    /// Options for it. May hold secrets of the service that it writes to: `Debug` shows their names alone.
    pub options: BTreeMap<String, String>,
}

impl LogConfig {
    /// A driver with its defaults.
    pub fn new(driver: impl Into<String>) -> Self {
        Self {
            driver: driver.into(),
            options: BTreeMap::new(),
        }
    }

    /// Adds an option, such as `max-size` and `10m`.
    #[must_use]
    pub fn option(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.insert(key.into(), value.into());
        self
    }
}

impl fmt::Debug for LogConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogConfig")
            .field("driver", &self.driver)
            .field("options", &self.options.keys())
            .finish()
    }
}

impl ContainerSpec {
    /// Sets [`Self::health`].
    #[must_use]
    pub fn health_check(mut self, check: HealthCheck) -> Self {
        self.health = Some(check);
        self
    }

    /// Sets [`Self::restart_policy`].
    #[must_use]
    pub fn restart_policy(mut self, policy: RestartPolicy) -> Self {
        self.restart_policy = policy;
        self
    }

    /// Sets [`Self::auto_remove`].
    #[must_use]
    pub fn auto_remove(mut self, remove: bool) -> Self {
        self.auto_remove = remove;
        self
    }

    /// Sets [`Self::log`].
    #[must_use]
    pub fn log(mut self, config: LogConfig) -> Self {
        self.log = Some(config);
        self
    }
}
