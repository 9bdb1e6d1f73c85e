//! What is asked of a log.

use std::time::Duration;

use longshore_core::Timestamp;

use crate::{Backoff, Pattern};

/// What happens to a followed log when its container ends and the engine is not about to start it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterExit {
    /// The log is over.
    End,
    /// It is over when the container was not started again within this time. The time from the end to the next start of a
    /// `docker restart` is that of the engine's work, 0.1 to 0.3 s.
    Linger(Duration),
    /// It goes on until the container is removed.
    Stay,
}

/// Which output to read, and how patiently.
///
/// ```
/// use longshore_runtime::logs::LogQuery;
/// let query = LogQuery::follow().tail(100).until_line("ready");
/// assert!(query.stdout && query.stderr && query.follow);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LogQuery {
    /// Go on with what is written from now on. A container that was not started yet is waited for.
    pub follow: bool,
    /// Only so many lines from the end, counted at the first answer. Engines count the lines of both streams, and leave out
    /// the unwanted ones after that. Default: all.
    pub tail: Option<u64>,
    /// Only what was written at this time or later, by the engine's clock. Default: all.
    pub since: Option<Timestamp>,
    /// Only what was written at this time or before, by the engine's clock. A followed log is over when a later line
    /// comes, or when our clock is a second past it. Default: all.
    pub until: Option<Timestamp>,
    /// Standard output. Default: true.
    pub stdout: bool,
    /// Standard error. Default: true.
    pub stderr: bool,
    /// The log is over after the first line that this is in. Default: none.
    pub until_line: Option<Pattern>,
    /// Follow by reading the log's end again and again, every 0.1 to 1 s, instead of holding a stream open. An engine skips
    /// lines of a stream without a word where a container fills all files of its log before they were read (28.5 left out
    /// 17,000 of 60,000 lines that were written in half a second to two files of 100 kB); read so, every gap is told.
    /// Default: false. Engines before 23 are always read so: their streams lose and double lines.
    pub reread: bool,
    /// Default: [`AfterExit::Linger`] for a second.
    pub after_exit: AfterExit,
    /// Bytes of a line that are kept. Default: 1 MiB.
    pub max_line: usize,
    /// Pauses between attempts to reach the engine.
    pub backoff: Backoff,
    /// A followed log that is silent for so long is asked for anew, so that a half-open connection is found. Default: 30 s;
    /// it costs an engine some milliseconds.
    pub renew_after: Duration,
}

impl LogQuery {
    /// All that there is, up to now.
    #[must_use]
    pub fn read() -> Self {
        Self {
            follow: false,
            tail: None,
            since: None,
            until: None,
            stdout: true,
            stderr: true,
            until_line: None,
            reread: false,
            after_exit: AfterExit::Linger(Duration::from_secs(1)),
            max_line: 1 << 20,
            backoff: Backoff::default(),
            renew_after: Duration::from_secs(30),
        }
    }

    /// All that there is, and what comes.
    #[must_use]
    pub fn follow() -> Self {
        Self {
            follow: true,
            ..Self::read()
        }
    }

    /// Sets [`Self::tail`].
    #[must_use]
    pub fn tail(mut self, lines: impl Into<Option<u64>>) -> Self {
        self.tail = lines.into();
        self
    }

    /// Sets [`Self::since`].
    #[must_use]
    pub fn since(mut self, since: impl Into<Option<Timestamp>>) -> Self {
        self.since = since.into();
        self
    }

    /// Sets [`Self::until`].
    #[must_use]
    pub fn until(mut self, until: impl Into<Option<Timestamp>>) -> Self {
        self.until = until.into();
        self
    }

    /// Chooses the streams.
    #[must_use]
    pub fn streams(mut self, stdout: bool, stderr: bool) -> Self {
        self.stdout = stdout;
        self.stderr = stderr;
        self
    }

    /// Sets [`Self::until_line`].
    #[must_use]
    pub fn until_line(mut self, pattern: impl Into<Pattern>) -> Self {
        self.until_line = Some(pattern.into());
        self
    }

    /// Sets [`Self::reread`].
    #[must_use]
    pub fn reread(mut self, reread: bool) -> Self {
        self.reread = reread;
        self
    }

    /// Sets [`Self::after_exit`].
    #[must_use]
    pub fn after_exit(mut self, after: AfterExit) -> Self {
        self.after_exit = after;
        self
    }

    /// Sets [`Self::max_line`].
    #[must_use]
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes;
        self
    }

    /// Sets [`Self::backoff`].
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets [`Self::renew_after`].
    #[must_use]
    pub fn renew_after(mut self, silence: Duration) -> Self {
        self.renew_after = silence;
        self
    }
}
