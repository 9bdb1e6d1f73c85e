//! `client.volumes()`.

use longshore_core::{Volume, VolumeSpec};
use longshore_engine::{ListVolumes, PruneFilter, Pruned, UnusedVolumes, Volumes as Listed};

use crate::client::reference;
use crate::{DockerClient, DockerError};

/// The engine's volumes. Where a method takes a volume, it takes its name.
#[derive(Debug, Clone)]
pub struct Volumes(pub(crate) DockerClient);

impl Volumes {
    /// Makes one; one of that name and driver that is there is given back as it is.
    ///
    /// # Errors
    /// A conflict when there is one of another driver.
    pub async fn create(&self, spec: &VolumeSpec) -> Result<Volume, DockerError> {
        self.0.run(self.0.engine().create_volume(spec)).await
    }

    /// The one of the spec's name, made when there is none.
    ///
    /// # Errors
    /// A conflict, with the difference, when the one there is another.
    pub async fn ensure(&self, spec: &VolumeSpec) -> Result<Volume, DockerError> {
        self.0.run(self.0.engine().ensure_volume(spec)).await
    }

    /// Those there are, and what the engine warns about.
    ///
    /// # Errors
    /// As every call.
    pub async fn list(&self, options: &ListVolumes) -> Result<Listed, DockerError> {
        self.0.run(self.0.engine().list_volumes(options)).await
    }

    /// All about one.
    ///
    /// # Errors
    /// [`is_not_found`](DockerError::is_not_found) when there is none.
    pub async fn inspect(&self, volume: &str) -> Result<Volume, DockerError> {
        let volume = reference(volume)?;
        self.0.run(self.0.engine().inspect_volume(&volume)).await
    }

    /// Removes one that no container has.
    ///
    /// # Errors
    /// When there is none (not with `force`), or a container has it.
    pub async fn remove(&self, volume: &str, force: bool) -> Result<(), DockerError> {
        let volume = reference(volume)?;
        self.0.run(self.0.engine().remove_volume(&volume, force)).await
    }

    /// Removes what no container has.
    ///
    /// # Errors
    /// As every call.
    pub async fn prune(&self, which: UnusedVolumes, filter: &PruneFilter) -> Result<Pruned, DockerError> {
        self.0.run(self.0.engine().prune_volumes(which, filter)).await
    }
}
