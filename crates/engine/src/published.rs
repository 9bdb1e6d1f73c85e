//! Where a container's published port answers, seen from here.

use std::fmt;
use std::net::IpAddr;

use longshore_core::{Container, ExposedPort, ObjectRef};

use crate::{Endpoint, Engine, Error};

/// An address to connect to. `Display` writes `host:port`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PublishedAt {
    /// A name or an address; an IPv6 address without brackets.
    pub host: String,
    /// The port there.
    pub port: u16,
}

impl fmt::Display for PublishedAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Engine {
    /// Where a port of a container answers, seen from here; `None` when it is not published, or the container does not
    /// run. One call.
    ///
    /// Published on every address, it answers where the engine is: on this machine for a socket, at the engine's host
    /// for TCP, TLS and SSH, unless [`EngineConfig::published_host`](crate::EngineConfig::published_host) says otherwise. Published on
    /// one address, it answers there, which for another machine's loopback is no use from here.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container.
    pub async fn published_port(
        &self,
        container: &ObjectRef,
        port: impl Into<ExposedPort> + Send,
    ) -> Result<Option<PublishedAt>, Error> {
        let port = port.into();
        Ok(self.published_at(&self.inspect_container(container).await?, port))
    }

    /// The same of a container that was inspected already.
    #[must_use]
    pub fn published_at(&self, container: &Container, port: impl Into<ExposedPort>) -> Option<PublishedAt> {
        let wanted = port.into();
        let bindings = container.ports.iter().filter_map(|port| {
            let fits = port.private == wanted.port && &*port.protocol == wanted.protocol.as_str();
            let address: Option<IpAddr> = port.ip.as_deref().and_then(|ip| ip.parse().ok());
            fits.then_some((address, port.public.filter(|port| *port != 0)?))
        });
        // Engines publish on every IPv4 and on every IPv6 address apart; the former reaches further.
        let (address, port) = bindings.min_by_key(|(address, _)| match address {
            Some(IpAddr::V4(address)) => (false, !address.is_unspecified()),
            None => (false, false),
            Some(IpAddr::V6(_)) => (true, false),
        })?;
        let everywhere = address.is_none_or(|address| address.is_unspecified());
        let host = match address {
            Some(address) if !everywhere => address.to_string(),
            other => self.host(other.is_some_and(|address| address.is_ipv6())),
        };
        Some(PublishedAt { host, port })
    }

    fn host(&self, v6: bool) -> String {
        if let Some(host) = &self.config().published_host {
            return host.clone();
        }
        let here = if v6 { "::1" } else { "127.0.0.1" };
        match self.endpoint() {
            Endpoint::Unix(_) | Endpoint::Pipe(_) => here.to_owned(),
            Endpoint::Tcp { host, .. } | Endpoint::Tls { host, .. } => host.clone(),
            Endpoint::Ssh(address) => address.host().to_owned(),
        }
    }
}
