//! Containers as the table and the detail view show them, and the answer to a verb.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::hosts::HostRow;

/// One container, as in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContainerRow {
    /// Name of the host that it is on.
    pub host: String,
    /// Its full id, 64 hexadecimal digits.
    pub id: String,
    /// Its name, without the leading slash.
    pub name: String,
    /// The image as it was asked for.
    pub image: String,
    /// Id of the image.
    pub image_id: String,
    /// The command line that it runs.
    pub command: String,
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`, or a newer engine's word.
    pub state: String,
    /// `none`, `starting`, `healthy`, `unhealthy`, or a newer engine's word.
    pub health: String,
    /// Exit code of the last run; `null` while it runs or when it never ran.
    pub exit_code: Option<i64>,
    /// When it was created.
    pub created_at: String,
    /// When its last run began.
    pub started_at: Option<String>,
    /// When its last run ended.
    pub finished_at: Option<String>,
    /// How often the engine restarted it by itself.
    pub restart_count: Option<u64>,
    /// Ports that it exposes or publishes.
    pub ports: Vec<Port>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The Compose project that it belongs to.
    pub project: Option<String>,
    /// The host cannot be reached: this is what was last known.
    pub stale: bool,
}

/// A port of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Port {
    /// Address on the host; `null` when it is not published.
    pub ip: Option<String>,
    /// Port inside the container.
    pub private: u16,
    /// Port on the host; `null` when it is not published.
    pub public: Option<u16>,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

/// All that is known of one container: its row, and what an inspect adds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ContainerDetail {
    /// What the list says of it; its fields stand beside the others.
    #[serde(flatten)]
    pub row: ContainerRow,
    /// Environment as `NAME=value`; `null` for a viewer, who may not see it.
    pub env: Option<Vec<String>>,
    /// The entry point, where one is set.
    pub entrypoint: Vec<String>,
    /// The arguments that follow the entry point.
    pub cmd: Vec<String>,
    /// Where it starts.
    pub working_dir: String,
    /// The user that it runs as; empty for the image's.
    pub user: String,
    /// It has a terminal.
    pub tty: bool,
    /// Its host name.
    pub hostname: String,
    /// `no`, `always`, `unless-stopped`, `on-failure:3`…
    pub restart_policy: String,
    /// What is mounted in it.
    pub mounts: Vec<Mount>,
    /// The networks that it is on.
    pub networks: Vec<NetworkAttachment>,
    /// The engine's last few health probes, oldest first.
    pub health_log: Vec<HealthLogEntry>,
    /// The kernel ended its last run for want of memory.
    pub oom_killed: bool,
    /// Process id of its first process on the engine's host; `null` unless it runs.
    pub pid: Option<i64>,
    /// Memory limit in bytes; `null` for none.
    pub memory_limit: Option<u64>,
    /// Processor limit in cores; `null` for none.
    pub cpus: Option<f64>,
}

/// Something mounted in a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mount {
    /// `bind`, `volume`, `tmpfs`…
    pub kind: String,
    /// Path on the host, or name of the volume.
    pub source: String,
    /// Path in the container.
    pub target: String,
    /// It cannot be written to.
    pub read_only: bool,
}

/// A network that a container is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NetworkAttachment {
    /// Name of the network.
    pub name: String,
    /// The container's address on it.
    pub ip: Option<String>,
}

/// One health probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthLogEntry {
    /// When it began.
    pub start: Option<String>,
    /// When it ended.
    pub end: Option<String>,
    /// What it exited with; 0 is healthy.
    pub exit_code: i64,
    /// What it wrote.
    pub output: String,
}

/// Answer of `GET /containers`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContainersReply {
    /// Containers of every host.
    pub containers: Vec<ContainerRow>,
    /// The hosts, with the state that each is in.
    pub hosts: Vec<HostRow>,
}

/// What a verb came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerbOutcome {
    /// The engine did it.
    Done,
    /// It was so already.
    Already,
}

/// Answer to a verb (start, stop, remove…).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerbReply {
    /// What it came to.
    pub outcome: VerbOutcome,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> ContainerRow {
        ContainerRow {
            host: "local".into(),
            id: "ab".repeat(32),
            name: "web".into(),
            image: "nginx".into(),
            image_id: "sha256:1".into(),
            command: "nginx".into(),
            state: "running".into(),
            health: "none".into(),
            exit_code: None,
            created_at: "2026-01-02T03:04:05Z".into(),
            started_at: None,
            finished_at: None,
            restart_count: None,
            ports: vec![Port {
                ip: None,
                private: 80,
                public: None,
                protocol: "tcp".into(),
            }],
            labels: BTreeMap::from([("a".into(), "b".into())]),
            project: None,
            stale: false,
        }
    }

    #[test]
    fn unknown_is_null() {
        let json = serde_json::to_value(row()).unwrap();
        assert!(json["exit_code"].is_null() && json["restart_count"].is_null());
        assert_eq!(
            json["ports"].to_string(),
            r#"[{"ip":null,"private":80,"protocol":"tcp","public":null}]"#
        );
    }

    #[test]
    fn a_detail_is_a_row_with_more_fields_beside() {
        let detail = ContainerDetail {
            row: row(),
            env: None,
            entrypoint: vec![],
            cmd: vec!["nginx".into()],
            working_dir: "/".into(),
            user: String::new(),
            tty: false,
            hostname: "web".into(),
            restart_policy: "no".into(),
            mounts: vec![],
            networks: vec![],
            health_log: vec![],
            oom_killed: false,
            pid: Some(12),
            memory_limit: None,
            cpus: Some(1.5),
        };
        let json = serde_json::to_value(&detail).unwrap();
        assert_eq!(json["name"], "web");
        assert!(json["env"].is_null());
        assert_eq!(serde_json::from_value::<ContainerDetail>(json).unwrap(), detail);
    }

    #[test]
    fn a_verb_answers_in_one_word() {
        let reply = VerbReply {
            outcome: VerbOutcome::Already,
        };
        assert_eq!(serde_json::to_string(&reply).unwrap(), r#"{"outcome":"already"}"#);
    }
}
