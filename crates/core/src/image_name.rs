//! What images are called: the grammar of Docker's references, and nothing looser.
//!
//! Owns how a name is read, completed (`nginx` is `docker.io/library/nginx:latest`) and written again. What an engine
//! says of an image is `image`'s.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The registry that a name without one means.
pub const DOCKER_HUB: &str = "docker.io";
/// Its name in old files.
const OLD_HUB: &str = "index.docker.io";
/// Where Docker Hub keeps names without a user.
const OFFICIAL: &str = "library/";
/// The tag that a name without tag and digest means when it is pulled.
pub const DEFAULT_TAG: &str = "latest";
/// The longest repository, as every registry has it.
const MAX_REPOSITORY: usize = 255;
const MAX_TAG: usize = 128;
/// Nobody's host is longer (DNS); a bound for what is kept.
const MAX_REGISTRY: usize = 255 + ":65535".len();

/// Text that is no name of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidImageName {
    shown: Box<str>,
    why: &'static str,
}

impl InvalidImageName {
    fn new(text: &str, why: &'static str) -> Self {
        Self {
            shown: text.chars().take(64).collect(),
            why,
        }
    }
}

impl fmt::Display for InvalidImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no name of an image: {}", self.shown, self.why)
    }
}

impl std::error::Error for InvalidImageName {}

/// A name of an image at a registry: `registry/repository:tag@digest`, of which the repository is always there.
///
/// Reads what Docker reads and refuses what Docker refuses. `Display` is the short form that people write, without
/// Docker Hub's own parts; [`ImageName::canonical`] is the whole one. Cheap to clone.
///
/// ```
/// use longshore_core::ImageName;
/// let name: ImageName = "nginx:1.29".parse().unwrap();
/// assert_eq!(name.registry(), "docker.io");
/// assert_eq!(name.repository(), "library/nginx");
/// assert_eq!(name.to_string(), "nginx:1.29");
/// assert_eq!(name.canonical(), "docker.io/library/nginx:1.29");
/// assert!("Nginx".parse::<ImageName>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageName {
    registry: Arc<str>,
    repository: Arc<str>,
    tag: Option<Arc<str>>,
    digest: Option<Arc<str>>,
}

