//! What the services of a Swarm run.

use std::collections::BTreeMap;

use crate::names::open_enum;
use crate::{ContainerId, ObjectRef, Timestamp};

open_enum! {
    /// What a task is doing, or is to do. In the order in which a task goes through them; it never goes back.
    pub enum TaskState {
        /// Made.
        New = "new",
        /// Waiting for what it needs.
        Pending = "pending",
        /// It has a node.
        Assigned = "assigned",
        /// The node has taken it.
        Accepted = "accepted",
        /// Its image is being pulled, its container made.
        Preparing = "preparing",
        /// Ready to start.
        Ready = "ready",
        /// About to run.
        Starting = "starting",
        /// Its container runs.
        Running = "running",
        /// It ended, and was to end.
        Complete = "complete",
        /// It was ended, another takes its place.
        Shutdown = "shutdown",
        /// It ended, and was not to.
        Failed = "failed",
        /// Its node could not run it.
        Rejected = "rejected",
        /// Its service has fewer replicas, or is gone.
        Remove = "remove",
        /// Its node has not been there for long.
        Orphaned = "orphaned",
    }
}

impl TaskState {
    /// Whether a task in it will never run again.
    pub fn is_over(&self) -> bool {
        matches!(
            self,
            Self::Complete | Self::Shutdown | Self::Failed | Self::Rejected | Self::Remove | Self::Orphaned
        )
    }
}

/// One run of one replica of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: ObjectRef,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When it was last changed.
    pub updated: Option<Timestamp>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its service; `None` for one of no service.
    pub service: Option<ObjectRef>,
    /// Which of the service's replicas it is, from 1; `None` where it runs once on each node.
    pub slot: Option<u64>,
    /// Its node; `None` while it has none.
    pub node: Option<ObjectRef>,
    /// The image that it runs.
    pub image: String,
    /// What it is doing.
    pub state: TaskState,
    /// What it is to do.
    pub desired: TaskState,
    /// Since when it is in its state.
    pub since: Option<Timestamp>,
    /// What the node says about it.
    pub message: String,
    /// What went wrong; empty when nothing did.
    pub error: String,
    /// Its container, on its node; `None` while it has none.
    pub container: Option<ContainerId>,
    /// How its container ended; `None` while it has not.
    pub exit_code: Option<i64>,
}
