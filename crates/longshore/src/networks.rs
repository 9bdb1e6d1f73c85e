//! `client.networks()`.

use longshore_core::{EndpointSpec, Network, NetworkSpec};
use longshore_engine::{CreatedNetwork, ListNetworks, PruneFilter, Pruned};

use crate::client::reference;
use crate::{DockerClient, DockerError};

/// The engine's networks. Where a method takes a network, it takes its name, its id or a prefix of that.
#[derive(Debug, Clone)]
pub struct Networks(pub(crate) DockerClient);

impl Networks {
    /// Makes one. A create whose answer was lost is looked for before it is called lost.
    ///
    /// # Errors
    /// A conflict when the name is taken or the addresses overlap;
    /// [`Input`](crate::DockerErrorKind::Input) for what no engine would take.
    pub async fn create(&self, spec: &NetworkSpec) -> Result<CreatedNetwork, DockerError> {
        self.0.run(self.0.engine().create_network(spec)).await
    }

    /// The one of the spec's name, made when there is none. However many ask at once, they get the same.
    ///
    /// # Errors
    /// A conflict, with the difference, when the one there is another.
    pub async fn ensure(&self, spec: &NetworkSpec) -> Result<Network, DockerError> {
        self.0.run(self.0.engine().ensure_network(spec)).await
    }

    /// Those there are.
    ///
    /// # Errors
    /// As every call.
    pub async fn list(&self, options: &ListNetworks) -> Result<Vec<Network>, DockerError> {
        self.0.run(self.0.engine().list_networks(options)).await
    }

    /// All about one.
    ///
    /// # Errors
    /// [`is_not_found`](DockerError::is_not_found) when there is none.
    pub async fn inspect(&self, network: &str) -> Result<Network, DockerError> {
        let network = reference(network)?;
        self.0.run(self.0.engine().inspect_network(&network)).await
    }

    /// Attaches a container, with aliases and addresses.
    ///
    /// # Errors
    /// When there is no such network or container, and when the container is attached already.
    pub async fn connect(
        &self,
        network: &str,
        container: &str,
        endpoint: &EndpointSpec,
    ) -> Result<(), DockerError> {
        let (network, container) = (reference(network)?, reference(container)?);
        let connect = self.0.engine().connect_network(&network, &container, endpoint);
        self.0.run(connect).await
    }

    /// Detaches a container; `force` also one that does not run any more.
    ///
    /// # Errors
    /// When there is no such network, or the container is not on it.
    pub async fn disconnect(&self, network: &str, container: &str, force: bool) -> Result<(), DockerError> {
        let (network, container) = (reference(network)?, reference(container)?);
        let disconnect = self.0.engine().disconnect_network(&network, &container, force);
        self.0.run(disconnect).await
    }

    /// Removes one that no container is on.
    ///
    /// # Errors
    /// When there is none, or containers are on it.
    pub async fn remove(&self, network: &str) -> Result<(), DockerError> {
        let network = reference(network)?;
        self.0.run(self.0.engine().remove_network(&network)).await
    }

    /// Removes all that no container is on.
    ///
    /// # Errors
    /// As every call.
    pub async fn prune(&self, filter: &PruneFilter) -> Result<Pruned, DockerError> {
        self.0.run(self.0.engine().prune_networks(filter)).await
    }
}
