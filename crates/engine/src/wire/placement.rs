//! What the host gives a container: limits, restarts, mounts, ports, networks.

use std::collections::BTreeMap;

use longshore_core::{Mount, NetworkAttachment, Port};
use serde::Deserialize;

use super::lenient::{Number, nullable};

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct HostConfig {
    #[serde(deserialize_with = "nullable")]
    pub(super) restart_policy: RestartPolicy,
    #[serde(deserialize_with = "nullable")]
    pub(super) auto_remove: bool,
    pub(super) memory: Number,
    nano_cpus: Number,
    cpu_quota: Number,
    cpu_period: Number,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct RestartPolicy {
    #[serde(deserialize_with = "nullable")]
    pub(super) name: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct WireMount {
    #[serde(deserialize_with = "nullable")]
    r#type: String,
    #[serde(deserialize_with = "nullable")]
    name: String,
    #[serde(deserialize_with = "nullable")]
    source: String,
    #[serde(deserialize_with = "nullable")]
    destination: String,
    #[serde(rename = "RW")]
    rw: Option<bool>,
}

/// By `port/protocol`; null for one that is exposed and not published.
type Ports = BTreeMap<String, Option<Vec<Binding>>>;

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct NetworkSettings {
    #[serde(deserialize_with = "nullable")]
    pub(super) ports: Ports,
    #[serde(deserialize_with = "nullable")]
    pub(super) networks: BTreeMap<String, Option<Endpoint>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Binding {
    #[serde(deserialize_with = "nullable")]
    host_ip: String,
    host_port: Number,
}

#[derive(Deserialize, Default)]
pub(super) struct Endpoint {
    #[serde(rename = "IPAddress", default, deserialize_with = "nullable")]
    ip_address: String,
}

impl HostConfig {
    /// Billionths of a processor, from whichever of its two forms is set.
    pub(super) fn nano_cpus(&self) -> Option<u64> {
        let nano = self.nano_cpus.0.filter(|nano| *nano != 0);
        nano.or_else(|| {
            let quota = self.cpu_quota.0.filter(|quota| *quota != 0)?;
            // The kernel's own period where none is set.
            let period = self.cpu_period.0.filter(|period| *period != 0).unwrap_or(100_000);
            quota.checked_mul(1_000_000_000).map(|nano| nano / period)
        })
    }
}

impl WireMount {
    pub(super) fn into_core(self) -> Mount {
        Mount {
            source: if self.r#type == "volume" && !self.name.is_empty() {
                self.name
            } else {
                self.source
            },
            kind: self.r#type.into(),
            target: self.destination,
            read_only: self.rw == Some(false),
        }
    }
}

pub(super) fn attachment((name, endpoint): (String, Option<Endpoint>)) -> NetworkAttachment {
    let ip = endpoint
        .map(|endpoint| endpoint.ip_address)
        .filter(|ip| !ip.is_empty());
    NetworkAttachment {
        name,
        ip: ip.map(Into::into),
    }
}

pub(super) fn ports(wire: Ports) -> Vec<Port> {
    let mut ports = Vec::new();
    for (key, bindings) in wire {
        let (number, protocol) = key.split_once('/').unwrap_or((&key, "tcp"));
        let Ok(private) = number.parse() else { continue };
        let port = |ip, public| Port {
            private,
            protocol: protocol.into(),
            ip,
            public,
        };
        match bindings {
            Some(bindings) if !bindings.is_empty() => ports.extend(bindings.into_iter().map(|binding| {
                let public = binding.host_port.0.and_then(|port| u16::try_from(port).ok());
                port(
                    (!binding.host_ip.is_empty()).then(|| binding.host_ip.into()),
                    public,
                )
            })),
            _ => ports.push(port(None, None)),
        }
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}
