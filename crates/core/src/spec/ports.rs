//! The ports of a container: published, and only exposed.

use std::fmt;
use std::net::IpAddr;

use super::ContainerSpec;

/// What is spoken on a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// `tcp`, `udp`, `sctp`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A port in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExposedPort {
    /// Its number.
    pub port: u16,
    /// What is spoken on it.
    pub protocol: Protocol,
}

impl From<u16> for ExposedPort {
    /// A TCP port.
    fn from(port: u16) -> Self {
        Self {
            port,
            protocol: Protocol::Tcp,
        }
    }
}

impl fmt::Display for ExposedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.port, self.protocol)
    }
}

/// A port to publish.
///
/// ```
/// use longshore_core::{ContainerSpec, PortBinding};
/// let spec = ContainerSpec::new("dns:1")
///     .publish(PortBinding::udp(53).host_ip([127, 0, 0, 1]).host(5353))
///     .publish(PortBinding::tcp(853));
/// assert_eq!(spec.ports[1].host, None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PortBinding {
    /// The port in the container.
    pub container: u16,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// The host's address; `None` is every address.
    pub host_ip: Option<IpAddr>,
    /// The host's port; `None` lets the engine choose.
    pub host: Option<u16>,
}

impl PortBinding {
    /// A port of any protocol, on every address of the host, where the engine chooses.
    pub fn new(container: u16, protocol: Protocol) -> Self {
        Self {
            container,
            protocol,
            host_ip: None,
            host: None,
        }
    }

    /// A TCP port.
    pub fn tcp(container: u16) -> Self {
        Self::new(container, Protocol::Tcp)
    }

    /// A UDP port.
    pub fn udp(container: u16) -> Self {
        Self::new(container, Protocol::Udp)
    }

    /// An SCTP port.
    pub fn sctp(container: u16) -> Self {
        Self::new(container, Protocol::Sctp)
    }

    /// Sets the host's port.
    #[must_use]
    pub fn host(mut self, port: u16) -> Self {
        self.host = Some(port);
        self
    }

    /// Sets the host's address.
    #[must_use]
    pub fn host_ip(mut self, address: impl Into<IpAddr>) -> Self {
        self.host_ip = Some(address.into());
        self
    }
}

impl ContainerSpec {
    /// Publishes a TCP port on every address of the host; `None` lets the engine choose where.
    #[must_use]
    pub fn port(self, container: u16, host: impl Into<Option<u16>>) -> Self {
        self.publish(PortBinding {
            host: host.into(),
            ..PortBinding::tcp(container)
        })
    }

    /// Publishes a UDP port; see [`Self::port`].
    #[must_use]
    pub fn udp_port(self, container: u16, host: impl Into<Option<u16>>) -> Self {
        self.publish(PortBinding {
            host: host.into(),
            ..PortBinding::udp(container)
        })
    }

    /// Publishes a port.
    #[must_use]
    pub fn publish(mut self, port: PortBinding) -> Self {
        self.ports.push(port);
        self
    }

    /// Says that it listens on a port, without publishing it.
    #[must_use]
    pub fn expose(mut self, port: impl Into<ExposedPort>) -> Self {
        self.exposed.push(port.into());
        self
    }

    /// Sets [`Self::publish_all`].
    #[must_use]
    pub fn publish_all(mut self, publish: bool) -> Self {
        self.publish_all = publish;
        self
    }
}
