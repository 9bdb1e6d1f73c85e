//! How a guard ends, and what it does when a test panics.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::wait::WaitConfig;

/// The variable that keeps containers: `always`, or `panic`.
pub const KEEP: &str = "LONGSHORE_KEEP";

/// What becomes of a guarded container at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AtEnd {
    /// It is removed, running or not, with its anonymous volumes.
    #[default]
    Remove,
    /// It is stopped.
    Stop,
    /// It is left as it is.
    Keep,
}

pub(super) type Sink = Arc<dyn Fn(&str, &[String]) + Send + Sync>;

/// Settings of a [`ContainerGuard`](super::ContainerGuard).
///
/// ```
/// use longshore_runtime::guard::{AtEnd, GuardConfig};
/// let config = GuardConfig::default()
///     .at_end(AtEnd::Stop)
///     .on_panic(|name, lines| eprintln!("{name} printed:\n{}", lines.join("\n")));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct GuardConfig {
    /// Default: [`AtEnd::Remove`].
    pub at_end: AtEnd,
    /// Leave the container when the thread panics. Default: false; `LONGSHORE_KEEP=panic` sets it for a run.
    pub keep_on_panic: bool,
    /// Take the container of the same name and spec when there is one, and keep it. Default: false.
    pub reuse: bool,
    /// After so long a container may be swept whose owner is not known to live. Default: 24 h.
    pub expires_after: Duration,
    /// How the start's condition is waited for.
    pub wait: WaitConfig,
    pub(super) sink: Option<Sink>,
}

impl Default for GuardConfig {
    fn default() -> Self {
        Self {
            at_end: AtEnd::Remove,
            keep_on_panic: false,
            reuse: false,
            expires_after: Duration::from_secs(24 * 3_600),
            wait: WaitConfig::default(),
            sink: None,
        }
    }
}

impl GuardConfig {
    /// Sets [`Self::at_end`].
    #[must_use]
    pub fn at_end(mut self, at_end: AtEnd) -> Self {
        self.at_end = at_end;
        self
    }

    /// Sets [`Self::keep_on_panic`].
    #[must_use]
    pub fn keep_on_panic(mut self, keep: bool) -> Self {
        self.keep_on_panic = keep;
        self
    }

    /// Sets [`Self::reuse`].
    #[must_use]
    pub fn reuse(mut self, reuse: bool) -> Self {
        self.reuse = reuse;
        self
    }

    /// Sets [`Self::wait`].
    #[must_use]
    pub fn wait(mut self, wait: WaitConfig) -> Self {
        self.wait = wait;
        self
    }

    /// Is given the container's name and its last lines (at most 200, 64 KiB) when the thread panics while the guard is
    /// dropped. Without it nothing is kept of what the container prints. Must not block.
    #[must_use]
    pub fn on_panic(mut self, sink: impl Fn(&str, &[String]) + Send + Sync + 'static) -> Self {
        self.sink = Some(Arc::new(sink));
        self
    }

    /// With what the environment says.
    pub(super) fn with_environment(mut self, keep: Option<&str>) -> Self {
        match keep {
            Some("always") => self.at_end = AtEnd::Keep,
            Some("panic") => self.keep_on_panic = true,
            _ => {}
        }
        if self.reuse {
            self.at_end = AtEnd::Keep;
        }
        self
    }
}

impl fmt::Debug for GuardConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardConfig")
            .field("at_end", &self.at_end)
            .field("keep_on_panic", &self.keep_on_panic)
            .field("reuse", &self.reuse)
            .field("expires_after", &self.expires_after)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}
