//! Images, as a list shows them.

use crate::Timestamp;

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
    pub labels: std::collections::BTreeMap<String, String>,
}
