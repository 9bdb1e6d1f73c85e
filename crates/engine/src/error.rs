//! What can go wrong between us and an engine, as one opaque type.
//!
//! Owns the classification (kind, predicates, hints). The places that fail fill it in; nobody outside matches on
//! status numbers.

use std::borrow::Cow;
use std::error::Error as StdError;

mod text;

type Source = Box<dyn StdError + Send + Sync>;

/// What a call to an engine may end with.
///
/// `Display` says what was attempted on what and the engine's own message; the cause below is in `source()` and is
/// never repeated. Predicates answer what callers decide on; [`Error::hint`] is for people.
///
/// ```
/// # async fn example(engine: longshore_engine::Engine, id: longshore_core::ObjectRef) {
/// match engine.inspect_container(&id).await {
///     Ok(container) => println!("{}", container.name),
///     Err(error) if error.is_not_found() => println!("it is gone"),
///     Err(error) => println!("{error}; {}", error.hint().unwrap_or_default()),
/// }
/// # }
/// ```
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    kind: ErrorKind,
    op: &'static str,
    subject: Option<Subject>,
    target: Option<String>,
    message: Option<Cow<'static, str>>,
    status: Option<u16>,
    hint: Option<Cow<'static, str>>,
    dialing: bool,
    passing: bool,
    delivery: Option<Delivery>,
    source: Option<Source>,
}

/// The class of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No connection could be made.
    Connect,
    /// There is no engine at the address: no such socket, or nothing listens.
    NotInstalled,
    /// The socket may not be opened, or the engine refused the credentials (401, 403), a client certificate or a login.
    Permission,
    /// Who answers cannot prove that it is the engine that is meant; why is inside. Nothing was sent.
    Untrusted(Distrust),
    /// A time limit passed; which one is inside.
    Timeout(TimeoutKind),
    /// The connection broke, or the engine closed it, before the answer was complete.
    Interrupted,
    /// The engine has no such object (404).
    NotFound,
    /// The object's state forbids it, or the name is taken (409).
    Conflict,
    /// We were asked for something that cannot be sent, or the engine says that the request is wrong (400).
    BadInput,
    /// Engine and client share no version of the protocol.
    Version,
    /// The engine answered with another status of failure; [`Error::status`] has it.
    Status,
    /// The engine had begun, and said in the stream of its answer that it failed: a pull, a push, a build, a load.
    Failed,
    /// The engine's answer is not what the protocol says.
    Protocol,
    /// An answer was larger than its limit.
    TooLarge,
}

/// The kind of thing that a call was about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// A container, or a command in one.
    Container,
    /// An image, or the making of one.
    Image,
    /// A network.
    Network,
    /// A volume.
    Volume,
    /// The engine itself, or what only a Swarm has.
    Engine,
}

impl Subject {
    /// Of the call with this path.
    pub(crate) fn of_path(path: &str) -> Self {
        let collection = path.split(['/', '?']).nth(1).unwrap_or_default();
        match collection {
            "containers" | "exec" => Self::Container,
            "images" | "build" | "commit" | "distribution" => Self::Image,
            "networks" => Self::Network,
            "volumes" => Self::Volume,
            _ => Self::Engine,
        }
    }
}

/// Why the other side of a connection is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Distrust {
    /// Its certificate has expired, or is not valid yet.
    Expired,
    /// Its certificate is for another name.
    WrongName,
    /// Its certificate is not signed by an authority that is trusted here.
    UnknownIssuer,
    /// Its SSH host key is not among the known ones.
    UnknownHostKey,
    /// Its SSH host key is another than the known one.
    ChangedHostKey,
    /// Another fault of its certificate.
    Other,
}

/// How far a failed call got: what the engine may have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// It never left us: nothing was done.
    NotSent,
    /// It was sent, at least in part, and no answer came: it may or may not have been done.
    Unknown,
    /// The engine answered: it has refused, or what it says is not understood.
    Answered,
}

/// The four time limits of a call, each with its own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeoutKind {
    /// Opening the connection.
    Connect,
    /// From the request to the head of the response: fires on a frozen engine.
    Head,
    /// Between two pieces of a response.
    Idle,
    /// The whole call.
    Total,
}

