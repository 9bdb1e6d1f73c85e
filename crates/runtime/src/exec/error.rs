//! Why a command gave no ordinary result.

use std::error::Error as StdError;
use std::fmt;

use longshore_runner::Stage;

use super::{Ended, Output};

/// A command that was not started, was over its time, or of which nothing is known any more.
///
/// Whatever it had printed is in [`ExecError::output`], what is proven about its processes in [`ExecError::ended`].
pub struct ExecError {
    inner: Box<Inner>,
}

struct Inner {
    kind: Kind,
    container: String,
    ended: Ended,
    output: Option<Output>,
    source: Option<longshore_engine::Error>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// The engine refused or broke before anything was run.
    Engine,
    BadInput(&'static str),
    /// No way is as good as was asked for.
    NoWay(String),
    NotStarted {
        errno: i32,
        stage: Stage,
    },
    TimedOut,
    /// The stream ended or broke before the end was told.
    Lost(&'static str),
}

impl ExecError {
    /// Before anything was run: so nothing of it does.
    pub(super) fn new(kind: Kind, container: &str) -> Self {
        let inner = Inner {
            kind,
            container: container.to_owned(),
            ended: Ended::Tree,
            output: None,
            source: None,
        };
        Self {
            inner: Box::new(inner),
        }
    }

    pub(super) fn engine(error: longshore_engine::Error, container: &str) -> Self {
        Self::new(Kind::Engine, container).with_source(error)
    }

    pub(super) fn with_source(mut self, source: impl Into<Option<longshore_engine::Error>>) -> Self {
        self.inner.source = source.into();
        self
    }

    pub(super) fn with_ended(mut self, ended: Ended) -> Self {
        self.inner.ended = ended;
        self
    }

    pub(super) fn with_output(mut self, output: Output) -> Self {
        self.inner.ended = output.end.ended;
        self.inner.output = Some(output);
        self
    }

    /// Its time was over. [`Self::output`] has what it printed until then.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.inner.kind == Kind::TimedOut
    }

    /// There is no such container.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.engine_error()
            .is_some_and(longshore_engine::Error::is_not_found)
    }

    /// The container does not run, or is paused.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.engine_error()
            .is_some_and(longshore_engine::Error::is_conflict)
    }

    /// The program could not be started, for this error number of the container's kernel. Nothing was run.
    #[must_use]
    pub fn spawn_errno(&self) -> Option<i32> {
        match self.inner.kind {
            Kind::NotStarted { errno, .. } => Some(errno),
            _ => None,
        }
    }

    /// Its end was not told: the connection broke, or what watched over it was killed.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(self.inner.kind, Kind::Lost(_))
    }

    /// Nothing was run, because it could not be run in a way as good as [`Command::at_least`](super::Command::at_least).
    #[must_use]
    pub fn is_no_way(&self) -> bool {
        matches!(self.inner.kind, Kind::NoWay(_))
    }

    /// What is proven about its processes. [`Ended::Tree`] also when nothing was run.
    #[must_use]
    pub fn ended(&self) -> Ended {
        self.inner.ended
    }

    /// What it had printed, and what is known of its end.
    #[must_use]
    pub fn output(&self) -> Option<&Output> {
        self.inner.output.as_ref()
    }

    /// The engine's error behind it.
    #[must_use]
    pub fn engine_error(&self) -> Option<&longshore_engine::Error> {
        self.inner.source.as_ref()
    }
}

fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Admit => "as many commands run under the runner as may",
        Stage::Pipes => "its pipes cannot be made",
        Stage::Fork => "no process can be made (the container's process limit, or memory)",
        Stage::Rlimits => "a resource limit cannot be set",
        Stage::User => "it cannot run as that user",
        Stage::Folder => "its working folder cannot be entered",
        Stage::Exec => "the program cannot be run",
    }
}

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let container = &self.inner.container;
        write!(f, "cannot run the command in {container}: ")?;
        match &self.inner.kind {
            Kind::Engine => f.write_str("the engine did not start it")?,
            Kind::BadInput(what) => f.write_str(what)?,
            Kind::NoWay(why) => write!(f, "not in a way that surely ends it: {why}")?,
            Kind::NotStarted { errno, stage: at } => {
                write!(f, "{}: ", stage(*at))?;
                match errno {
                    // The same on every system that we run on.
                    1..=34 => std::io::Error::from_raw_os_error(*errno).fmt(f)?,
                    other => write!(f, "error {other} of its kernel")?,
                }
            }
            Kind::TimedOut => f.write_str("its time is over")?,
            Kind::Lost(what) => f.write_str(what)?,
        }
        match (&self.inner.kind, self.inner.ended) {
            (Kind::TimedOut, Ended::Tree) => f.write_str(", and it was ended"),
            (Kind::TimedOut | Kind::Lost(_), Ended::Container) => {
                f.write_str(", and its container does not run")
            }
            (_, Ended::MayStillRun) => f.write_str("; it may still run"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.inner;
        // What a command printed may be anything: its end is enough.
        f.debug_struct("ExecError")
            .field("kind", &inner.kind)
            .field("container", &inner.container)
            .field("ended", &inner.ended)
            .field("end", &inner.output.as_ref().map(|output| &output.end))
            .field("source", &inner.source)
            .finish()
    }
}

impl StdError for ExecError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner
            .source
            .as_ref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}
