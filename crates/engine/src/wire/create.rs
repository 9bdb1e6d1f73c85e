//! Creating a container, and what comes back from that and from waiting.

use std::collections::BTreeMap;

use longshore_core::{ContainerSpec, RestartPolicy};
use serde::{Deserialize, Serialize};

use super::lenient::nullable;

/// A create request. What the spec leaves open is left out, so that the engine's own defaults hold.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Body<'a> {
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    entrypoint: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cmd: Option<&'a [String]>,
    env: &'a [String],
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_dir: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    tty: bool,
    open_stdin: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_signal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthcheck: Option<Healthcheck<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    exposed_ports: BTreeMap<String, Empty>,
    host_config: Host<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Healthcheck<'a> {
    test: [&'a str; 2],
    /// Nanoseconds; 0 is the engine's default.
    interval: u64,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Host<'a> {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    init: bool,
    auto_remove: bool,
    restart_policy: Restart,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nano_cpus: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_mode: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    port_bindings: BTreeMap<String, Vec<Binding<'a>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Restart {
    name: &'static str,
    maximum_retry_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Binding<'a> {
    host_ip: &'a str,
    /// Text on the wire; empty lets the engine choose.
    host_port: String,
}

impl<'a> Body<'a> {
    pub(crate) fn new(spec: &'a ContainerSpec) -> Self {
        let mut exposed_ports = BTreeMap::new();
        let mut port_bindings: BTreeMap<String, Vec<Binding<'a>>> = BTreeMap::new();
        for port in &spec.ports {
            let key = format!("{}/{}", port.container, port.protocol);
            exposed_ports.insert(key.clone(), Empty {});
            port_bindings.entry(key).or_default().push(Binding {
                host_ip: &port.host_ip,
                host_port: port.host.map(|port| port.to_string()).unwrap_or_default(),
            });
        }
        let retries = match spec.restart_policy {
            RestartPolicy::OnFailure { max_retries } => max_retries.unwrap_or(0),
            _ => 0,
        };
        Self {
            image: &spec.image,
            entrypoint: spec.entrypoint.as_deref(),
            cmd: spec.cmd.as_deref(),
            env: &spec.env.0,
            labels: &spec.labels,
            working_dir: spec.working_dir.as_deref(),
            user: spec.user.as_deref(),
            tty: spec.tty,
            open_stdin: spec.open_stdin,
            stop_signal: spec.stop_signal.as_deref(),
            healthcheck: spec.health_cmd.as_deref().map(|command| Healthcheck {
                test: ["CMD-SHELL", command],
                interval: spec.health_interval_ms.unwrap_or(0).saturating_mul(1_000_000),
            }),
            exposed_ports,
            host_config: Host {
                init: spec.init,
                auto_remove: spec.auto_remove,
                restart_policy: Restart {
                    name: spec.restart_policy.name(),
                    maximum_retry_count: retries,
                },
                memory: spec.memory,
                nano_cpus: spec.nano_cpus,
                network_mode: spec.network.as_deref(),
                port_bindings,
            },
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Created {
    pub(crate) id: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Waited {
    pub(crate) status_code: i64,
    #[serde(default)]
    pub(crate) error: Option<WaitError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct WaitError {
    #[serde(default)]
    pub(crate) message: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_spec_leaves_the_engines_defaults_alone() {
        let spec = ContainerSpec::new("img");
        let json = serde_json::to_value(Body::new(&spec)).unwrap();
        assert_eq!(json["Image"], "img");
        assert_eq!(json["HostConfig"]["RestartPolicy"]["Name"], "no");
        assert_eq!(json["Labels"]["io.longshore.managed"], "true");
        for open in ["Cmd", "Entrypoint", "User", "Healthcheck", "ExposedPorts"] {
            assert!(json.get(open).is_none(), "{open}");
        }
    }

    #[test]
    fn ports_and_health_have_the_engines_form() {
        let mut spec = ContainerSpec::new("img").port(80, Some(8080)).port(81, None);
        spec.health_cmd = Some("true".to_owned());
        spec.health_interval_ms = Some(500);
        let json = serde_json::to_value(Body::new(&spec)).unwrap();
        assert_eq!(
            json["HostConfig"]["PortBindings"]["80/tcp"][0]["HostPort"],
            "8080"
        );
        assert_eq!(json["HostConfig"]["PortBindings"]["81/tcp"][0]["HostPort"], "");
        assert_eq!(json["ExposedPorts"]["80/tcp"], serde_json::json!({}));
        assert_eq!(
            json["Healthcheck"],
            serde_json::json!({"Test": ["CMD-SHELL", "true"], "Interval": 500_000_000})
        );
    }
}
