//! Why a condition did not come to hold: what was waited for, what ended it, what each leaf saw last.

use std::fmt;
use std::time::Duration;

use longshore_engine::Error;

use super::Wait;

/// Why waiting failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitErrorKind {
    /// The deadline passed.
    Deadline,
    /// The container ended, and the condition cannot hold any more.
    Died {
        /// Its exit code, where the engine told it.
        exit_code: Option<i64>,
    },
    /// The container was removed.
    Removed,
    /// It cannot hold whatever the container does: a health check that there is none of.
    Never,
    /// The engine refused what the waiting takes; `source` says what.
    Engine,
}

/// A condition did not come to hold.
///
/// `Display` names the condition, what ended the waiting, and for each leaf that does not hold what was seen last: texts of
/// the engine, statuses, and of a log its last line, which may hold whatever the container prints.
pub struct WaitError {
    inner: Box<Inner>,
}

struct Inner {
    kind: WaitErrorKind,
    wait: String,
    waited: Duration,
    seen: Vec<(String, String)>,
    last_line: Option<String>,
    source: Option<Error>,
}

impl WaitError {
    pub(super) fn new(wait: &Wait, kind: WaitErrorKind, waited: Duration) -> Self {
        Self {
            inner: Box::new(Inner {
                kind,
                wait: wait.to_string(),
                waited,
                seen: Vec::new(),
                last_line: None,
                source: None,
            }),
        }
    }

    pub(super) fn engine(wait: &Wait, error: Error) -> Self {
        let mut this = Self::new(wait, WaitErrorKind::Engine, Duration::ZERO);
        this.inner.source = Some(error);
        this
    }

    pub(super) fn with_seen(mut self, seen: Vec<(String, String)>, last_line: Option<String>) -> Self {
        self.inner.seen = seen;
        self.inner.last_line = last_line;
        self
    }

    /// What ended the waiting.
    #[must_use]
    pub fn kind(&self) -> WaitErrorKind {
        self.inner.kind
    }

    /// How long was waited.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.inner.waited
    }

    /// Each leaf that did not hold, and what it saw last.
    pub fn seen(&self) -> impl Iterator<Item = (&str, &str)> {
        self.inner.seen.iter().map(|(leaf, seen)| (&**leaf, &**seen))
    }

    /// The last line that the container printed, at most 200 bytes of it, where that was read.
    #[must_use]
    pub fn last_line(&self) -> Option<&str> {
        self.inner.last_line.as_deref()
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.inner;
        write!(f, "waited for {}", inner.wait)?;
        match inner.kind {
            WaitErrorKind::Deadline => write!(f, ": not within {:?}", inner.waited)?,
            WaitErrorKind::Died {
                exit_code: Some(code),
            } => write!(f, ": the container ended with {code}")?,
            WaitErrorKind::Died { exit_code: None } => f.write_str(": the container ended")?,
            WaitErrorKind::Removed => f.write_str(": the container was removed")?,
            WaitErrorKind::Never => f.write_str(": it cannot come to hold")?,
            WaitErrorKind::Engine => f.write_str(": the engine cannot be asked")?,
        }
        for (leaf, seen) in &inner.seen {
            write!(f, "; {leaf}: {seen}")?;
        }
        match &inner.last_line {
            Some(line) => write!(f, "; its last line: {line:?}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitError")
            .field("kind", &self.inner.kind)
            .field("text", &self.to_string())
            .field("source", &self.inner.source)
            .finish()
    }
}

impl std::error::Error for WaitError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner.source.as_ref().map(|error| error as _)
    }
}
