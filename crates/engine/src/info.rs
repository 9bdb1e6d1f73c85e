//! What an engine knows of its host and of itself.

use std::collections::BTreeMap;

use longshore_core::Timestamp;

use crate::call::Call;
use crate::path::PathQuery;
use crate::{Engine, Error, Ping, wire};

/// What an engine knows of its host and of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Its identity, the same after a restart; empty on Podman.
    pub id: String,
    /// The host's name.
    pub name: String,
    /// Processors.
    pub ncpu: Option<u32>,
    /// Memory, in bytes.
    pub mem_total: Option<u64>,
    /// The engine's version.
    pub server_version: String,
    /// The host's operating system, for people.
    pub operating_system: String,
    /// Its kernel's version.
    pub kernel_version: String,
    /// The version of control groups, `1` or `2`; empty when the engine is too old to say.
    pub cgroup_version: String,
    /// The engine's clock. Compare its timestamps with this, not with the clock here.
    pub system_time: Option<Timestamp>,
    /// Containers in all states.
    pub containers: Option<u64>,
    /// Containers that run.
    pub running: Option<u64>,
    /// Containers that are paused.
    pub paused: Option<u64>,
    /// Containers that do not run.
    pub stopped: Option<u64>,
    /// Images.
    pub images: Option<u64>,
    /// How layers are kept, such as `overlay2`.
    pub storage_driver: String,
    /// How layers are kept, in its own words, such as `("Backing Filesystem", "extfs")`.
    pub storage_status: Vec<(String, String)>,
    /// The operating system that its containers have, such as `linux`; empty on Podman 4.
    pub os_type: String,
    /// The processor's architecture, as the kernel calls it (`x86_64`).
    pub architecture: String,
    /// What makes control groups, `cgroupfs` or `systemd`.
    pub cgroup_driver: String,
    /// Where it keeps what it has.
    pub root_dir: String,
    /// Where containers log to when nothing is said.
    pub logging_driver: String,
    /// What runs containers, by name and path.
    pub runtimes: BTreeMap<String, String>,
    /// The one that is taken when nothing is said.
    pub default_runtime: String,
    /// What confines containers, as it says (`name=seccomp,profile=builtin`, `name=rootless`).
    pub security_options: Vec<String>,
    /// How it reaches registries.
    pub registries: Registries,
    /// Its drivers.
    pub plugins: Plugins,
    /// From where it takes subnets for networks that name none, each with the length of their prefix; empty for its
    /// built-in ones.
    pub default_address_pools: Vec<(String, u8)>,
    /// Whether containers live on while it is restarted.
    pub live_restore: bool,
    /// Whether it logs for debugging.
    pub debug: bool,
    /// Whether it has experimental features.
    pub experimental: bool,
    /// Its own labels, `key=value`.
    pub labels: Vec<String>,
    /// What it is in a Swarm.
    pub swarm: SwarmInfo,
    /// What it says is wrong with its host: limits that the kernel lacks, an API open to all.
    pub warnings: Vec<String>,
}

impl Info {
    /// Whether it runs without root.
    #[must_use]
    pub fn is_rootless(&self) -> bool {
        self.security_options
            .iter()
            .any(|option| option.split(',').any(|part| part == "name=rootless"))
    }
}

/// How an engine reaches registries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Registries {
    /// Hosts and networks with which it may speak without TLS, or with a certificate that it cannot verify.
    pub insecure: Vec<String>,
    /// Where it asks before Docker Hub.
    pub mirrors: Vec<String>,
}

/// An engine's drivers, by what they are for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Plugins {
    /// For volumes.
    pub volume: Vec<String>,
    /// For networks.
    pub network: Vec<String>,
    /// For logs.
    pub log: Vec<String>,
    /// That decide on each call.
    pub authorization: Vec<String>,
}

/// What an engine is in a Swarm.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SwarmInfo {
    /// `inactive`, `pending`, `active`, `error` or `locked`; empty where there is no Swarm mode.
    pub state: String,
    /// Its id there; empty while it is in none.
    pub node_id: String,
    /// Its address there.
    pub node_address: String,
    /// Whether it is a manager, so that services can be spoken to.
    pub manager: bool,
    /// What went wrong.
    pub error: String,
    /// How many managers there are, as far as it knows.
    pub managers: Option<u64>,
    /// How many nodes there are, as far as it knows.
    pub nodes: Option<u64>,
}

impl Engine {
    /// The engine's host, and counts of what it holds. Some milliseconds of the engine's time: not for polling.
    ///
    /// # Errors
    /// As [`Engine::ping`].
    pub async fn info(&self) -> Result<Info, Error> {
        let call = Call::get("read the engine's information", PathQuery::new("/info"));
        let answer = self.client.collect(&call).await?;
        let info: wire::info::Info =
            serde_json::from_slice(&answer.body).map_err(|error| call.malformed(error))?;
        let mut info = info.into_core();
        if Ping::from_head(&answer.head).podman {
            // It makes one up for every answer.
            info.id.clear();
        }
        Ok(info)
    }
}
