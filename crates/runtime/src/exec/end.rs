//! How a command ended, and what is proven of that.

use std::time::Duration;

use bytes::Bytes;

/// How a command is run. Later ones can do more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// As the engine runs it: nothing ends it, and dropping its future does not either.
    Plain,
    /// Through the container's shell: when its time is over, what can be found of it is killed, and nothing is proven.
    /// Dropping its future does not end it.
    Shell,
    /// Under our runner: its whole tree is ended, with proof; dropping its future ends it too.
    Runner,
}

/// What is proven about a command's processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ended {
    /// It and everything that it started, however that hid, are gone: the kernel said so to the runner.
    Tree,
    /// Its container does not run any more, so nothing in it does.
    Container,
    /// Nothing: it, or something that it started, may still be there.
    MayStillRun,
}

/// How the command's own process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// It exited with this code.
    Code(i64),
    /// This signal ended it.
    Signal(i32),
    /// Not known.
    Unknown,
}

/// What a whole tree used, as far as the kernel accounts it to whoever waited for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Processor time in its own code.
    pub user: Duration,
    /// Processor time in the kernel.
    pub system: Duration,
    /// The greatest resident memory of one process, in bytes.
    pub max_rss: u64,
}

/// The end of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct End {
    /// How its own process ended.
    pub status: Status,
    /// Whether it was ended because its time was over.
    pub timed_out: bool,
    /// What is proven about its processes; also of a command that ended by itself, which may have left some.
    pub ended: Ended,
    /// How it was run.
    pub way: Way,
    /// What it used; `None` where no runner told.
    pub usage: Option<Usage>,
    /// Bytes of stdout beyond the limit, which were dropped.
    pub stdout_dropped: u64,
    /// Bytes of stderr beyond the limit, which were dropped.
    pub stderr_dropped: u64,
    /// From the call to the end.
    pub duration: Duration,
}

impl End {
    /// Its exit code; 128 and the signal's number where a signal ended it, as shells count; `None` when not known.
    #[must_use]
    pub fn exit_code(&self) -> Option<i64> {
        match self.status {
            Status::Code(code) => Some(code),
            Status::Signal(signal) => Some(128 + i64::from(signal)),
            Status::Unknown => None,
        }
    }
}

/// What a command printed, up to its limit, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// The first bytes of its standard output.
    pub stdout: Bytes,
    /// The first bytes of its standard error.
    pub stderr: Bytes,
    /// How it ended.
    pub end: End,
}

impl Output {
    /// [`End::exit_code`].
    #[must_use]
    pub fn exit_code(&self) -> Option<i64> {
        self.end.exit_code()
    }
}

/// What comes from a command that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Standard output.
    Stdout(Bytes),
    /// Standard error. Its order with standard output is as it was read.
    Stderr(Bytes),
    /// The last of all.
    End(End),
}
