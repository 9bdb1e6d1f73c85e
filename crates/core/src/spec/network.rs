//! The networks of a container, its names, and where it looks others up.

use std::net::IpAddr;

use super::ContainerSpec;
use crate::EndpointSpec;

/// A network that a container is to be on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkUse {
    /// The network's name or id.
    pub network: String,
    /// How the container is on it.
    pub endpoint: EndpointSpec,
}

impl ContainerSpec {
    /// Puts it on a network.
    #[must_use]
    pub fn network(self, network: impl Into<String>) -> Self {
        self.network_as(network, EndpointSpec::default())
    }

    /// Puts it on a network, with names and addresses of its own there.
    ///
    /// ```
    /// use longshore_core::{ContainerSpec, EndpointSpec};
    /// let spec = ContainerSpec::new("redis:8")
    ///     .network("front")
    ///     .network_as("back", EndpointSpec::default().alias("cache").ipv4([10, 9, 0, 7]));
    /// assert_eq!(spec.networks.len(), 2);
    /// ```
    #[must_use]
    pub fn network_as(mut self, network: impl Into<String>, endpoint: EndpointSpec) -> Self {
        self.networks.push(NetworkUse {
            network: network.into(),
            endpoint,
        });
        self
    }

    /// Sets [`Self::network_mode`].
    #[must_use]
    pub fn network_mode(mut self, mode: impl Into<String>) -> Self {
        self.network_mode = Some(mode.into());
        self
    }

    /// Sets [`Self::hostname`].
    #[must_use]
    pub fn hostname(mut self, name: impl Into<String>) -> Self {
        self.hostname = Some(name.into());
        self
    }

    /// Sets [`Self::domainname`].
    #[must_use]
    pub fn domainname(mut self, name: impl Into<String>) -> Self {
        self.domainname = Some(name.into());
        self
    }

    /// Adds a line to its hosts file; `address` is one, or `host-gateway`.
    #[must_use]
    pub fn extra_host(mut self, name: impl Into<String>, address: impl Into<String>) -> Self {
        self.extra_hosts.push((name.into(), address.into()));
        self
    }

    /// Adds a name server.
    #[must_use]
    pub fn dns(mut self, server: impl Into<IpAddr>) -> Self {
        self.dns.push(server.into());
        self
    }

    /// Adds a domain that names are looked up in.
    #[must_use]
    pub fn dns_search(mut self, domain: impl Into<String>) -> Self {
        self.dns_search.push(domain.into());
        self
    }

    /// Adds an option of its resolver.
    #[must_use]
    pub fn dns_option(mut self, option: impl Into<String>) -> Self {
        self.dns_options.push(option.into());
        self
    }

    /// The network mode as it is sent: what is set, else the first network.
    pub fn effective_network_mode(&self) -> Option<&str> {
        let first = self.networks.first().map(|one| one.network.as_str());
        self.network_mode.as_deref().or(first)
    }
}