impl ImageName {
    /// Reads a name as a person writes it.
    ///
    /// # Errors
    /// [`InvalidImageName`] for what Docker does not take either.
    pub fn new(text: &str) -> Result<Self, InvalidImageName> {
        let invalid = |why| InvalidImageName::new(text, why);
        if text.len() > MAX_REGISTRY + MAX_REPOSITORY + MAX_TAG + 256 {
            return Err(invalid("it is too long"));
        }
        if is_id(text) {
            return Err(invalid("64 hexadecimal digits are an id"));
        }
        let (registry, rest) = split_registry(text);
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (rest, None),
        };
        let (repository, tag) = match rest.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (rest, None),
        };
        if !is_registry(registry) {
            return Err(invalid("its registry is no host with an optional port"));
        }
        if repository.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(invalid("its repository must be in lower case"));
        }
        // Only Docker Hub has a place for names without a user.
        let repository = match registry == DOCKER_HUB && !repository.contains('/') {
            true => format!("{OFFICIAL}{repository}"),
            false => repository.to_owned(),
        };
        if !is_repository(&repository) {
            return Err(invalid(
                "its repository must be words of lower-case letters and digits, joined by '.', '_', '__' or '-' and \
                 separated by '/'",
            ));
        }
        if repository.len() > MAX_REPOSITORY {
            return Err(invalid("its repository has more than 255 characters"));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(invalid(
                "its tag must be letters, digits, '_', '.' and '-', at most 128, not beginning with '.' or '-'",
            ));
        }
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return Err(invalid(
                "its digest must be sha256:, sha384: or sha512: with the hexadecimal digits of it",
            ));
        }
        Ok(Self {
            registry: registry.into(),
            repository: repository.into(),
            tag: tag.map(Into::into),
            digest: digest.map(Into::into),
        })
    }

    /// The registry's host, with its port when it has one: `docker.io`, `127.0.0.1:5000`.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository at the registry: `library/nginx`.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, when one is named.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, when one is named: `sha256:…`.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The same repository under another tag, without a digest.
    ///
    /// # Errors
    /// When `tag` is none.
    pub fn with_tag(&self, tag: &str) -> Result<Self, InvalidImageName> {
        if !is_tag(tag) {
            return Err(InvalidImageName::new(tag, "it is no tag"));
        }
        Ok(Self {
            tag: Some(tag.into()),
            digest: None,
            ..self.clone()
        })
    }

    /// The same repository, without tag and digest.
    #[must_use]
    pub fn bare(&self) -> Self {
        Self {
            tag: None,
            digest: None,
            ..self.clone()
        }
    }

    /// The same name with the tag `latest` when it has neither tag nor digest: what a pull of it means.
    #[must_use]
    pub fn or_latest(mut self) -> Self {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(DEFAULT_TAG.into());
        }
        self
    }

    /// Registry and repository as people write them: `nginx`, `quay.io/org/app`.
    #[must_use]
    pub fn familiar(&self) -> String {
        if &*self.registry != DOCKER_HUB {
            return format!("{}/{}", self.registry, self.repository);
        }
        let short = self.repository.strip_prefix(OFFICIAL);
        // `library/a/b` has no shorter form that would be read as itself again.
        match short.filter(|short| !short.contains('/')) {
            Some(short) => short.to_owned(),
            None => (*self.repository).to_owned(),
        }
    }

    /// All of it, nothing left to be completed but the tag.
    #[must_use]
    pub fn canonical(&self) -> String {
        self.suffixed(format!("{}/{}", self.registry, self.repository))
    }

    fn suffixed(&self, mut text: String) -> String {
        for (mark, part) in [(':', &self.tag), ('@', &self.digest)] {
            if let Some(part) = part {
                text.push(mark);
                text.push_str(part);
            }
        }
        text
    }
}

/// The registry of a name, and what comes after it.
fn split_registry(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some((OLD_HUB, rest)) => (DOCKER_HUB, rest),
        Some((first, rest))
            if first == "localhost"
                || first.contains(['.', ':'])
                || first.chars().any(char::is_uppercase) =>
        {
            (first, rest)
        }
        _ => (DOCKER_HUB, text),
    }
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else {
                return false;
            };
            let is_address =
                !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
            match (is_address, port.strip_prefix(':')) {
                (true, Some(port)) => return is_port(port),
                (true, None) => return port.is_empty(),
                (false, _) => return false,
            }
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    text.len() <= MAX_REGISTRY
        && port.is_none_or(is_port)
        && host.split('.').all(|part| {
            let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
            let bytes = part.as_bytes();
            edge(bytes.first())
                && edge(bytes.last())
                && bytes
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        })
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_repository(text: &str) -> bool {
    text.split('/').all(is_component)
}

/// Words of `[a-z0-9]+`, between them one of `.`, `_`, `__` or any number of `-`.
fn is_component(text: &str) -> bool {
    let word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    if !(bytes.first().is_some_and(word) && bytes.last().is_some_and(word)) {
        return false;
    }
    bytes.split(word).all(|between| {
        matches!(between, b"" | b"." | b"_" | b"__") || between.iter().all(|byte| *byte == b'-')
    })
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=MAX_TAG).contains(&text.len())
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

fn is_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else {
        return false;
    };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == length && hex.bytes().all(is_hex)
}

pub(crate) fn is_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'a'..=b'f')
}

/// A whole id without its algorithm.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(is_hex)
}

impl FromStr for ImageName {
    type Err = InvalidImageName;

    fn from_str(text: &str) -> Result<Self, InvalidImageName> {
        Self::new(text)
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.suffixed(self.familiar()))
    }
}

impl fmt::Debug for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

impl Serialize for ImageName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ImageName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[path = "image_name/tests.rs"]
mod tests;
