//! What an image on an engine is called by: an id or a name. The grammar of names is `image_name`'s.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::image_name::{is_hex, is_id};
use crate::{ImageName, InvalidImageName};

/// What an image on an engine is called by: its id, the beginning of its id, or a name.
///
/// A text such as `0123456789ab` may be both; the engine decides, as it does for its own command line.
///
/// ```
/// use longshore_core::ImageRef;
/// assert!(ImageRef::new("nginx").is_ok());
/// assert!(ImageRef::new("sha256:0123abcd").is_ok());
/// assert!(ImageRef::new("../containers/json").is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageRef(Arc<str>);

impl ImageRef {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// [`InvalidImageName`] when it is neither an id nor a name.
    pub fn new(text: &str) -> Result<Self, InvalidImageName> {
        let hex = text.strip_prefix("sha256:").unwrap_or_default();
        if is_id(text) || ((1..=64).contains(&hex.len()) && hex.bytes().all(is_hex)) {
            return Ok(Self(text.into()));
        }
        Ok(Self::from(&ImageName::new(text)?))
    }

    /// The text, as an engine takes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&ImageName> for ImageRef {
    fn from(name: &ImageName) -> Self {
        Self(name.to_string().into())
    }
}

impl From<ImageName> for ImageRef {
    fn from(name: ImageName) -> Self {
        Self::from(&name)
    }
}

impl FromStr for ImageRef {
    type Err = InvalidImageName;

    fn from_str(text: &str) -> Result<Self, InvalidImageName> {
        Self::new(text)
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Serialize for ImageRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ImageRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}
