//! What an image is made for: `os/architecture/variant`.

use std::{fmt, str::FromStr};

/// Longest text that is read as one; the longest known has 16 bytes.
const MAX_LEN: usize = 64;

/// A platform, such as `linux/arm64` or `linux/arm/v7`.
///
/// ```
/// use longshore_core::Platform;
/// let platform: Platform = "linux/arm/v7".parse().unwrap();
/// assert_eq!((platform.os.as_str(), platform.variant.as_deref()), ("linux", Some("v7")));
/// assert!("linux".parse::<Platform>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Platform {
    /// `linux`, `windows`.
    pub os: String,
    /// `amd64`, `arm64`, `arm`.
    pub architecture: String,
    /// `v7`, where the architecture has several.
    pub variant: Option<String>,
}

/// Text that is no platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidPlatform {
    shown: Box<str>,
}

impl fmt::Display for InvalidPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no platform: it must be os/architecture or os/architecture/variant, such as linux/arm64",
            self.shown
        )
    }
}

impl std::error::Error for InvalidPlatform {}

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, InvalidPlatform> {
        let word = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
        };
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant)),
            _ => ("", "", None),
        };
        if text.len() > MAX_LEN || !word(os) || !word(architecture) || !variant.is_none_or(word) {
            return Err(InvalidPlatform {
                shown: text.chars().take(MAX_LEN).collect(),
            });
        }
        Ok(Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant: variant.map(str::to_owned),
        })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_read_and_written_alike_and_rubbish_is_refused() {
        for good in ["linux/amd64", "linux/arm/v7", "windows/amd64"] {
            assert_eq!(good.parse::<Platform>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "linux",
            "linux/",
            "/amd64",
            "a/b/c/d",
            "linux/arm64/",
            "li nux/a",
            &"a/".repeat(200),
        ] {
            assert!(bad.parse::<Platform>().is_err(), "{bad:?}");
        }
    }
}
