//! The engines of a Swarm.

use std::collections::BTreeMap;

use crate::names::open_enum;
use crate::{ObjectRef, Timestamp};

open_enum! {
    /// What a node is for.
    #[derive(Default)]
    pub enum NodeRole {
        /// It runs tasks.
        #[default]
        Worker = "worker",
        /// It also decides.
        Manager = "manager",
    }
}

open_enum! {
    /// Whether a node takes tasks.
    #[derive(Default)]
    pub enum NodeAvailability {
        /// It does.
        #[default]
        Active = "active" | "",
        /// It keeps those that it has.
        Pause = "pause",
        /// Those that it has go elsewhere.
        Drain = "drain",
    }
}

open_enum! {
    /// Whether a node is there.
    pub enum NodeState {
        /// Nobody knows.
        Unknown = "unknown" | "",
        /// It is not.
        Down = "down",
        /// It is.
        Ready = "ready",
        /// It has lost its manager.
        Disconnected = "disconnected",
    }
}

/// An engine of a Swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: ObjectRef,
    /// Which change of it this is.
    pub version: u64,
    /// When it joined.
    pub created: Option<Timestamp>,
    /// When it was last changed.
    pub updated: Option<Timestamp>,
    /// What it is set to.
    pub spec: NodeSpec,
    /// Its host's name.
    pub hostname: String,
    /// Its operating system, such as `linux`.
    pub os: String,
    /// Its processor's architecture.
    pub arch: String,
    /// Billionths of a processor that it has.
    pub nano_cpus: Option<u64>,
    /// Bytes of memory that it has.
    pub memory: Option<u64>,
    /// Its engine's version.
    pub engine_version: String,
    /// Whether it is there.
    pub state: NodeState,
    /// What is wrong with it.
    pub message: String,
    /// Its address.
    pub address: String,
    /// What it is among managers; `None` for a worker.
    pub manager: Option<ManagerStatus>,
}

/// What a node is among managers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagerStatus {
    /// Whether it leads.
    pub leader: bool,
    /// `reachable`, `unreachable` or `unknown`.
    pub reachability: Box<str>,
    /// Where it listens for other managers.
    pub address: String,
}

/// What a node is set to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeSpec {
    /// A name of its own, beside that of its host.
    pub name: String,
    /// Labels, which services can be tied to.
    pub labels: BTreeMap<String, String>,
    /// What it is for.
    pub role: NodeRole,
    /// Whether it takes tasks.
    pub availability: NodeAvailability,
}
