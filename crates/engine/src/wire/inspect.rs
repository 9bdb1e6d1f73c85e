//! One container, as inspected.

use std::collections::BTreeMap;

use longshore_core::{Container, ContainerId, ContainerState, Health, HealthProbe, Secrets, Timestamp};
use serde::Deserialize;

use super::lenient::{Integer, Number, nullable, text};
use super::placement::{HostConfig, NetworkSettings, WireMount, attachment, ports};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspect {
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    image: String,
    #[serde(default, deserialize_with = "nullable")]
    created: String,
    #[serde(default, deserialize_with = "nullable")]
    restart_count: Number,
    #[serde(default, deserialize_with = "nullable")]
    state: State,
    #[serde(default, deserialize_with = "nullable")]
    config: Config,
    #[serde(default, deserialize_with = "nullable")]
    host_config: HostConfig,
    #[serde(default, deserialize_with = "nullable")]
    mounts: Vec<WireMount>,
    #[serde(default, deserialize_with = "nullable")]
    network_settings: NetworkSettings,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct State {
    #[serde(deserialize_with = "nullable")]
    status: String,
    #[serde(deserialize_with = "nullable")]
    running: bool,
    #[serde(deserialize_with = "nullable")]
    paused: bool,
    #[serde(deserialize_with = "nullable", rename = "OOMKilled")]
    oom_killed: bool,
    pid: Number,
    exit_code: Integer,
    #[serde(deserialize_with = "nullable")]
    error: String,
    #[serde(deserialize_with = "nullable")]
    started_at: String,
    #[serde(deserialize_with = "nullable")]
    finished_at: String,
    /// Podman's API had this name for a while.
    #[serde(alias = "Healthcheck", deserialize_with = "nullable")]
    health: WireHealth,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct WireHealth {
    #[serde(deserialize_with = "nullable")]
    status: String,
    #[serde(deserialize_with = "nullable")]
    log: Vec<Probe>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Probe {
    #[serde(deserialize_with = "nullable")]
    start: String,
    #[serde(deserialize_with = "nullable")]
    end: String,
    exit_code: Integer,
    #[serde(deserialize_with = "nullable")]
    output: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    #[serde(deserialize_with = "nullable")]
    hostname: String,
    #[serde(deserialize_with = "nullable")]
    user: String,
    #[serde(deserialize_with = "nullable")]
    tty: bool,
    #[serde(deserialize_with = "nullable")]
    env: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    cmd: Words,
    #[serde(deserialize_with = "nullable")]
    image: String,
    #[serde(deserialize_with = "nullable")]
    working_dir: String,
    #[serde(deserialize_with = "nullable")]
    entrypoint: Words,
    #[serde(deserialize_with = "nullable")]
    labels: BTreeMap<String, String>,
}

/// A command: words, or one string on some versions of Podman.
#[derive(Deserialize)]
#[serde(untagged)]
enum Words {
    Many(Vec<String>),
    One(String),
}

impl Default for Words {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Words {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::Many(words) => words,
            Self::One(word) if word.is_empty() => Vec::new(),
            Self::One(word) => vec![word],
        }
    }
}

/// Reads one container.
pub(crate) fn container(json: &[u8]) -> Result<Container, serde_json::Error> {
    let wire: Inspect = serde_json::from_str(&text(json))?;
    let id = ContainerId::new(&wire.id).map_err(serde::de::Error::custom)?;
    let state = wire.state.word();
    let alive = state.has_processes();
    let finished_at = Timestamp::parse_engine(&wire.state.finished_at).filter(|_| !alive);
    let host = wire.host_config;
    Ok(Container {
        id,
        name: wire.name.trim_start_matches('/').to_owned(),
        image: wire.config.image,
        image_id: wire.image,
        created: Timestamp::parse_engine(&wire.created).unwrap_or_default(),
        health: Health::from(wire.state.health.status.as_str()),
        health_log: wire.state.health.log.into_iter().map(Probe::into_core).collect(),
        exit_code: wire.state.exit_code.0.filter(|_| finished_at.is_some()),
        oom_killed: wire.state.oom_killed,
        error: wire.state.error,
        pid: wire
            .state
            .pid
            .0
            .and_then(|pid| u32::try_from(pid).ok())
            .filter(|pid| *pid != 0),
        started_at: Timestamp::parse_engine(&wire.state.started_at),
        finished_at,
        restart_count: wire.restart_count.0.and_then(|count| u32::try_from(count).ok()),
        entrypoint: wire.config.entrypoint.into_vec(),
        cmd: wire.config.cmd.into_vec(),
        env: Secrets(wire.config.env),
        working_dir: wire.config.working_dir,
        user: wire.config.user,
        hostname: wire.config.hostname,
        tty: wire.config.tty,
        memory_limit: host.memory.0.filter(|bytes| *bytes != 0),
        nano_cpus: host.nano_cpus(),
        restart_policy: match host.restart_policy.name {
            name if name.is_empty() => "no".into(),
            name => name.into(),
        },
        auto_remove: host.auto_remove,
        ports: ports(wire.network_settings.ports),
        mounts: wire.mounts.into_iter().map(WireMount::into_core).collect(),
        networks: wire
            .network_settings
            .networks
            .into_iter()
            .map(attachment)
            .collect(),
        labels: wire.config.labels,
        state,
    })
}

impl State {
    fn word(&self) -> ContainerState {
        match self.status.as_str() {
            // Engines before API 1.21 have only the flags.
            "" if self.paused => ContainerState::Paused,
            "" if self.running => ContainerState::Running,
            "" => ContainerState::Exited,
            word => ContainerState::from(word),
        }
    }
}

impl Probe {
    fn into_core(self) -> HealthProbe {
        HealthProbe {
            start: Timestamp::parse_engine(&self.start),
            end: Timestamp::parse_engine(&self.end),
            exit_code: self.exit_code.0.unwrap_or(0),
            output: self.output,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_container_has_no_end_and_no_exit_code() {
        let json = br#"{"Id":"abc","Name":"/web","Image":"sha256:1","Created":"2026-01-01T00:00:00.5Z","RestartCount":2,
            "State":{"Status":"running","Running":true,"Pid":42,"ExitCode":0,"StartedAt":"2026-01-01T00:00:01Z",
              "FinishedAt":"2025-12-31T00:00:00Z","Health":{"Status":"healthy","Log":[{"Start":"2026-01-01T00:00:02Z","ExitCode":0,"Output":"ok"}]}},
            "Config":{"Image":"nginx:1","Tty":true,"Env":["A=secret"],"Cmd":["x"],"Entrypoint":null,"Labels":{"a":"b"}},
            "HostConfig":{"RestartPolicy":{"Name":"always"},"AutoRemove":true,"Memory":1048576,"CpuQuota":50000,"CpuPeriod":100000},
            "Mounts":[{"Type":"volume","Name":"data","Source":"/var/lib/x","Destination":"/data","RW":false}],
            "NetworkSettings":{"Ports":{"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}],"53/udp":null},
              "Networks":{"bridge":{"IPAddress":"172.17.0.2"},"none":null}}}"#;
        let one = container(json).unwrap();
        assert_eq!(
            (one.name.as_str(), one.state.clone(), one.pid),
            ("web", ContainerState::Running, Some(42))
        );
        assert_eq!(
            (one.exit_code, one.finished_at, one.restart_count),
            (None, None, Some(2))
        );
        assert_eq!(
            (one.health.clone(), one.health_log[0].output.as_str()),
            (Health::Healthy, "ok")
        );
        assert_eq!(
            (one.tty, one.nano_cpus, one.memory_limit),
            (true, Some(500_000_000), Some(1_048_576))
        );
        assert_eq!(
            (one.mounts[0].source.as_str(), one.mounts[0].read_only),
            ("data", true)
        );
        assert_eq!((one.ports.len(), one.ports[1].public), (2, Some(8080)));
        assert_eq!(
            (one.networks.len(), one.networks[0].ip.as_deref()),
            (2, Some("172.17.0.2"))
        );
        assert!(!format!("{one:?}").contains("secret"));
    }

    #[test]
    fn an_empty_answer_is_a_container_of_unknowns() {
        let one = container(br#"{"Id":"abc","State":null,"Config":null,"HostConfig":null,"Mounts":null,"NetworkSettings":null}"#).unwrap();
        assert_eq!(
            (one.pid, one.exit_code, one.memory_limit, one.started_at),
            (None, None, None, None)
        );
        assert_eq!((one.health, &*one.restart_policy), (Health::None, "no"));
        assert!(container(b"{}").is_err());
    }

    #[test]
    fn one_that_ended_says_how() {
        let one = container(
            br#"{"Id":"abc","State":{"Status":"exited","ExitCode":137,"OOMKilled":true,"Pid":0,
            "StartedAt":"2026-01-01T00:00:00Z","FinishedAt":"2026-01-01T00:00:09Z"}}"#,
        )
        .unwrap();
        assert_eq!((one.exit_code, one.oom_killed, one.pid), (Some(137), true, None));
        let never = container(
            br#"{"Id":"abc","State":{"Status":"created","ExitCode":0,"FinishedAt":"0001-01-01T00:00:00Z"}}"#,
        )
        .unwrap();
        assert_eq!((never.exit_code, never.finished_at), (None, None));
    }
}
