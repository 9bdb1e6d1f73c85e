//! What is to be run, and how far it may go.

use std::time::Duration;

use bytes::Bytes;
use longshore_core::Secrets;

use super::Way;

/// A command for [`Executor`](super::Executor): what to run in a container, and when it must be over.
///
/// ```
/// use std::time::Duration;
/// use longshore_runtime::exec::{Command, Way};
///
/// let backup = Command::new(["pg_dump", "shop"])
///     .user("postgres")
///     .timeout(Duration::from_secs(30))
///     .grace(Duration::from_secs(1))
///     .limit(64 * 1024 * 1024)
///     .at_least(Way::Runner);
/// # assert_eq!(backup.argv.len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program and its arguments. No shell is involved; a program without a slash is looked for along `PATH`.
    pub argv: Vec<String>,
    /// `NAME=value` each, on top of the container's own.
    pub env: Secrets,
    /// Where it starts. Default: as the container.
    pub working_dir: Option<String>,
    /// Who it runs as (`name`, `uid`, `name:group` …). Default: as the container.
    pub user: Option<String>,
    /// With all capabilities. Default: false.
    pub privileged: bool,
    /// What it reads on stdin, with [`Executor::run`](super::Executor::run); stdin ends after it. Default: none, and
    /// stdin is at its end from the beginning.
    pub input: Option<Bytes>,
    /// Bytes kept of each of stdout and stderr; the rest is read, counted and dropped. Default: 1 MiB.
    pub limit: u64,
    /// How long it may take, from the call on. Then its tree is ended. Default: none.
    pub timeout: Option<Duration>,
    /// From TERM to KILL, when its tree is ended. Zero kills at once. Default: 50 ms: a handler may run, and a limit stays
    /// one.
    pub grace: Duration,
    /// How long after timeout and grace the proof that all has ended is waited for. Default: 3 s, since the runner itself
    /// gives up after 2; 300 ms where the container may be ended instead.
    pub patience: Option<Duration>,
    /// Whether the container is killed when the command could not be ended otherwise. Default: false.
    pub end_container: bool,
    /// The least way that will do: with [`Way::Runner`] a command that could not surely be ended is not started at all.
    /// Default: [`Way::Plain`].
    pub at_least: Way,
}

impl Command {
    /// Runs `argv`.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            env: Secrets::default(),
            working_dir: None,
            user: None,
            privileged: false,
            input: None,
            limit: 1024 * 1024,
            timeout: None,
            grace: Duration::from_millis(50),
            patience: None,
            end_container: false,
            at_least: Way::Plain,
        }
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.0.push(format!("{name}={value}"));
        self
    }

    /// Sets [`Self::working_dir`].
    #[must_use]
    pub fn working_dir(mut self, dir: impl Into<String>) -> Self {
        self.working_dir = Some(dir.into());
        self
    }

    /// Sets [`Self::user`].
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Sets [`Self::privileged`].
    #[must_use]
    pub fn privileged(mut self, privileged: bool) -> Self {
        self.privileged = privileged;
        self
    }

    /// Sets [`Self::input`].
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Bytes>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// Sets [`Self::limit`].
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }

    /// Sets [`Self::timeout`].
    #[must_use]
    pub fn timeout(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.timeout = limit.into();
        self
    }

    /// Sets [`Self::grace`].
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets [`Self::patience`].
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Sets [`Self::end_container`].
    #[must_use]
    pub fn end_container(mut self, may: bool) -> Self {
        self.end_container = may;
        self
    }

    /// Sets [`Self::at_least`].
    #[must_use]
    pub fn at_least(mut self, way: Way) -> Self {
        self.at_least = way;
        self
    }

    /// See [`Self::patience`].
    pub(super) fn patience_or_default(&self) -> Duration {
        let default = if self.end_container { 300 } else { 3_000 };
        self.patience.unwrap_or(Duration::from_millis(default))
    }
}
