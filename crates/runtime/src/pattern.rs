//! What a text is looked for by: a literal, or a regular expression.

use std::fmt;
use std::sync::Arc;

/// The largest compiled form of a regular expression, in bytes: one from a configuration may be anybody's.
const MAX_COMPILED: usize = 1 << 20;

/// Looks for something in bytes that need not be text. Cheap to clone. Never takes more than linear time.
///
/// ```
/// use longshore_runtime::Pattern;
/// assert!(Pattern::literal("ready to accept").is_in(b"it is ready to accept connections"));
/// assert!(Pattern::regex("port [0-9]+$").unwrap().is_in(b"listens at port 80"));
/// assert!(Pattern::regex("(").is_err());
/// ```
#[derive(Clone)]
pub struct Pattern(Arc<Kind>);

enum Kind {
    Literal(Box<str>),
    Regex(regex::bytes::Regex),
}

/// A regular expression that cannot be read, or that is too large.
#[derive(Debug, Clone)]
pub struct InvalidPattern(regex::Error);

impl fmt::Display for InvalidPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a regular expression: {}", self.0)
    }
}

impl std::error::Error for InvalidPattern {}

impl Pattern {
    /// This very text.
    pub fn literal(text: impl Into<Box<str>>) -> Self {
        Self(Arc::new(Kind::Literal(text.into())))
    }

    /// A regular expression in the syntax of the `regex` crate: `(?i)` for any case.
    ///
    /// # Errors
    /// [`InvalidPattern`] when it is none, or takes more than 1 MiB compiled.
    pub fn regex(text: &str) -> Result<Self, InvalidPattern> {
        let built = regex::bytes::RegexBuilder::new(text)
            .size_limit(MAX_COMPILED)
            .build();
        built
            .map(|regex| Self(Arc::new(Kind::Regex(regex))))
            .map_err(InvalidPattern)
    }

    /// Whether it is somewhere in there. An empty literal is in everything.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        match &*self.0 {
            Kind::Literal(text) => memchr::memmem::find(bytes, text.as_bytes()).is_some(),
            Kind::Regex(regex) => regex.is_match(bytes),
        }
    }
}

impl From<&str> for Pattern {
    /// [`Pattern::literal`].
    fn from(text: &str) -> Self {
        Self::literal(text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Literal(text) => write!(f, "{text:?}"),
            Kind::Regex(regex) => write!(f, "/{regex}/"),
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({self})")
    }
}
