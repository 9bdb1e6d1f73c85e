//! A container: what a list says of it, and what an inspect says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ContainerId, ContainerState, Health, Timestamp};

/// A port that a container exposes, and where the host publishes it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Port {
    /// The port in the container.
    pub private: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: Box<str>,
    /// The address on the host; `None` when it is not published.
    pub ip: Option<Box<str>>,
    /// The port on the host; `None` when it is not published.
    pub public: Option<u16>,
}

/// Something from outside that a container sees in its file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// `bind`, `volume`, `tmpfs`, … as the engine says.
    pub kind: Box<str>,
    /// A path on the host, or a volume's name; empty for `tmpfs`.
    pub source: String,
    /// The path in the container.
    pub target: String,
    /// Whether it cannot be written.
    pub read_only: bool,
}

/// A network that a container is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkAttachment {
    /// The network's name.
    pub name: String,
    /// The container's IPv4 address there; `None` while it does not run.
    pub ip: Option<Box<str>>,
}

/// One run of a container's health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthProbe {
    /// When it began.
    pub start: Option<Timestamp>,
    /// When it ended.
    pub end: Option<Timestamp>,
    /// Its exit code; 0 is healthy.
    pub exit_code: i64,
    /// What it printed (engines keep 4 KiB).
    pub output: String,
}

/// What a list says of a container. Lists lag some milliseconds behind events and leave much out;
/// [`Container`] is the authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSummary {
    /// Its id.
    pub id: ContainerId,
    /// Its first name, without the leading slash.
    pub name: String,
    /// The image as it was named at creation.
    pub image: String,
    /// The id of that image.
    pub image_id: String,
    /// Its command line, shortened by the engine.
    pub command: String,
    /// When it was made.
    pub created: Timestamp,
    /// Its state.
    pub state: ContainerState,
    /// The engine's words for it (`Up 3 minutes (healthy)`).
    pub status: String,
    /// Its ports.
    pub ports: Vec<Port>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// All that an inspect says of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its id.
    pub id: ContainerId,
    /// Its name, without the leading slash.
    pub name: String,
    /// The image as it was named at creation.
    pub image: String,
    /// The id of that image.
    pub image_id: String,
    /// When it was made.
    pub created: Timestamp,
    /// Its state.
    pub state: ContainerState,
    /// Its health.
    pub health: Health,
    /// The last runs of its health check, oldest first. Changes without an event.
    pub health_log: Vec<HealthProbe>,
    /// How its last run ended; `None` while it has not ended.
    pub exit_code: Option<i64>,
    /// Whether the kernel ended its last run for want of memory.
    pub oom_killed: bool,
    /// What the engine says went wrong; empty when nothing did.
    pub error: String,
    /// The main process's id on the engine's host; `None` while it does not run.
    pub pid: Option<u32>,
    /// When its last run began.
    pub started_at: Option<Timestamp>,
    /// When its last run ended; `None` while it runs or has never run.
    pub finished_at: Option<Timestamp>,
    /// How often its restart policy has started it again.
    pub restart_count: Option<u32>,
    /// Its entrypoint.
    pub entrypoint: Vec<String>,
    /// Its command.
    pub cmd: Vec<String>,
    /// `NAME=value` each. May hold secrets: never log it.
    pub env: Secrets,
    /// Where its main process starts.
    pub working_dir: String,
    /// Who its main process runs as; empty is root.
    pub user: String,
    /// The name it knows itself by.
    pub hostname: String,
    /// Whether it has a terminal: its output is then raw instead of framed.
    pub tty: bool,
    /// `no`, `always`, `unless-stopped`, `on-failure`, or what the engine says.
    pub restart_policy: Box<str>,
    /// Whether the engine removes it when it ends (`--rm`).
    pub auto_remove: bool,
    /// Bytes; `None` for no limit.
    pub memory_limit: Option<u64>,
    /// Billionths of a processor; `None` for no limit.
    pub nano_cpus: Option<u64>,
    /// Its ports.
    pub ports: Vec<Port>,
    /// Its mounts.
    pub mounts: Vec<Mount>,
    /// The networks that it is on.
    pub networks: Vec<NetworkAttachment>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl Container {
    /// Entrypoint and command in one line, for people.
    pub fn command_line(&self) -> String {
        let mut line = String::new();
        for word in self.entrypoint.iter().chain(&self.cmd) {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        line
    }
}

/// Texts that may hold secrets: readable by who asks for them, covered in `Debug`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secrets(pub Vec<String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{} covered]", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show_in_debug() {
        let env = Secrets(vec!["PASSWORD=hunter2".to_owned()]);
        assert_eq!(format!("{env:?}"), "[1 covered]");
    }
}
