//! Ids and references: the one place that decides which text may become part of an engine's path.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest reference that is accepted, in bytes. Ids are 64, DNS-style names at most 255; engines set no limit
/// of their own for container names.
const MAX_LEN: usize = 255;

/// Text that is no id, prefix or name of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidRef {
    shown: Box<str>,
}

impl fmt::Display for InvalidRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no id or name: it must start with a letter or a digit, go on with letters, digits, '_', '.' or '-', \
             and have at most {MAX_LEN} characters",
            self.shown
        )
    }
}

impl std::error::Error for InvalidRef {}

/// Which bytes an id or name may have. A table, because a list of ten thousand containers has 640,000 of them.
const ALLOWED: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut byte = 0_u8;
    loop {
        allowed[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        if byte == u8::MAX {
            break allowed;
        }
        byte += 1;
    }
};

fn check(text: &str) -> Result<(), InvalidRef> {
    let ok = text.len() <= MAX_LEN
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .fold(true, |ok, byte| ok & ALLOWED[usize::from(byte)]);
    if ok {
        return Ok(());
    }
    Err(InvalidRef {
        shown: text.chars().take(64).collect(),
    })
}

macro_rules! checked_text {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` and keeps it.
            ///
            /// # Errors
            /// [`InvalidRef`] when it holds anything that must not stand in a path of the engine's API.
            pub fn new(text: &str) -> Result<Self, InvalidRef> {
                check(text).map(|()| Self(text.into()))
            }

            /// The text, safe to stand as one segment of a path.
            pub fn as_str(&self) -> &str { &self.0 }
        }

        impl FromStr for $name {
            type Err = InvalidRef;
            fn from_str(text: &str) -> Result<Self, InvalidRef> { Self::new(text) }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { fmt::Debug::fmt(&*self.0, f) }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str { &self.0 }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str { &self.0 }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> { serializer.serialize_str(&self.0) }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

checked_text! {
    /// What a person or a program calls an object by: an id, a prefix of one, or a name.
    ///
    /// ```
    /// use longshore_core::ObjectRef;
    /// assert!(ObjectRef::new("web-1").is_ok());
    /// assert!(ObjectRef::new("../images/json").is_err());
    /// assert!(ObjectRef::new("a%2fb").is_err());
    /// ```
    ObjectRef
}

checked_text! {
    /// The full id of a container, as the engine gave it (64 hexadecimal digits on every engine known).
    /// Cheap to clone.
    ContainerId
}

checked_text! {
    /// The full id of a network, as the engine gave it: 64 hexadecimal digits, or 25 letters and digits in a Swarm.
    /// Cheap to clone.
    NetworkId
}

impl From<&NetworkId> for ObjectRef {
    fn from(id: &NetworkId) -> Self {
        Self(Arc::clone(&id.0))
    }
}

impl ContainerId {
    /// The first twelve characters, as people read them.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl From<&ContainerId> for ObjectRef {
    fn from(id: &ContainerId) -> Self {
        Self(Arc::clone(&id.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_leave_its_path_segment_is_refused() {
        for bad in [
            "", "..", "../x", "a/b", "a%2fb", "/name", "a b", "a?x=1", "a#b", "-a", ".a", "é", "a\0", "a\n",
        ] {
            assert!(ObjectRef::new(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(ObjectRef::new(&"a".repeat(256)).is_err());
    }

    #[test]
    fn ids_prefixes_and_names_are_accepted() {
        for good in ["a", "web-1", "my_app.db", "0123456789ab", &"f".repeat(64)] {
            assert_eq!(ObjectRef::new(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn an_error_shows_no_more_than_a_line_of_what_was_given() {
        let text = ObjectRef::new(&"/".repeat(10_000)).unwrap_err().to_string();
        assert!(text.len() < 300, "{} bytes", text.len());
    }
}
