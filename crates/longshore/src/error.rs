//! What a client's call may end with, in the words of who uses containers.

use std::fmt;

use longshore_core::InvalidImageName;
use longshore_engine::{Delivery, Error, ErrorKind, Subject};
use longshore_runtime::RunError;
use longshore_runtime::guard::GuardError;
use longshore_runtime::wait::{WaitError, WaitErrorKind};

/// Why a call failed. `Display` says what was attempted on what and the engine's own words; the cause below is in
/// `source()`.
///
/// ```
/// # async fn example(client: longshore::DockerClient) {
/// use longshore::DockerErrorKind;
/// match client.containers().inspect("web").await {
///     Ok(web) => println!("{}", web.state),
///     Err(error) if error.is_not_found() => println!("there is none"),
///     Err(error) if error.kind() == DockerErrorKind::NotInstalled => {
///         println!("{error}; {}", error.hint().unwrap_or_default());
///     }
///     Err(error) => println!("{error}"),
/// }
/// # }
/// ```
pub struct DockerError {
    kind: DockerErrorKind,
    cause: Cause,
}

enum Cause {
    Engine(Error),
    Run(Box<RunError>),
    Guard(Box<GuardError>),
    Wait(Box<WaitError>),
    Cancelled,
    Input(Box<str>),
}

/// The class of a [`DockerError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DockerErrorKind {
    /// No connection could be made, or it broke.
    Connection,
    /// There is no engine.
    NotInstalled,
    /// This user may not talk to the engine, or the engine refused the credentials.
    Permission,
    /// About an image: there is none, it cannot be pulled, built or removed.
    Image,
    /// About a container: there is none, its state forbids it, its name is taken.
    Container,
    /// About a network.
    Network,
    /// About a volume.
    Volume,
    /// Credentials of Amazon's registry could not be obtained.
    EcrCredentials,
    /// A time limit passed.
    Timeout,
    /// The client's cancellation token was cancelled.
    Cancelled,
    /// What was asked for cannot be sent.
    Input,
    /// Engine and client share no version, or the engine is too old for what was asked.
    Version,
    /// Anything else that the engine said, or did not say properly.
    Engine,
}

impl DockerError {
    pub(crate) fn cancelled() -> Self {
        Self {
            kind: DockerErrorKind::Cancelled,
            cause: Cause::Cancelled,
        }
    }

    pub(crate) fn input(text: impl fmt::Display) -> Self {
        Self {
            kind: DockerErrorKind::Input,
            cause: Cause::Input(text.to_string().into()),
        }
    }

    /// The class of the failure.
    pub fn kind(&self) -> DockerErrorKind {
        self.kind
    }

    /// The engine has no such object.
    pub fn is_not_found(&self) -> bool {
        self.engine().is_some_and(Error::is_not_found)
    }

