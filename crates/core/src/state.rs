//! The state and the health of a container.

use crate::names::open_enum;

open_enum! {
    /// What a container is doing.
    pub enum ContainerState {
        /// Made, never started.
        Created = "created" | "configured" | "initialized",
        /// Its main process runs.
        Running = "running",
        /// Its processes are frozen.
        Paused = "paused",
        /// Ended, and waiting for its restart policy's next try.
        Restarting = "restarting",
        /// On its way out.
        Removing = "removing",
        /// Being stopped (newer engines, Podman).
        Stopping = "stopping",
        /// Its main process has ended.
        Exited = "exited" | "stopped",
        /// The engine failed to remove or stop it.
        Dead = "dead",
    }
}

impl ContainerState {
    /// Whether its processes exist: running, paused, or about to be stopped.
    pub fn has_processes(&self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Stopping)
    }
}

open_enum! {
    /// What the container's own health check says.
    pub enum Health {
        /// It has no health check.
        None = "none" | "",
        /// The check has not settled yet.
        Starting = "starting",
        /// The last check passed.
        Healthy = "healthy",
        /// As many checks in a row failed as it takes.
        Unhealthy = "unhealthy",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_word_survives() {
        let state = ContainerState::from("hibernating");
        assert_eq!(state.as_str(), "hibernating");
        assert_eq!(ContainerState::from("running"), ContainerState::Running);
        assert_eq!(
            ContainerState::from("stopped"),
            ContainerState::Exited,
            "Podman's word"
        );
        assert_eq!(Health::from("").as_str(), "none");
    }
}
