//! What running a container may end with.

use std::fmt;
use std::time::Duration;

use super::RunOutput;

/// Why a container was not run, or not to its end.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// The engine refused or failed, or what was asked for cannot be sent. Where a container had been made and not
    /// started, it was removed again.
    Engine(longshore_engine::Error),
    /// It ran longer than it may, and was killed.
    TimedOut {
        /// The limit.
        after: Duration,
        /// What it had printed by then, and how it ended when it was killed.
        output: Box<RunOutput>,
    },
    /// A container of this name is there, and it was made from another spec.
    Differs {
        /// Its name.
        name: String,
    },
    /// Only a container with a name can be looked for.
    Unnamed,
}

impl RunError {
    /// What the engine's call failed with, where that is the reason.
    pub fn as_engine(&self) -> Option<&longshore_engine::Error> {
        match self {
            Self::Engine(error) => Some(error),
            _ => None,
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Engine(error) => error.hint(),
            Self::Differs { .. } => Some("ask for it to be made anew, or give the other spec another name"),
            Self::Unnamed => Some("give the spec a name"),
            Self::TimedOut { .. } => None,
        }
    }
}

impl From<longshore_engine::Error> for RunError {
    fn from(error: longshore_engine::Error) -> Self {
        Self::Engine(error)
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(error) => error.fmt(f),
            Self::TimedOut { after, .. } => {
                write!(f, "the container did not end within {after:?} and was killed")
            }
            Self::Differs { name } => {
                write!(
                    f,
                    "there is a container {name} already, and it was made from another spec"
                )
            }
            Self::Unnamed => f.write_str("the container has no name to look for"),
        }
    }
}

impl std::error::Error for RunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // It speaks for itself: what is below it is the cause.
            Self::Engine(error) => std::error::Error::source(error),
            _ => None,
        }
    }
}
