//! Secrets and configs: files that a Swarm gives to its services.

use std::collections::BTreeMap;
use std::fmt;

use crate::{InvalidSpec, ObjectRef, Timestamp, labels};

/// What a Swarm takes at most, in bytes (swarmkit's own limits).
const MAX_SECRET: usize = 500 * 1024;
const MAX_CONFIG: usize = 1_000 * 1024;
const MAX_NAME: usize = 64;

/// What is in a secret or a config: readable by who asks for it, only its length in `Debug`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes covered]", self.0.len())
    }
}

/// A secret of a Swarm. What is in it no call tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its id.
    pub id: ObjectRef,
    /// Which change of it this is.
    pub version: u64,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it was last changed.
    pub updated: Option<Timestamp>,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What keeps it; `None` is the Swarm itself.
    pub driver: Option<Box<str>>,
}

/// A config of a Swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwarmConfig {
    /// Its id.
    pub id: ObjectRef,
    /// Which change of it this is.
    pub version: u64,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it was last changed.
    pub updated: Option<Timestamp>,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What is in it.
    pub data: Bytes,
}

/// A secret to create.
///
/// ```
/// use longshore_core::swarm::SecretSpec;
/// let spec = SecretSpec::new("db-password", "hunter2");
/// assert!(spec.check().is_ok() && !format!("{spec:?}").contains("hunter2"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SecretSpec {
    /// Its name, one of its kind in the Swarm.
    pub name: String,
    /// What is in it, at most 500 KiB.
    pub data: Bytes,
    /// Labels; [`SecretSpec::new`] puts ours there.
    pub labels: BTreeMap<String, String>,
}

impl SecretSpec {
    /// A secret, with the labels that mark it as ours.
    pub fn new(name: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            data: Bytes(data.into()),
            labels: labels::ours(),
        }
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Finds what an engine would refuse, before anything is sent.
    ///
    /// # Errors
    /// [`InvalidSpec`] says which field, and why.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        check(&self.name, &self.data, MAX_SECRET)
    }
}

/// A config to create.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfigSpec {
    /// Its name, one of its kind in the Swarm.
    pub name: String,
    /// What is in it, at most 1,000 KiB.
    pub data: Bytes,
    /// Labels; [`ConfigSpec::new`] puts ours there.
    pub labels: BTreeMap<String, String>,
}

impl ConfigSpec {
    /// A config, with the labels that mark it as ours.
    pub fn new(name: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            data: Bytes(data.into()),
            labels: labels::ours(),
        }
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Finds what an engine would refuse, before anything is sent.
    ///
    /// # Errors
    /// [`InvalidSpec`] says which field, and why.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        check(&self.name, &self.data, MAX_CONFIG)
    }
}

fn check(name: &str, data: &Bytes, most: usize) -> Result<(), InvalidSpec> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = name.len() <= MAX_NAME && name.chars().all(inner);
    if !fits || !edge(name.chars().next()) || !edge(name.chars().last()) {
        return Err(InvalidSpec::new(format!(
            "name {name:?}: at most {MAX_NAME} of letters, digits, '_', '.' and '-', the first and last a letter or a digit"
        )));
    }
    if data.0.is_empty() || data.0.len() > most {
        return Err(InvalidSpec::new(format!(
            "data: {} bytes, and a Swarm takes 1 to {most}",
            data.0.len()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_that_no_swarm_takes_names_its_field() {
        let text = |name: &str, data: Vec<u8>| {
            SecretSpec::new(name, data)
                .check()
                .map_err(|error| error.to_string())
        };
        assert_eq!(text("a.b-c_d", vec![0]), Ok(()));
        for name in ["", "../x", "-a", "a-", "a b", &"a".repeat(65)] {
            assert!(text(name, vec![0]).unwrap_err().starts_with("name"), "{name}");
        }
        assert!(text("a", Vec::new()).unwrap_err().starts_with("data"));
        assert!(
            text("a", vec![0; MAX_SECRET + 1])
                .unwrap_err()
                .starts_with("data")
        );
        assert_eq!(ConfigSpec::new("a", vec![0; MAX_SECRET + 1]).check(), Ok(()));
    }

    #[test]
    fn data_does_not_show_in_debug_or_errors() {
        let spec = SecretSpec::new("../x", "hunter2");
        assert!(!format!("{spec:?}{}", spec.check().unwrap_err()).contains("hunter2"));
    }
}
