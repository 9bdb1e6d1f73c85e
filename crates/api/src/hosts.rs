//! Hosts, their engines and their images.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a host stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    /// Not reached yet since the server started.
    Connecting,
    /// Followed: what is shown is what is.
    Live,
    /// Lost: what is shown is what was last known; it is tried again by itself.
    Lost,
}

/// One host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostRow {
    /// Its name; the engine that the server found is `local`.
    pub name: String,
    /// How it stands.
    pub state: HostState,
    /// Where its engine is reached, such as `unix:///var/run/docker.sock`. Never holds a credential.
    pub endpoint: String,
    /// Why it cannot be reached.
    pub error: Option<String>,
    /// What can be done about that.
    pub hint: Option<String>,
    /// Since when it has been in this state.
    pub since: String,
    /// Its engine; `null` until it was reached once.
    pub engine: Option<EngineInfo>,
    /// Containers that it has.
    pub containers_total: u64,
    /// Containers that run.
    pub containers_running: u64,
    /// When its last event happened, by the engine's clock.
    pub last_event_at: Option<String>,
}

/// An engine and the machine that it runs on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EngineInfo {
    /// Host name of the machine.
    pub name: String,
    /// Version of the engine.
    pub version: String,
    /// Version of the API that is spoken with it.
    pub api_version: String,
    /// Operating system.
    pub os: String,
    /// Kernel version.
    pub kernel: String,
    /// Processor cores; `null` when the engine does not tell.
    pub cpus: Option<u64>,
    /// Memory in bytes; `null` when the engine does not tell.
    pub memory_bytes: Option<u64>,
}

/// Answer of `GET /hosts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostsReply {
    /// Every host.
    pub hosts: Vec<HostRow>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageRow {
    /// Its id.
    pub id: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its digests, as `repository@sha256:…`.
    pub digests: Vec<String>,
    /// Size in bytes with all its layers.
    pub size_bytes: u64,
    /// When it was built; `null` when the image does not tell.
    pub created_at: Option<String>,
    /// How many containers of the host are made from it.
    pub used_by: u64,
}

/// Answer of `GET /hosts/{host}/images`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImagesReply {
    /// The host's images.
    pub images: Vec<ImageRow>,
}

/// Answer of `GET /hosts/{host}/system`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemInfo {
    /// The host.
    pub host: String,
    /// Its engine.
    pub engine: EngineInfo,
    /// The engine's own id; it stays the same over restarts.
    pub id: String,
    /// Containers by state.
    pub containers: ContainerCounts,
    /// How many images it has; `null` when the engine does not tell.
    pub images: Option<u64>,
    /// Its storage driver.
    pub storage_driver: String,
    /// `1` or `2`; `null` when the engine does not tell.
    pub cgroup_version: Option<String>,
    /// The engine's clock.
    pub system_time: Option<String>,
}

/// How many containers are in which state; `null` when the engine does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContainerCounts {
    /// All of them.
    pub total: Option<u64>,
    /// Running.
    pub running: Option<u64>,
    /// Paused.
    pub paused: Option<u64>,
    /// Stopped, or never started.
    pub stopped: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_was_never_reached() {
        let host = HostRow {
            name: "local".into(),
            state: HostState::Connecting,
            endpoint: "unix:///var/run/docker.sock".into(),
            error: None,
            hint: None,
            since: "2026-01-02T03:04:05Z".into(),
            engine: None,
            containers_total: 0,
            containers_running: 0,
            last_event_at: None,
        };
        assert_eq!(
            serde_json::to_string(&host).unwrap(),
            concat!(
                r#"{"name":"local","state":"connecting","endpoint":"unix:///var/run/docker.sock","error":null,"#,
                r#""hint":null,"since":"2026-01-02T03:04:05Z","engine":null,"containers_total":0,"#,
                r#""containers_running":0,"last_event_at":null}"#
            )
        );
    }
}
