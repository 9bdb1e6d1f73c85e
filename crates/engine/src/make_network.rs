//! Making a network: once, whatever happens on the way, also on engines that take one name twice.
//!
//! Engines before API 1.44 look for a duplicate name only when asked to (`CheckDuplicate`), and do not look again before
//! they make the network: eight creates at the same moment made eight networks of one name on 20.10. What no engine
//! makes twice is a bridge of one name on the host, so there the bridge is named after the network, and the second
//! create is refused. A create whose answer was lost is looked up by a label that only it has.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use longshore_core::{Network, NetworkDriver, NetworkId, NetworkSpec, ObjectRef, labels};

use crate::call::Call;
use crate::error::{Delivery, ErrorKind};
use crate::networks::ListNetworks;
use crate::path::PathQuery;
use crate::wire::network::{BRIDGE_NAME, Create, Created};
use crate::{ApiVersion, Backoff, Engine, Error};

/// How long a create whose answer was lost is looked for, and how long a network that somebody else is making is
/// waited for. Making a bridge takes 20 to 300 ms here.
const SETTLE: Duration = Duration::from_secs(5);
const PAUSES: Backoff = Backoff {
    first: Duration::from_millis(20),
    longest: Duration::from_millis(500),
    jitter: 0.5,
    healthy_after: Duration::ZERO,
};

/// A network that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatedNetwork {
    /// Its id.
    pub id: NetworkId,
    /// What the engine found odd about the spec.
    pub warnings: Vec<String>,
}

