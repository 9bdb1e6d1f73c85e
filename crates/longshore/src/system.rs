//! `client.system()`.

use longshore_core::DiskUsage;
use longshore_engine::{DiskKinds, Info, Ping, SystemPrune, SystemPruned, Version};

use crate::{DockerClient, DockerError};

/// The engine itself.
#[derive(Debug, Clone)]
pub struct System(pub(crate) DockerClient);

impl System {
    /// Whether it answers: the cheapest call.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<Ping, DockerError> {
        self.0.run(self.0.engine().ping()).await
    }

    /// Its version and its parts'.
    ///
    /// # Errors
    /// As every call.
    pub async fn version(&self) -> Result<Version, DockerError> {
        self.0.run(self.0.engine().version()).await
    }

    /// Its host, and counts of what it holds. Takes the engine some milliseconds: not for polling.
    ///
    /// # Errors
    /// As every call.
    pub async fn info(&self) -> Result<Info, DockerError> {
        self.0.run(self.0.engine().info()).await
    }

    /// What objects take on disk, by kind. The engine may look at every file of every volume for it.
    ///
    /// # Errors
    /// As every call.
    pub async fn disk_usage(&self, kinds: DiskKinds) -> Result<DiskUsage, DockerError> {
        self.0.run(self.0.engine().disk_usage(kinds)).await
    }

    /// Removes what nobody uses, kind by kind, and tells each.
    ///
    /// # Errors
    /// As every call; what was removed before is gone.
    pub async fn prune(&self, options: &SystemPrune) -> Result<SystemPruned, DockerError> {
        self.0.run(self.0.engine().system_prune(options)).await
    }
}
