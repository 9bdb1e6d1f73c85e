//! One container of the fake engine, and how list and inspect show it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::clock::{NEVER, mix, rfc3339};
use super::spec::Spec;

/// Log lines kept for a container; older ones go.
const LOG_LINES: usize = 10_000;

#[derive(Debug, Clone)]
pub(super) struct LogLine {
    pub(super) stderr: bool,
    pub(super) at: i64,
    pub(super) text: Bytes,
}

#[derive(Debug)]
pub(super) struct Container {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) image_id: String,
    pub(super) spec: Spec,
    pub(super) state: &'static str,
    /// The state before the last change, and until when a list still shows it.
    pub(super) before: Option<(&'static str, Instant)>,
    pub(super) created: i64,
    pub(super) started: Option<i64>,
    pub(super) finished: Option<i64>,
    pub(super) exit_code: i64,
    pub(super) oom: bool,
    pub(super) restarts: u64,
    pub(super) health: Option<String>,
    /// How many times it was started: tells a run's timer that it is not meant any more.
    pub(super) starts: u64,
    pub(super) exits: u64,
    pub(super) logs: VecDeque<LogLine>,
    pub(super) log_base: usize,
    pub(super) seed: u64,
    /// One verb at a time, as the engine's own lock.
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
}

impl Container {
    pub(super) fn new(id: String, name: String, image_id: String, spec: Spec, created: i64) -> Self {
        let seed = id.bytes().fold(0, |hash, byte| mix(hash ^ u64::from(byte)));
        Self {
            id,
            name,
            image_id,
            spec,
            state: "created",
            before: None,
            created,
            started: None,
            finished: None,
            exit_code: 0,
            oom: false,
            restarts: 0,
            health: None,
            starts: 0,
            exits: 0,
            logs: VecDeque::new(),
            log_base: 0,
            seed,
            turn: Arc::default(),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, "running" | "paused" | "restarting")
    }

    pub(super) fn log(&mut self, stderr: bool, at: i64, text: Bytes) {
        if self.logs.len() == LOG_LINES {
            self.logs.pop_front();
            self.log_base += 1;
        }
        self.logs.push_back(LogLine { stderr, at, text });
    }

    /// The attributes that every event of it carries.
    pub(super) fn attributes(&self) -> BTreeMap<String, String> {
        let mut attributes = self.spec.labels.clone();
        attributes.insert("image".to_owned(), self.spec.image.clone());
        attributes.insert("name".to_owned(), self.name.clone());
        attributes
    }

