//! The error of this crate: what was attempted, on which file, and what a person can do about it.

use std::{error::Error, fmt, path::Path};

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The folder or the file cannot be made, read or written.
    Unwritable,
    /// The file is damaged, or no database.
    Corrupt,
    /// The file was written by a newer Longshore, or by another program.
    Foreign,
    /// A name, a password or a token that does not fit; the text says why.
    Invalid,
    /// There is one of that name already, or an account exists where none may.
    Exists,
    /// Too much at once: try again soon.
    Busy,
    /// Anything else; the source says more.
    Internal,
}

/// A failure of the store. Its text names what was attempted; [`StoreError::hint`] says what to do.
pub struct StoreError {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
            source: None,
        }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Tells a damaged file, a full disk and a locked file from what is our own fault.
    pub(crate) fn from_sql(doing: &str, path: &Path, source: sqlx::Error) -> Self {
        let file = path.display();
        let code = source
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .and_then(|c| c.parse::<u32>().ok());
        // The low byte is the primary result code: https://www.sqlite.org/rescode.html
        let error = match code.map(|code| code & 0xff) {
            Some(11 | 26) => Self::corrupt(path),
            Some(8 | 14) => Self::new(
                ErrorKind::Unwritable,
                format!("{doing}: {file} cannot be opened for writing"),
            )
            .with_hint("check who owns the folder and the file, and that the file system is not read-only"),
            Some(13) => Self::new(
                ErrorKind::Unwritable,
                format!("{doing}: no space left for {file}"),
            )
            .with_hint("free some space on that disk"),
            Some(5 | 6) => Self::new(
                ErrorKind::Busy,
                format!("{doing}: {file} is in use by another process"),
            )
            .with_hint("try again; if it stays so, see which process holds the file"),
            _ => Self::new(ErrorKind::Internal, format!("{doing} in {file}")),
        };
        error.with_source(source)
    }

    pub(crate) fn corrupt(path: &Path) -> Self {
        let file = path.display();
        Self::new(ErrorKind::Corrupt, format!("{file} is damaged, or is no database")).with_hint(format!(
            "put a copy of it back, or move {file} and its -wal and -shm files away and start again: accounts and \
             tokens are then made anew, and the histories of events and of containers that ended are lost"
        ))
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl StoreError {
    /// The cause alone, for an error that says the rest itself.
    #[must_use]
    pub fn into_source(self) -> Option<Box<dyn Error + Send + Sync>> {
        self.source
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreError")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}
