//! How an error reads: `Display` for people, `Debug` for developers, the cause below it.

use std::error::Error as StdError;
use std::fmt;

use super::{Error, ErrorKind};

impl Error {
    fn what(&self) -> &str {
        if let Some(message) = &self.inner.message {
            return message;
        }
        match self.inner.kind {
            ErrorKind::Connect => "no connection",
            ErrorKind::NotInstalled => "no engine listens there",
            ErrorKind::Permission => "not permitted",
            ErrorKind::Untrusted(_) => "it cannot prove who it is",
            ErrorKind::Timeout(which) => which.as_str(),
            ErrorKind::Interrupted => "the connection was lost before the answer was complete",
            ErrorKind::NotFound => "no such object",
            ErrorKind::Conflict => "its state does not allow it",
            ErrorKind::BadInput => "the request is not valid",
            ErrorKind::Version => "no common version of the protocol",
            ErrorKind::Status | ErrorKind::Failed => "the engine failed",
            ErrorKind::Protocol => "the answer is not what the protocol says",
            ErrorKind::TooLarge => "the answer is larger than the limit",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}", self.inner.op)?;
        if let Some(target) = &self.inner.target {
            write!(f, " {target}")?;
        }
        write!(f, ": {}", self.what())?;
        if let Some(status) = self.inner.status {
            write!(f, " (status {status})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.inner;
        f.debug_struct("Error")
            .field("kind", &inner.kind)
            .field("op", &inner.op)
            .field("target", &inner.target)
            .field("message", &inner.message)
            .field("status", &inner.status)
            .field("hint", &inner.hint)
            .field("source", &inner.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner
            .source
            .as_ref()
            .map(|source| &**source as &(dyn StdError + 'static))
    }
}
