//! What runs in a container: command, environment, user, terminal, and how it is asked to end.

use super::ContainerSpec;

impl ContainerSpec {
    /// Sets its command.
    #[must_use]
    pub fn cmd<S: Into<String>>(mut self, argv: impl IntoIterator<Item = S>) -> Self {
        self.cmd = Some(argv.into_iter().map(Into::into).collect());
        self
    }

    /// Sets its entrypoint; an empty one clears the image's.
    #[must_use]
    pub fn entrypoint<S: Into<String>>(mut self, argv: impl IntoIterator<Item = S>) -> Self {
        self.entrypoint = Some(argv.into_iter().map(Into::into).collect());
        self
    }

    /// Sets [`Self::working_dir`].
    #[must_use]
    pub fn working_dir(mut self, dir: impl Into<String>) -> Self {
        self.working_dir = Some(dir.into());
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.env.0.push(format!("{key}={value}"));
        self
    }

    /// Adds several environment variables.
    #[must_use]
    pub fn envs<K: AsRef<str>, V: AsRef<str>>(mut self, all: impl IntoIterator<Item = (K, V)>) -> Self {
        for (key, value) in all {
            self = self.env(key.as_ref(), value.as_ref());
        }
        self
    }

    /// Sets [`Self::user`].
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// Adds one of [`Self::groups`].
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.groups.push(group.into());
        self
    }

    /// Sets [`Self::tty`].
    #[must_use]
    pub fn tty(mut self, tty: bool) -> Self {
        self.tty = tty;
        self
    }

    /// Keeps its stdin open, until the first that attaches to it ends its own: what a program that reads to the end of
    /// its input needs. Set [`Self::open_stdin`] alone for a stdin that never ends.
    #[must_use]
    pub fn stdin(mut self) -> Self {
        self.open_stdin = true;
        self.stdin_once = true;
        self
    }

    /// Sets [`Self::init`].
    #[must_use]
    pub fn init(mut self, init: bool) -> Self {
        self.init = init;
        self
    }

    /// Sets [`Self::stop_signal`].
    #[must_use]
    pub fn stop_signal(mut self, signal: impl Into<String>) -> Self {
        self.stop_signal = Some(signal.into());
        self
    }

    /// Sets [`Self::stop_timeout`].
    #[must_use]
    pub fn stop_timeout(mut self, seconds: u32) -> Self {
        self.stop_timeout = Some(seconds);
        self
    }
}
