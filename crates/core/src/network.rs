//! Networks, as an engine shows them. What a network is to be is `network_spec`'s.

use std::collections::BTreeMap;

use crate::names::open_enum;
use crate::{ContainerId, NetworkId, Scope, Timestamp};

open_enum! {
    /// What makes a network. Plugins have names of their own.
    #[derive(Default)]
    pub enum NetworkDriver {
        /// A bridge on the engine's host: containers of one host.
        #[default]
        Bridge = "bridge",
        /// The host's own network, without any isolation.
        Host = "host",
        /// No network but a loopback.
        None = "null" | "none",
        /// A network across the hosts of a Swarm.
        Overlay = "overlay",
        /// Each container has a MAC address of its own on a network of the host.
        Macvlan = "macvlan",
        /// As macvlan, with the host's MAC address.
        Ipvlan = "ipvlan",
    }
}

/// Addresses that a network gives out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct IpamPool {
    /// All of its addresses, such as `10.1.0.0/16`; empty lets the engine choose.
    pub subnet: String,
    /// The part of them that the engine gives to containers; `None` is all.
    pub range: Option<String>,
    /// The router's address; `None` lets the driver choose, most take the first.
    pub gateway: Option<String>,
    /// Addresses that the engine never gives out, by what has them.
    pub reserved: BTreeMap<String, String>,
}

/// What a list or an inspect says of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its id.
    pub id: NetworkId,
    /// Its name. Not checked: engines take any text, and old ones take one name twice.
    pub name: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// What makes it.
    pub driver: NetworkDriver,
    /// How far it reaches.
    pub scope: Scope,
    /// Whether it has IPv4 addresses; `None` before engine 28, where it always has.
    pub ipv4: Option<bool>,
    /// Whether it has IPv6 addresses.
    pub ipv6: bool,
    /// Whether it leads nowhere else.
    pub internal: bool,
    /// Whether containers that belong to no service may join it, where it spans a Swarm.
    pub attachable: bool,
    /// Whether it is the one that a Swarm publishes ports through.
    pub ingress: bool,
    /// What gives out addresses; `default` is the engine.
    pub ipam_driver: String,
    /// Its addresses. May be empty for one that has no container yet.
    pub pools: Vec<IpamPool>,
    /// The driver's options.
    pub options: BTreeMap<String, String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The containers on it that run. Only an inspect tells; empty in a list.
    pub containers: Vec<NetworkMember>,
    /// The services on it. Only a verbose inspect of a Swarm's network tells.
    pub services: Vec<NetworkService>,
    /// The hosts that it spans. Only an inspect of a Swarm's network tells.
    pub peers: Vec<NetworkPeer>,
}

/// A container on a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkMember {
    /// Its id; `None` for what is no container, such as the load balancer of a Swarm.
    pub container: Option<ContainerId>,
    /// Its name there.
    pub name: String,
    /// Its MAC address; empty where there is none.
    pub mac: String,
    /// Its IPv4 address, without the prefix's length.
    pub ipv4: Option<Box<str>>,
    /// Its IPv6 address, without the prefix's length.
    pub ipv6: Option<Box<str>>,
}

/// A Swarm service on a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkService {
    /// Its name.
    pub name: String,
    /// The address that stands for all its tasks; empty where there is none.
    pub virtual_ip: String,
    /// Its tasks' names and addresses.
    pub tasks: Vec<(String, String)>,
}

/// A host that a network spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkPeer {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
}
