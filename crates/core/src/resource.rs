//! How far an image and a container of it have come, and how a container is doing.

use std::time::Duration;

use crate::{Container, ContainerState, Health, Timestamp, Usage};

/// How far an image and a container of it have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceStatus {
    /// Neither is there.
    Missing,
    /// The image is there.
    Downloaded,
    /// The container is there and does not run.
    Built,
    /// The container runs; paused, and between two tries of its restart policy, counts too.
    Running,
}

impl ResourceStatus {
    /// Of what is there. A container tells more than its image, which may have been removed since.
    ///
    /// ```
    /// use longshore_core::{ContainerState, ResourceStatus};
    /// assert_eq!(ResourceStatus::of(true, None), ResourceStatus::Downloaded);
    /// assert_eq!(ResourceStatus::of(true, Some(&ContainerState::Exited)), ResourceStatus::Built);
    /// ```
    pub fn of(has_image: bool, container: Option<&ContainerState>) -> Self {
        match container {
            Some(state) if state.has_processes() || *state == ContainerState::Restarting => Self::Running,
            Some(_) => Self::Built,
            None if has_image => Self::Downloaded,
            None => Self::Missing,
        }
    }
}

/// How a container is doing: what it uses, and how it has lived.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerMetrics {
    /// Its state.
    pub state: ContainerState,
    /// Processor, memory, network, block devices, processes; all unknown while it does not run.
    pub usage: Usage,
    /// Since its last start, by the engine's clock; `None` while it does not run.
    pub uptime: Option<Duration>,
    /// How often its restart policy has started it again.
    pub restart_count: Option<u32>,
    /// How its last run ended; `None` while it runs, or when it never ran.
    pub last_exit_code: Option<i64>,
    /// Whether the kernel ended its last run for want of memory.
    pub oom_killed: bool,
    /// What its health check says.
    pub health: Health,
}

impl ContainerMetrics {
    /// From an inspect, and what it uses. `now` is by the engine's clock.
    pub fn new(container: &Container, usage: Usage, now: Timestamp) -> Self {
        let runs = container.state.has_processes();
        Self {
            state: container.state.clone(),
            usage,
            uptime: container
                .started_at
                .filter(|_| runs)
                .and_then(|start| now.since(start)),
            restart_count: container.restart_count,
            last_exit_code: container.exit_code,
            oom_killed: container.oom_killed,
            health: container.health.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_the_furthest_that_was_reached() {
        let of = ResourceStatus::of;
        assert_eq!(of(false, None), ResourceStatus::Missing);
        assert_eq!(of(false, Some(&ContainerState::Created)), ResourceStatus::Built);
        for state in [
            ContainerState::Running,
            ContainerState::Paused,
            ContainerState::Restarting,
        ] {
            assert_eq!(of(true, Some(&state)), ResourceStatus::Running);
        }
        assert_eq!(of(true, Some(&"odd".into())), ResourceStatus::Built);
        assert!(
            ResourceStatus::Missing < ResourceStatus::Downloaded
                && ResourceStatus::Built < ResourceStatus::Running
        );
    }
}
