//! Volumes, as an engine shows them. What a volume is to be is `volume_spec`'s.

use std::collections::BTreeMap;
use std::fmt;

use crate::{Scope, Timestamp};

/// The label that engines since 23.0 put on a volume that nobody named.
const ANONYMOUS: &str = "com.docker.volume.anonymous";

/// What a list or an inspect says of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name, by which it is known. Not checked: drivers have names of any form.
    pub name: String,
    /// What keeps it; `local` is the engine.
    pub driver: Box<str>,
    /// Where it is on the engine's host.
    pub mountpoint: String,
    /// When it was made, in whole seconds.
    pub created: Option<Timestamp>,
    /// How far it reaches.
    pub scope: Scope,
    /// The options that it was made with.
    pub options: DriverOptions,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What it holds and who uses it; only the engine's disk usage tells.
    pub usage: Option<VolumeUsage>,
}

impl Volume {
    /// Whether nobody named it. Engines before 23.0 do not mark such a volume: there it is known by its name of 64
    /// hexadecimal digits.
    pub fn is_anonymous(&self) -> bool {
        let digits = |name: &str| {
            name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        self.labels.contains_key(ANONYMOUS) || digits(&self.name)
    }
}

/// What a volume holds, and who uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VolumeUsage {
    /// Bytes; `None` where the driver does not tell.
    pub size: Option<u64>,
    /// Containers that have it mounted, running or not; `None` where the engine does not tell.
    pub containers: Option<u64>,
}

/// Options of a volume's driver: readable by who asks for them. Those of a network file system may hold a password, so
/// their values are covered in `Debug`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct DriverOptions(pub BTreeMap<String, String>);

impl fmt::Debug for DriverOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.0.keys().map(|key| (key, format_args!("covered"))))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_do_not_show_in_debug() {
        let options = DriverOptions(BTreeMap::from([("o".to_owned(), "password=hunter2".to_owned())]));
        assert_eq!(format!("{options:?}"), "{\"o\": covered}");
    }
}