impl Engine {
    /// Makes a network. A create whose answer was lost is looked for before it is called lost, for at most five seconds:
    /// when the network is there, that is a success. Dropping the future may leave a network that bears the spec's name
    /// and labels.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] for what no engine would take, before anything is sent; [`Error::is_conflict`] when the
    /// name is taken or the addresses overlap; [`Error::is_not_found`] when there is no such driver;
    /// [`ErrorKind::Version`] for what the engine is too old for. After a [`Delivery::Unknown`] it may still be made.
    pub async fn create_network(&self, spec: &NetworkSpec) -> Result<CreatedNetwork, Error> {
        let call = Call::post("create the network", PathQuery::new("/networks/create")).on(&spec.name);
        spec.check().map_err(|error| {
            call.error(ErrorKind::BadInput)
                .with_message("the spec is not valid")
                .with_source(error)
        })?;
        if spec.ipv4.is_some() {
            self.client
                .needs(&call, ApiVersion::ENGINE_28, "a choice of IPv4")
                .await?;
        }
        let mark = mark();
        let mut body = Create::new(spec).label(labels::CREATE, &mark);
        let bridge = bridge_name(&spec.name);
        let is_bridge = spec.driver == NetworkDriver::Bridge && !spec.options.contains_key(BRIDGE_NAME);
        if is_bridge && self.client.version().await? < ApiVersion::UNIQUE_NETWORKS {
            body = body.option(BRIDGE_NAME, &bridge);
        }
        let call = call.json(&body)?;
        match self.json::<Created>(&call).await {
            Ok(created) => {
                let id = NetworkId::new(&created.id).map_err(|error| {
                    call.error(ErrorKind::Protocol)
                        .with_message("the engine gave no id")
                        .with_source(error)
                })?;
                let warning = Some(created.warning).filter(|warning| !warning.is_empty());
                Ok(CreatedNetwork {
                    id,
                    warnings: warning.into_iter().collect(),
                })
            }
            Err(error) if error.delivery() == Delivery::Unknown => {
                match self.settled(Sought::Marked(&mark)).await {
                    Some(network) => Ok(CreatedNetwork {
                        id: network.id,
                        warnings: Vec::new(),
                    }),
                    None => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// The network of the spec's name: the one that is there when it is what the spec wants, else a new one. However
    /// many ask for it at once, they get one and the same; see the limits below.
    ///
    /// What the spec leaves open, what the network has beyond it, and our own labels make no difference.
    ///
    /// Before API 1.44 an engine may be made to take a name twice by others than us, and by us for drivers of plugins.
    ///
    /// # Errors
    /// As [`Engine::create_network`]; [`Error::is_conflict`] with the difference in its message when the network there is
    /// another.
    pub async fn ensure_network(&self, spec: &NetworkSpec) -> Result<Network, Error> {
        if let Some(mut network) = self.find_network(&spec.name).await? {
            if !is_whole(&network) {
                network = self.settled(Sought::Named(&spec.name)).await.unwrap_or(network);
            }
            return same(spec, network);
        }
        match self.create_network(spec).await {
            Ok(created) => {
                let network = self.inspect_network(&ObjectRef::from(&created.id)).await?;
                if is_whole(&network) {
                    return Ok(network);
                }
                // A Swarm gives its networks a driver and addresses a moment after they are made.
                let settled = self.settled(Sought::Named(&spec.name)).await;
                Ok(settled.unwrap_or(network))
            }
            Err(error) if error.is_conflict() => {
                // Somebody else was quicker, and may not be done yet.
                let found = self.settled(Sought::Named(&spec.name)).await;
                found.map_or(Err(error), |network| same(spec, network))
            }
            Err(error) => Err(error),
        }
    }

    /// Looks until a network is there and whole. What goes wrong on the way is not told: there is an error already.
    async fn settled(&self, sought: Sought<'_>) -> Option<Network> {
        let looking = async {
            for attempt in 1.. {
                let found = match sought {
                    Sought::Named(name) => self.find_network(name).await,
                    Sought::Marked(mark) => {
                        let marked = ListNetworks::default().label(format!("{}={mark}", labels::CREATE));
                        self.list_networks(&marked).await.map(|mut all| all.pop())
                    }
                };
                if let Ok(Some(network)) = found
                    && is_whole(&network)
                {
                    return Some(network);
                }
                tokio::time::sleep(PAUSES.pause(attempt)).await;
            }
            None
        };
        tokio::time::timeout(SETTLE, looking).await.unwrap_or_default()
    }
}

/// Whether the engine is done with making it. A Swarm's manager shows a network before its allocator has seen it,
/// without a driver: seen on 20.10 under load.
fn is_whole(network: &Network) -> bool {
    !network.driver.as_str().is_empty()
}

/// What a network is looked for by.
#[derive(Clone, Copy)]
enum Sought<'a> {
    /// The whole name.
    Named(&'a str),
    /// The value of [`labels::CREATE`].
    Marked(&'a str),
}

fn same(spec: &NetworkSpec, network: Network) -> Result<Network, Error> {
    match spec.difference(&network) {
        None => Ok(network),
        Some(difference) => Err(Error::new(ErrorKind::Conflict, "ensure the network")
            .with_target(&spec.name)
            .with_message(difference)
            .with_hint("a network cannot be changed: remove it, or take another name")),
    }
}

/// Text that no other create has.
fn mark() -> String {
    // A hasher with fresh keys is the randomness that the standard library gives.
    let random = || RandomState::new().hash_one(0_u8);
    format!("{:016x}{:016x}", random(), random())
}

/// A bridge's name on the host, at most 15 bytes as the kernel wants it: FNV-1a of the network's name, so that every
/// version and every process of ours agrees.
fn bridge_name(network: &str) -> String {
    let hash = network.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("br-{:012x}", hash & 0xffff_ffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bridge_is_named_after_its_network_for_good() {
        assert_eq!(bridge_name("a"), "br-dc4c8601ec8c");
        assert_eq!(bridge_name(&"x".repeat(200)).len(), 15);
        assert_ne!(bridge_name("shop"), bridge_name("shop2"));
    }

    #[test]
    fn a_mark_is_its_own() {
        let marks: std::collections::HashSet<_> = (0..1_000).map(|_| mark()).collect();
        assert_eq!(marks.len(), 1_000);
        assert!(marks.iter().all(|mark| mark.len() == 32));
    }
}
