//! Information on an engine and its host.

use std::collections::BTreeMap;

use longshore_core::Timestamp;
use serde::Deserialize;

use super::lenient::{Number, nullable};
use crate::info;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Info {
    #[serde(default, rename = "ID", deserialize_with = "nullable")]
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, rename = "NCPU")]
    ncpu: Number,
    #[serde(default)]
    mem_total: Number,
    #[serde(default, deserialize_with = "nullable")]
    server_version: String,
    #[serde(default, deserialize_with = "nullable")]
    operating_system: String,
    #[serde(default, deserialize_with = "nullable")]
    kernel_version: String,
    #[serde(default, deserialize_with = "nullable")]
    cgroup_version: String,
    #[serde(default, deserialize_with = "nullable")]
    system_time: String,
    #[serde(default)]
    containers: Number,
    #[serde(default)]
    containers_running: Number,
    #[serde(default)]
    containers_paused: Number,
    #[serde(default)]
    containers_stopped: Number,
    #[serde(default)]
    images: Number,
    #[serde(default, deserialize_with = "nullable")]
    driver: String,
    #[serde(default, deserialize_with = "nullable")]
    driver_status: Vec<Vec<String>>,
    #[serde(default, rename = "OSType", deserialize_with = "nullable")]
    os_type: String,
    #[serde(default, deserialize_with = "nullable")]
    architecture: String,
    #[serde(default, deserialize_with = "nullable")]
    cgroup_driver: String,
    #[serde(default, deserialize_with = "nullable")]
    docker_root_dir: String,
    #[serde(default, deserialize_with = "nullable")]
    logging_driver: String,
    /// Since 25.0 each has a status of several kilobytes, which is hopped over.
    #[serde(default, deserialize_with = "nullable")]
    runtimes: BTreeMap<String, Option<Runtime>>,
    #[serde(default, deserialize_with = "nullable")]
    default_runtime: String,
    #[serde(default, deserialize_with = "nullable")]
    security_options: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    registry_config: RegistryConfig,
    #[serde(default, deserialize_with = "nullable")]
    plugins: Plugins,
    #[serde(default, deserialize_with = "nullable")]
    default_address_pools: Vec<Pool>,
    #[serde(default, rename = "LiveRestoreEnabled", deserialize_with = "nullable")]
    live_restore: bool,
    #[serde(default, deserialize_with = "nullable")]
    debug: bool,
    #[serde(default, rename = "ExperimentalBuild", deserialize_with = "nullable")]
    experimental: bool,
    #[serde(default, deserialize_with = "nullable")]
    labels: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    swarm: Swarm,
    #[serde(default, deserialize_with = "nullable")]
    warnings: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Runtime {
    #[serde(deserialize_with = "nullable")]
    path: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RegistryConfig {
    #[serde(rename = "InsecureRegistryCIDRs", deserialize_with = "nullable")]
    insecure: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    index_configs: BTreeMap<String, Index>,
    #[serde(deserialize_with = "nullable")]
    mirrors: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Index {
    secure: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Plugins {
    #[serde(deserialize_with = "nullable")]
    volume: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    network: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    log: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    authorization: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Pool {
    #[serde(deserialize_with = "nullable")]
    base: String,
    size: Number,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Swarm {
    #[serde(rename = "NodeID", deserialize_with = "nullable")]
    node_id: String,
    #[serde(rename = "NodeAddr", deserialize_with = "nullable")]
    node_address: String,
    #[serde(rename = "LocalNodeState", deserialize_with = "nullable")]
    state: String,
    #[serde(rename = "ControlAvailable", deserialize_with = "nullable")]
    manager: bool,
    #[serde(deserialize_with = "nullable")]
    error: String,
    managers: Number,
    nodes: Number,
}

impl Info {
    pub(crate) fn into_core(self) -> info::Info {
        let known = |number: Number| number.0.filter(|number| *number != 0);
        info::Info {
            id: self.id,
            name: self.name,
            ncpu: known(self.ncpu).and_then(|count| u32::try_from(count).ok()),
            mem_total: known(self.mem_total),
            server_version: self.server_version,
            operating_system: self.operating_system,
            kernel_version: self.kernel_version,
            cgroup_version: self.cgroup_version,
            system_time: Timestamp::parse_engine(&self.system_time),
            containers: self.containers.0,
            running: self.containers_running.0,
            paused: self.containers_paused.0,
            stopped: self.containers_stopped.0,
            images: self.images.0,
            storage_driver: self.driver,
            storage_status: self.driver_status.into_iter().filter_map(pair).collect(),
            os_type: self.os_type,
            architecture: self.architecture,
            cgroup_driver: self.cgroup_driver,
            root_dir: self.docker_root_dir,
            logging_driver: self.logging_driver,
            runtimes: self
                .runtimes
                .into_iter()
                .map(|(name, runtime)| (name, runtime.unwrap_or_default().path))
                .collect(),
            default_runtime: self.default_runtime,
            security_options: self.security_options,
            registries: self.registry_config.into_core(),
            plugins: info::Plugins {
                volume: self.plugins.volume,
                network: self.plugins.network,
                log: self.plugins.log,
                authorization: self.plugins.authorization,
            },
            default_address_pools: self
                .default_address_pools
                .into_iter()
                .filter_map(|pool| Some((pool.base, u8::try_from(pool.size.0?).ok()?)))
                .collect(),
            live_restore: self.live_restore,
            debug: self.debug,
            experimental: self.experimental,
            labels: self.labels,
            swarm: self.swarm.into_core(),
            warnings: self.warnings,
        }
    }
}

/// A pair, as engines write it in a list of two.
fn pair(words: Vec<String>) -> Option<(String, String)> {
    let mut words = words.into_iter();
    Some((words.next()?, words.next()?))
}

impl RegistryConfig {
    fn into_core(self) -> info::Registries {
        let mut insecure = self.insecure;
        let named = self.index_configs.into_iter();
        insecure.extend(
            named
                .filter(|(_, index)| index.secure == Some(false))
                .map(|(host, _)| host),
        );
        info::Registries {
            insecure,
            mirrors: self.mirrors,
        }
    }
}

impl Swarm {
    fn into_core(self) -> info::SwarmInfo {
        let active = !matches!(self.state.as_str(), "" | "inactive");
        info::SwarmInfo {
            state: self.state,
            node_id: self.node_id,
            node_address: self.node_address,
            manager: self.manager,
            error: self.error,
            managers: self.managers.0.filter(|_| active),
            nodes: self.nodes.0.filter(|_| active),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_leaves_out_is_unknown() {
        let info = serde_json::from_str::<Info>(
            r#"{"ID":"x","NCPU":0,"Containers":0,"SystemTime":"2026-01-01T00:00:00Z"}"#,
        );
        let info = info.unwrap().into_core();
        assert_eq!((info.ncpu, info.containers, info.images), (None, Some(0), None));
        assert!(info.system_time.is_some());
        assert_eq!(info.swarm, info::SwarmInfo::default());
    }

    #[test]
    fn what_operators_ask_for_is_there() {
        let json = r#"{"ID":"x","Driver":"overlay2","DriverStatus":[["Backing Filesystem","extfs"],["odd"]],"OSType":"linux",
            "Runtimes":{"runc":{"path":"runc","status":{"org.opencontainers.runtime-spec.features":"{}"}},"kata":null},
            "SecurityOptions":["name=seccomp,profile=builtin","name=rootless"],
            "RegistryConfig":{"InsecureRegistryCIDRs":["127.0.0.0/8"],"IndexConfigs":{"docker.io":{"Secure":true},
              "lab:5000":{"Secure":false}},"Mirrors":["https://mirror.lan/"]},
            "DefaultAddressPools":[{"Base":"10.123.0.0/16","Size":24},{"Base":"x","Size":-1}],
            "Swarm":{"NodeID":"n","LocalNodeState":"active","ControlAvailable":true,"Managers":1,"Nodes":3,"RemoteManagers":null},
            "Warnings":["WARNING: No swap limit support"],"Plugins":{"Volume":["local"],"Authorization":null}}"#;
        let info = serde_json::from_str::<Info>(json).unwrap().into_core();
        assert_eq!(
            info.storage_status,
            [("Backing Filesystem".to_owned(), "extfs".to_owned())]
        );
        assert_eq!(
            (info.runtimes["runc"].as_str(), info.is_rootless()),
            ("runc", true)
        );
        assert_eq!(info.registries.insecure, ["127.0.0.0/8", "lab:5000"]);
        assert_eq!(info.registries.mirrors, ["https://mirror.lan/"]);
        assert_eq!(info.default_address_pools, [("10.123.0.0/16".to_owned(), 24)]);
        assert_eq!((info.swarm.manager, info.swarm.nodes), (true, Some(3)));
        assert_eq!((info.warnings.len(), info.plugins.volume.len()), (1, 1));
    }
}
