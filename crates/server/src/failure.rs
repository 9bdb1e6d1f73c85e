//! Why a server could not start or had to stop: one opaque error with a hint for the person who started it.

use std::{error::Error, fmt, io, net::SocketAddr};

use longshore_store::StoreError;

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServeErrorKind {
    /// The address cannot be listened on: in use, not ours, not permitted.
    Listen,
    /// The configuration makes no sense, or gives up more than it says.
    Config,
    /// The data folder or its database cannot be used.
    Data,
}

/// Why a server could not start. [`ServeError::hint`] says what to do.
#[derive(Debug)]
pub struct ServeError {
    kind: ServeErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ServeError {
    pub(crate) fn config(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind: ServeErrorKind::Config,
            message: message.into(),
            hint: Some(hint.into()),
            source: None,
        }
    }

    pub(crate) fn listen(address: SocketAddr, source: io::Error) -> Self {
        let hint = match source.kind() {
            io::ErrorKind::AddrInUse => {
                "another program listens there, perhaps another longshore: stop it, or take another port with \
                 --listen (port 0 takes a free one)"
            }
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 are for root: take a higher one with --listen"
            }
            io::ErrorKind::AddrNotAvailable => "this machine has no such address: see `ip address`",
            _ => "give another address with --listen",
        };
        Self {
            kind: ServeErrorKind::Listen,
            message: format!("cannot listen on {address}"),
            hint: Some(hint.to_owned()),
            source: Some(source.into()),
        }
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ServeErrorKind {
        self.kind
    }

    /// What the person who started the server can do.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl From<StoreError> for ServeError {
    fn from(error: StoreError) -> Self {
        Self {
            kind: ServeErrorKind::Data,
            message: error.to_string(),
            hint: error.hint().map(str::to_owned),
            // The message is the error's own, so its source comes next in the chain.
            source: error.into_source(),
        }
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for ServeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}
