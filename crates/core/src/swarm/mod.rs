//! Swarm mode: several engines as one. The Swarm itself, its nodes, services, tasks, secrets and configs.
//!
//! Their ids are [`ObjectRef`]s, ready to be asked for. Each has a version that an update must name: who has not seen the
//! newest is refused. What this version does not know of a spec is kept as it came, and sent back with an update.

mod node;
mod secret;
mod service;
mod service_spec;
mod task;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

pub use node::{ManagerStatus, Node, NodeAvailability, NodeRole, NodeSpec, NodeState};
pub use secret::{Bytes, ConfigSpec, Secret, SecretSpec, SwarmConfig};
pub use service::{Service, ServiceCounts, UpdateStatus, VirtualIp};
pub use service_spec::{
    FileReference, PublishMode, PublishedPort, ReplicaMode, Rollout, RolloutFailure, RolloutOrder,
    ServiceMount, ServiceNetwork, ServiceSpec, TaskResources, TaskRestart, TaskRestartOn,
};
pub use task::{Task, TaskState};

use crate::{ObjectRef, Timestamp};

/// A spec as the engine wrote it, so that an update loses nothing of what this version does not know. Only
/// `longshore-engine` reads it. Covered in `Debug`: it may hold what is covered in the spec.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct RawSpec(pub Box<str>);

impl fmt::Debug for RawSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes covered]", self.0.len())
    }
}

/// A text that opens something: readable by who asks for it, covered in `Debug`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "[none]" } else { "[covered]" })
    }
}

/// The Swarm that an engine manages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swarm {
    /// Its id.
    pub id: ObjectRef,
    /// Which change of it this is.
    pub version: u64,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it was last changed.
    pub updated: Option<Timestamp>,
    /// What it is set to.
    pub spec: SwarmSpec,
    /// What a worker joins with.
    pub worker_token: Token,
    /// What a manager joins with.
    pub manager_token: Token,
    /// From where overlay networks take their subnets.
    pub address_pools: Vec<String>,
    /// The length of the prefix of each of these.
    pub subnet_size: Option<u8>,
    /// The UDP port of traffic between nodes.
    pub data_port: Option<u16>,
    /// The spec as it came.
    pub raw: RawSpec,
}

/// What a Swarm is set to. What is `None` is left as it is, or as the engine has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SwarmSpec {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// How many ended tasks of a replica are remembered. The engine's default: 5.
    pub task_history: Option<u64>,
    /// How often a node says that it is alive. The engine's default: 5 s.
    pub heartbeat: Option<Duration>,
    /// For how long a node's certificate is good. The engine's default: 90 days.
    pub certificate_expiry: Option<Duration>,
    /// Whether a manager that was restarted must be unlocked by hand. The engine's default: no.
    pub autolock: Option<bool>,
}

/// How an engine becomes the first of a Swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwarmInit {
    /// Where it listens for other managers. Default: every address, port 2377.
    pub listen: String,
    /// Its address or interface for the others; `None` where it has only one.
    pub advertise: Option<String>,
    /// Its address or interface for the traffic of containers; `None` is the same.
    pub data_path: Option<String>,
    /// From where overlay networks take their subnets; none is the engine's 10.0.0.0/8.
    pub address_pools: Vec<String>,
    /// The length of the prefix of each of these; `None` is the engine's 24.
    pub subnet_size: Option<u8>,
    /// Make a new Swarm of the state of one that has lost its managers. Default: no.
    pub force_new_cluster: bool,
    /// What it is set to.
    pub spec: SwarmSpec,
}

/// Every address, and the port that Docker documents.
const LISTEN: &str = "0.0.0.0:2377";

impl Default for SwarmInit {
    fn default() -> Self {
        Self {
            listen: LISTEN.to_owned(),
            advertise: None,
            data_path: None,
            address_pools: Vec::new(),
            subnet_size: None,
            force_new_cluster: false,
            spec: SwarmSpec::default(),
        }
    }
}

/// How an engine joins a Swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SwarmJoin {
    /// Managers that are there already, `address:port`.
    pub managers: Vec<String>,
    /// The Swarm's token for workers or for managers, which decides what the engine becomes.
    pub token: Token,
    /// Where it listens for other managers. Default: every address, port 2377.
    pub listen: String,
    /// Its address or interface for the others; `None` where it has only one.
    pub advertise: Option<String>,
    /// Its address or interface for the traffic of containers; `None` is the same.
    pub data_path: Option<String>,
    /// Whether it takes tasks. Default: yes.
    pub availability: NodeAvailability,
}

impl SwarmJoin {
    /// Joins by one manager.
    pub fn new(manager: impl Into<String>, token: Token) -> Self {
        Self {
            managers: vec![manager.into()],
            token,
            listen: LISTEN.to_owned(),
            advertise: None,
            data_path: None,
            availability: NodeAvailability::Active,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_opens_something_does_not_show_in_debug() {
        let join = SwarmJoin::new("10.0.0.1:2377", Token("SWMTKN-1-hunter2".to_owned()));
        let raw = RawSpec("hunter2".into());
        let shown = format!("{join:?}{raw:?}");
        assert!(!shown.contains("hunter2") && shown.contains("covered"), "{shown}");
    }
}