    /// The state that a list shows at `now`: for a moment it may be the one before.
    pub(super) fn listed_state(&self, now: Instant) -> &'static str {
        match self.before {
            Some((state, until)) if now < until => state,
            _ => self.state,
        }
    }

    fn address(&self) -> String {
        let [_, _, third, fourth, ..] = self.seed.to_be_bytes();
        format!("172.17.{third}.{fourth}")
    }

    pub(super) fn summary(&self, now: Instant, clock: i64) -> Value {
        let state = self.listed_state(now);
        let ports: Vec<Value> = if matches!(state, "running" | "paused") {
            self.spec
                .ports
                .iter()
                .map(|(private, public)| match public {
                    Some(public) => {
                        json!({"IP": "0.0.0.0", "PrivatePort": private, "PublicPort": public, "Type": "tcp"})
                    }
                    None => json!({"PrivatePort": private, "Type": "tcp"}),
                })
                .collect()
        } else {
            Vec::new()
        };
        json!({
            "Id": self.id,
            "Names": [format!("/{}", self.name)],
            "Image": self.spec.image,
            "ImageID": self.image_id,
            "Command": self.spec.command.join(" "),
            "Created": self.created.div_euclid(1_000_000_000),
            "Ports": ports,
            "Labels": self.spec.labels,
            "State": state,
            "Status": self.status(state, clock),
            "HostConfig": {"NetworkMode": "bridge"},
            "NetworkSettings": {"Networks": {"bridge": self.network()}},
            "Mounts": [],
        })
    }

    fn status(&self, state: &str, clock: i64) -> String {
        let since = |at: Option<i64>| {
            let seconds = (clock - at.unwrap_or(clock)).div_euclid(1_000_000_000).max(0);
            if seconds == 1 {
                "1 second".to_owned()
            } else {
                format!("{seconds} seconds")
            }
        };
        let health = match self.health.as_deref() {
            Some("starting") => " (health: starting)".to_owned(),
            Some(health) => format!(" ({health})"),
            None => String::new(),
        };
        match state {
            "running" => format!("Up {}{health}", since(self.started)),
            "paused" => format!("Up {}{health} (Paused)", since(self.started)),
            "exited" => format!("Exited ({}) {} ago", self.exit_code, since(self.finished)),
            "restarting" => format!("Restarting ({}) {} ago", self.exit_code, since(self.finished)),
            "created" => "Created".to_owned(),
            other => other.to_owned(),
        }
    }

    fn network(&self) -> Value {
        let (address, gateway) = if self.is_up() {
            (self.address(), "172.17.0.1")
        } else {
            (String::new(), "")
        };
        json!({
            "IPAMConfig": null, "Links": null, "Aliases": null, "MacAddress": "", "NetworkID": "",
            "EndpointID": "", "Gateway": gateway, "IPAddress": address,
            "IPPrefixLen": if self.is_up() { 16 } else { 0 }, "IPv6Gateway": "",
            "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0,
        })
    }

    pub(super) fn inspect(&self) -> Value {
        let time = |at: Option<i64>| at.map_or_else(|| NEVER.to_owned(), rfc3339);
        let (path, args) = self
            .spec
            .command
            .split_first()
            .map_or(("", &[][..]), |(p, a)| (p.as_str(), a));
        let mut state = json!({
            "Status": self.state,
            "Running": self.is_up(),
            "Paused": self.state == "paused",
            "Restarting": self.state == "restarting",
            "OOMKilled": self.oom,
            "Dead": self.state == "dead",
            "Pid": if self.is_up() { 1000 + self.seed % 60_000 } else { 0 },
            "ExitCode": self.exit_code,
            "Error": "",
            "StartedAt": time(self.started),
            "FinishedAt": time(self.finished),
        });
        if let (Some(health), Some(state)) = (&self.health, state.as_object_mut()) {
            state.insert(
                "Health".to_owned(),
                json!({"Status": health, "FailingStreak": 0, "Log": []}),
            );
        }
        let mut exposed = serde_json::Map::new();
        let mut bound = serde_json::Map::new();
        for (private, public) in &self.spec.ports {
            let key = format!("{private}/tcp");
            exposed.insert(key.clone(), json!({}));
            let binding = match public {
                Some(public) => json!([{"HostIp": "0.0.0.0", "HostPort": public.to_string()}]),
                None => Value::Null,
            };
            bound.insert(key, binding);
        }
        json!({
            "Id": self.id,
            "Created": rfc3339(self.created),
            "Path": path,
            "Args": args,
            "State": state,
            "Image": self.image_id,
            "ResolvConfPath": "", "HostnamePath": "", "HostsPath": "", "LogPath": "",
            "Name": format!("/{}", self.name),
            "RestartCount": self.restarts,
            "Driver": "overlay2",
            "Platform": "linux",
            "MountLabel": "", "ProcessLabel": "", "AppArmorProfile": "",
            "ExecIDs": null,
            "HostConfig": self.host_config(),
            "GraphDriver": {"Data": null, "Name": "overlay2"},
            "Mounts": [],
            "Config": {
                "Hostname": self.id.get(..12), "Domainname": "", "User": "",
                "AttachStdin": false, "AttachStdout": true, "AttachStderr": true,
                "ExposedPorts": exposed, "Tty": self.spec.tty, "OpenStdin": false, "StdinOnce": false,
                "Env": self.spec.env, "Cmd": self.spec.command, "Image": self.spec.image, "Volumes": null,
                "WorkingDir": "", "Entrypoint": null, "Labels": self.spec.labels,
            },
            "NetworkSettings": {
                "Bridge": "", "SandboxID": "", "SandboxKey": "",
                "Ports": if self.is_up() { Value::Object(bound) } else { json!({}) },
                "Networks": {"bridge": self.network()},
            },
        })
    }

    fn host_config(&self) -> Value {
        let mut config = json!({
            "NetworkMode": "bridge",
            "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
            "AutoRemove": self.spec.auto_remove,
            "Memory": 0, "NanoCpus": 0, "CpuQuota": 0, "CpuPeriod": 0,
        });
        if let (Some(config), Some(asked)) = (config.as_object_mut(), self.spec.host_config.as_object()) {
            config.extend(asked.clone());
        }
        config
    }
}
