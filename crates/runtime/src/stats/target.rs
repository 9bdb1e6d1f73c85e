//! A container that is to be read, as the mirror knows it.
#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only cgroups are found by it")
)]

use longshore_core::{Container, ContainerId, Timestamp};

/// What finding a container's files takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) id: ContainerId,
    pub(super) run: Run,
    pub(super) network: Attached,
}

/// One run of a container, under limits. When it changes, what was found of it counts no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) pid: Option<u32>,
    started_at: Option<Timestamp>,
    memory_limit: Option<u64>,
    nano_cpus: Option<u64>,
}

/// Which network a container has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attached {
    /// The engine's own: what moves there is not the container's.
    Host,
    /// One of its own, with so many networks attached.
    Own(usize),
    /// Another container's, or the inspection does not say.
    Unclear,
}

impl From<&Container> for Target {
    fn from(container: &Container) -> Self {
        let mut names = container.networks.iter().map(|network| network.name.as_str());
        let network = if names.clone().any(|name| name == "host") {
            Attached::Host
        } else if container.networks.is_empty() {
            Attached::Unclear
        } else {
            Attached::Own(names.by_ref().filter(|name| *name != "none").count())
        };
        Self {
            id: container.id.clone(),
            run: Run {
                pid: container.pid,
                started_at: container.started_at,
                memory_limit: container.memory_limit,
                nano_cpus: container.nano_cpus,
            },
            network,
        }
    }
}
