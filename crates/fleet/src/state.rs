//! What is known of a host as a whole: whether it is reached, and what engine it is.

use longshore_engine::{Info, Version};
use longshore_runtime::Status;

/// What an engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFacts {
    /// The version of the engine.
    pub version: String,
    /// The version of the API that is spoken with it.
    pub api_version: String,
    /// The rest, as `/info` had it when the host was last reached.
    pub info: Info,
}

impl EngineFacts {
    pub(crate) fn new(version: Version, api_version: String, info: Info) -> Self {
        Self {
            version: version.version,
            api_version,
            info,
        }
    }
}

/// A host's state, replaced as a whole whenever something of it changes.
#[derive(Debug, Clone)]
pub struct HostState {
    /// Whether it is reached, since when, and why not.
    pub status: Status,
    /// The engine, once it was reached; kept while it is lost.
    pub engine: Option<EngineFacts>,
}