impl TimeoutKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "the connection could not be made in time",
            Self::Head => "the engine did not begin to answer in time",
            Self::Idle => "the engine stopped in the middle of its answer",
            Self::Total => "the whole call took too long",
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, op: &'static str) -> Self {
        Self {
            inner: Box::new(Inner {
                kind,
                op,
                subject: None,
                target: None,
                message: None,
                status: None,
                hint: None,
                dialing: false,
                passing: false,
                delivery: None,
                source: None,
            }),
        }
    }

    pub(crate) fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.inner.message = Some(message.into());
        self
    }

    pub(crate) fn with_target(mut self, target: impl Into<String>) -> Self {
        self.inner.target = Some(target.into());
        self
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.inner.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.inner.status = Some(status);
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    pub(crate) fn with_subject(mut self, subject: Subject) -> Self {
        self.inner.subject = Some(subject);
        self
    }

    /// What it is after a closer look.
    pub(crate) fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.inner.kind = kind;
        self
    }

    /// The engine's words say that it will pass, whatever the status.
    pub(crate) fn that_passes(mut self) -> Self {
        self.inner.passing = true;
        self
    }

    pub(crate) fn while_dialing(mut self) -> Self {
        self.inner.dialing = true;
        self
    }

    /// Not a byte of the request was written.
    pub(crate) fn unsent(mut self) -> Self {
        self.inner.delivery = Some(Delivery::NotSent);
        self
    }

    /// A part of the request was written, at least.
    pub(crate) fn partly_sent(mut self) -> Self {
        self.inner.delivery = Some(Delivery::Unknown);
        self
    }

    /// The class of the failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// What was attempted, as a verb phrase: `inspect the container`.
    #[must_use]
    pub fn op(&self) -> &str {
        self.inner.op
    }

    /// What kind of thing it was about; `None` where no call had been begun.
    #[must_use]
    pub fn subject(&self) -> Option<Subject> {
        self.inner.subject
    }

    /// On what: a container's reference, an endpoint.
    #[must_use]
    pub fn target(&self) -> Option<&str> {
        self.inner.target.as_deref()
    }

    /// The engine's own message, or ours where the engine had none.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.inner.message.as_deref()
    }

    /// The HTTP status, where the engine answered with one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.inner.status
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.inner.hint.as_deref()
    }

    /// The engine has no such object.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.inner.kind == ErrorKind::NotFound
    }

    /// The object's state forbids it, or the name is taken.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.inner.kind == ErrorKind::Conflict
    }

    /// One of the four time limits fired.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.inner.kind, ErrorKind::Timeout(_))
    }

    /// No connection was made, so nothing was sent.
    #[must_use]
    pub fn is_connect(&self) -> bool {
        self.inner.dialing
    }

    /// How far the call got.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        let inner = &self.inner;
        if inner.status.is_some() {
            return Delivery::Answered;
        }
        if let Some(delivery) = inner.delivery {
            return delivery;
        }
        match inner.kind {
            _ if inner.dialing => Delivery::NotSent,
            ErrorKind::Connect
            | ErrorKind::NotInstalled
            | ErrorKind::BadInput
            | ErrorKind::Version
            | ErrorKind::Untrusted(_)
            | ErrorKind::Timeout(TimeoutKind::Connect) => Delivery::NotSent,
            ErrorKind::Interrupted | ErrorKind::Timeout(_) => Delivery::Unknown,
            ErrorKind::Permission
            | ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::Status
            | ErrorKind::Failed
            | ErrorKind::Protocol
            | ErrorKind::TooLarge => Delivery::Answered,
        }
    }

    /// The same call may succeed later without anybody changing anything. A plain 500 is not transient: engines
    /// answer it to lasting mistakes (a bad `since`, a read-only root). That of Podman is, when it could not list what
    /// was being removed meanwhile.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.inner.kind {
            ErrorKind::Connect | ErrorKind::NotInstalled | ErrorKind::Timeout(_) | ErrorKind::Interrupted => {
                true
            }
            ErrorKind::Status => {
                self.inner.passing || matches!(self.inner.status, Some(429 | 502 | 503 | 504))
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_op_and_target_and_leaves_the_source_to_the_chain() {
        let source = std::io::Error::other("low-level cause");
        let error = Error::new(ErrorKind::NotFound, "inspect the container")
            .with_target("web")
            .with_status(404)
            .with_source(source);
        assert_eq!(
            error.to_string(),
            "cannot inspect the container web: no such object (status 404)"
        );
        assert_eq!(
            StdError::source(&error).map(ToString::to_string).as_deref(),
            Some("low-level cause")
        );
        assert!(error.is_not_found() && !error.is_transient() && !error.is_connect());
    }

    #[test]
    fn a_plain_500_is_not_transient_and_an_overloaded_engine_is() {
        let status = |status| Error::new(ErrorKind::Status, "list containers").with_status(status);
        assert!(!status(500).is_transient());
        assert!(status(503).is_transient());
        assert!(Error::new(ErrorKind::Timeout(TimeoutKind::Head), "ping").is_transient());
    }
}
