//! Services of a Swarm, as a manager shows them. What a service is to be is `service_spec`'s.

use super::{PublishedPort, RawSpec, ServiceSpec};
use crate::{NetworkId, ObjectRef, Timestamp};

/// A service of a Swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its id.
    pub id: ObjectRef,
    /// Which change of it this is.
    pub version: u64,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it was last changed.
    pub updated: Option<Timestamp>,
    /// What it is to be.
    pub spec: ServiceSpec,
    /// Whether it was updated before, so that it can be rolled back.
    pub has_previous: bool,
    /// Where its ports are published, those that the Swarm chose included.
    pub ports: Vec<PublishedPort>,
    /// The addresses that stand for all of its tasks.
    pub virtual_ips: Vec<VirtualIp>,
    /// How its last update goes or went; `None` when there was none.
    pub update: Option<UpdateStatus>,
    /// How many tasks it has; only a list that was asked for them tells.
    pub counts: Option<ServiceCounts>,
    /// The spec as it came.
    pub raw: RawSpec,
}

/// An address that stands for all tasks of a service on a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VirtualIp {
    /// The network.
    pub network: NetworkId,
    /// The address, with the length of the network's prefix.
    pub address: String,
}

/// How an update of a service goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateStatus {
    /// `updating`, `paused`, `completed`, `rollback_started`, `rollback_paused`, `rollback_completed`.
    pub state: Box<str>,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub completed: Option<Timestamp>,
    /// What the manager says.
    pub message: String,
}

/// How many tasks a service has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServiceCounts {
    /// That run.
    pub running: u64,
    /// That are to run.
    pub desired: u64,
    /// That have completed, of a job.
    pub completed: u64,
}
