//! The host's part of a create request.

use std::collections::BTreeMap;
use std::net::IpAddr;

use longshore_core::{ContainerSpec, LogConfig, Protocol, RestartPolicy};
use serde::Serialize;

use super::limits::Limits;
use super::mounts::{Mount, binds, tmpfs};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Host<'a> {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    init: bool,
    auto_remove: bool,
    restart_policy: Restart,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_config: Option<Log<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_mode: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    port_bindings: BTreeMap<String, Vec<Binding>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    publish_all_ports: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extra_hosts: Vec<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    dns: &'a [IpAddr],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    dns_search: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    dns_options: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    binds: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mounts: Vec<Mount<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tmpfs: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    volumes_from: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    shm_size: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    readonly_rootfs: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    group_add: &'a [String],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    privileged: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    cap_add: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    cap_drop: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    security_opt: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sysctls: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipc_mode: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid_mode: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "UTSMode")]
    uts_mode: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    userns_mode: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cgroupns_mode: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cgroup_parent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oom_score_adj: Option<i16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
    #[serde(flatten)]
    limits: Limits<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Restart {
    name: &'static str,
    maximum_retry_count: u32,
}

impl From<RestartPolicy> for Restart {
    fn from(policy: RestartPolicy) -> Self {
        Self {
            name: policy.name(),
            maximum_retry_count: match policy {
                RestartPolicy::OnFailure { max_retries } => max_retries.unwrap_or(0),
                _ => 0,
            },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Log<'a> {
    r#type: &'a str,
    config: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Binding {
    /// Empty is every address.
    host_ip: String,
    /// Text on the wire; empty lets the engine choose.
    host_port: String,
}

pub(super) fn port_key(port: u16, protocol: Protocol) -> String {
    format!("{port}/{protocol}")
}

impl<'a> Host<'a> {
    pub(super) fn new(spec: &'a ContainerSpec) -> Self {
        let mut port_bindings: BTreeMap<String, Vec<Binding>> = BTreeMap::new();
        for port in &spec.ports {
            let key = port_key(port.container, port.protocol);
            port_bindings.entry(key).or_default().push(Binding {
                host_ip: port
                    .host_ip
                    .map(|address| address.to_string())
                    .unwrap_or_default(),
                host_port: port.host.map(|port| port.to_string()).unwrap_or_default(),
            });
        }
        let isolation = &spec.isolation;
        Self {
            init: spec.init,
            auto_remove: spec.auto_remove,
            restart_policy: spec.restart_policy.into(),
            log_config: spec.log.as_ref().map(|LogConfig { driver, options }| Log {
                r#type: driver,
                config: options,
            }),
            network_mode: spec.effective_network_mode(),
            port_bindings,
            publish_all_ports: spec.publish_all,
            extra_hosts: spec
                .extra_hosts
                .iter()
                .map(|(name, address)| format!("{name}:{address}"))
                .collect(),
            dns: &spec.dns,
            dns_search: &spec.dns_search,
            dns_options: &spec.dns_options,
            binds: binds(&spec.mounts),
            mounts: spec.mounts.iter().filter_map(Mount::new).collect(),
            tmpfs: tmpfs(&spec.mounts),
            volumes_from: &spec.volumes_from,
            // The check has found what is no size.
            shm_size: spec.shm_size.as_ref().and_then(|size| size.bytes().ok()),
            readonly_rootfs: spec.read_only_root,
            group_add: &spec.groups,
            privileged: isolation.privileged,
            cap_add: &isolation.cap_add,
            cap_drop: &isolation.cap_drop,
            security_opt: &isolation.security_opts,
            sysctls: &isolation.sysctls,
            ipc_mode: isolation.ipc_mode.as_deref(),
            pid_mode: isolation.pid_mode.as_deref(),
            uts_mode: isolation.uts_mode.as_deref(),
            userns_mode: isolation.userns_mode.as_deref(),
            cgroupns_mode: isolation.cgroupns_mode.as_deref(),
            cgroup_parent: isolation.cgroup_parent.as_deref(),
            oom_score_adj: isolation.oom_score_adj,
            runtime: isolation.runtime.as_deref(),
            annotations: &spec.annotations,
            limits: Limits::new(&spec.resources),
        }
    }
}