    /// The object's state forbids it, or the name is taken.
    pub fn is_conflict(&self) -> bool {
        match &self.cause {
            Cause::Run(error) => matches!(**error, RunError::Differs { .. }),
            Cause::Guard(error) => matches!(**error, GuardError::NameTaken(_)),
            _ => self.engine().is_some_and(Error::is_conflict),
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> Option<&str> {
        match &self.cause {
            Cause::Run(error) => error.hint(),
            _ => self.engine()?.hint(),
        }
    }

    /// How far the call got: whether the engine may have done it.
    pub fn delivery(&self) -> Delivery {
        match &self.cause {
            Cause::Engine(error) => error.delivery(),
            Cause::Run(error) if matches!(**error, RunError::Unnamed) => Delivery::NotSent,
            Cause::Run(_) | Cause::Guard(_) | Cause::Wait(_) => Delivery::Answered,
            // It was dropped on its way.
            Cause::Cancelled => Delivery::Unknown,
            Cause::Input(_) => Delivery::NotSent,
        }
    }

    /// The engine client's own error, with its status and limits.
    pub fn engine(&self) -> Option<&Error> {
        match &self.cause {
            Cause::Engine(error) => Some(error),
            Cause::Run(_) | Cause::Guard(_) | Cause::Wait(_) | Cause::Cancelled | Cause::Input(_) => None,
        }
    }
}

impl From<RunError> for DockerError {
    fn from(error: RunError) -> Self {
        let kind = match error {
            RunError::Engine(error) => return Self::from(error),
            RunError::TimedOut { .. } => DockerErrorKind::Timeout,
            RunError::Unnamed => DockerErrorKind::Input,
            _ => DockerErrorKind::Container,
        };
        Self {
            kind,
            cause: Cause::Run(Box::new(error)),
        }
    }
}

impl From<GuardError> for DockerError {
    fn from(error: GuardError) -> Self {
        match error {
            GuardError::Engine(error) => Self::from(error),
            GuardError::NotReady(error) => Self::from(error),
            error => Self {
                kind: DockerErrorKind::Container,
                cause: Cause::Guard(Box::new(error)),
            },
        }
    }
}

impl From<WaitError> for DockerError {
    fn from(error: WaitError) -> Self {
        let kind = match error.kind() {
            WaitErrorKind::Deadline => DockerErrorKind::Timeout,
            WaitErrorKind::Never => DockerErrorKind::Input,
            WaitErrorKind::Engine => DockerErrorKind::Engine,
            _ => DockerErrorKind::Container,
        };
        Self {
            kind,
            cause: Cause::Wait(Box::new(error)),
        }
    }
}

impl From<InvalidImageName> for DockerError {
    fn from(error: InvalidImageName) -> Self {
        Self::input(error)
    }
}

impl From<Error> for DockerError {
    fn from(error: Error) -> Self {
        let about = match error.subject() {
            Some(Subject::Container) => DockerErrorKind::Container,
            Some(Subject::Image) => DockerErrorKind::Image,
            Some(Subject::Network) => DockerErrorKind::Network,
            Some(Subject::Volume) => DockerErrorKind::Volume,
            _ => DockerErrorKind::Engine,
        };
        let kind = match error.kind() {
            ErrorKind::Timeout(_) => DockerErrorKind::Timeout,
            ErrorKind::NotInstalled => DockerErrorKind::NotInstalled,
            ErrorKind::Connect | ErrorKind::Interrupted | ErrorKind::Untrusted(_) => {
                DockerErrorKind::Connection
            }
            ErrorKind::Permission => DockerErrorKind::Permission,
            ErrorKind::Version => DockerErrorKind::Version,
            // What we refused ourselves never left us; what the engine refused is about its subject.
            ErrorKind::BadInput if error.status().is_none() => DockerErrorKind::Input,
            _ => about,
        };
        Self {
            kind,
            cause: Cause::Engine(error),
        }
    }
}

impl fmt::Display for DockerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::Engine(error) => error.fmt(f),
            Cause::Run(error) => error.fmt(f),
            Cause::Guard(error) => error.fmt(f),
            Cause::Wait(error) => error.fmt(f),
            Cause::Cancelled => f.write_str("the call was cancelled"),
            Cause::Input(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for DockerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("DockerError");
        debug.field("kind", &self.kind);
        match &self.cause {
            Cause::Engine(error) => debug.field("cause", error),
            Cause::Run(error) => debug.field("cause", error),
            Cause::Guard(error) => debug.field("cause", error),
            Cause::Wait(error) => debug.field("cause", error),
            Cause::Cancelled => debug.field("cause", &"cancelled"),
            Cause::Input(text) => debug.field("cause", text),
        };
        debug.finish()
    }
}

impl std::error::Error for DockerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // What this one displays is the engine's: the next in the chain is what lies below that.
        match &self.cause {
            Cause::Guard(error) => error.source(),
            Cause::Wait(error) => error.source(),
            _ => self.engine()?.source(),
        }
    }
}
