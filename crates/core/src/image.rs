//! Images: what a list says of one, what an inspect says, and what its history is.

use std::collections::BTreeMap;

use crate::{Platform, Secrets, Timestamp};

/// One image of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSummary {
    /// Its id, with the algorithm (`sha256:…`).
    pub id: String,
    /// Names with tags; empty for a dangling image.
    pub tags: Vec<String>,
    /// Names with digests.
    pub digests: Vec<String>,
    /// When it was built.
    pub created: Option<Timestamp>,
    /// Bytes on disk, layers that it shares included.
    pub size: u64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What it has for each platform; empty unless asked for, and where the engine keeps one platform an image.
    pub manifests: Vec<ImageManifest>,
}

/// All that an inspect says of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its id, with the algorithm.
    pub id: String,
    /// Names with tags.
    pub tags: Vec<String>,
    /// Names with digests.
    pub digests: Vec<String>,
    /// The id of the image that it was built on; empty when the engine does not know.
    pub parent: String,
    /// When it was built.
    pub created: Option<Timestamp>,
    /// Who says to have made it.
    pub author: String,
    /// What was said when it was committed.
    pub comment: String,
    /// What it is made for; `None` when the engine does not say.
    pub platform: Option<Platform>,
    /// Bytes on disk.
    pub size: u64,
    /// The digests of its layers, lowest first.
    pub layers: Vec<String>,
    /// What a container of it starts with.
    pub config: ImageConfig,
    /// What it has for each platform; empty unless asked for, and where the engine keeps one platform an image.
    pub manifests: Vec<ImageManifest>,
}

/// What a container of an image starts with, unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageConfig {
    /// The entrypoint.
    pub entrypoint: Vec<String>,
    /// The command.
    pub cmd: Vec<String>,
    /// `NAME=value` each. May hold secrets: never log it.
    pub env: Secrets,
    /// Where the main process starts.
    pub working_dir: String,
    /// Who the main process runs as; empty is root.
    pub user: String,
    /// Exposed ports, `80/tcp` each.
    pub exposed_ports: Vec<String>,
    /// Paths that get a volume of their own.
    pub volumes: Vec<String>,
    /// The signal that ends the main process; empty is SIGTERM.
    pub stop_signal: String,
    /// The command of its health check: `["CMD", …]` or `["CMD-SHELL", …]`; empty when it has none.
    pub health_check: Vec<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// One of the manifests behind an image of several platforms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageManifest {
    /// Its digest.
    pub digest: String,
    /// `image`, `attestation`, or what the engine says.
    pub kind: String,
    /// What it is made for; `None` for what is no image.
    pub platform: Option<Platform>,
    /// Whether all of it is on the engine.
    pub available: bool,
    /// Bytes on disk; `None` when the engine does not say.
    pub size: Option<u64>,
}

/// One step of how an image was made, newest first in a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageHistory {
    /// The image as it was after it; `None` for steps of images that came from elsewhere.
    pub id: Option<String>,
    /// When.
    pub created: Option<Timestamp>,
    /// The instruction.
    pub created_by: String,
    /// Names of that image.
    pub tags: Vec<String>,
    /// Bytes that it added.
    pub size: u64,
    /// What was said of it.
    pub comment: String,
}

/// What a removal did to one name or image.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RemovedImage {
    /// The name is gone.
    Untagged(String),
    /// The image, or a layer of it, is gone.
    Deleted(String),
}
