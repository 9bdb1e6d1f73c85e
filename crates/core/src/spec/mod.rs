//! What a container is to be, before it is: all of its fields.
//!
//! Its parts have a file each, with the methods that set them: `process` (what runs), `ports`, `network`, `mount`,
//! `resources` (limits and devices), `isolation`, `life` (health, restarts, logs). What an engine would refuse, `check`
//! finds. How it looks in an engine's JSON is `longshore-engine`'s.

mod check;
mod check_parts;
mod check_resources;
mod isolation;
mod life;
mod mount;
mod network;
mod ports;
mod process;
mod resources;
#[cfg(test)]
mod tests;
mod text;
mod update;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use crate::{Secrets, Size, labels};

pub use isolation::Isolation;
pub use life::{HealthCheck, HealthTest, LogConfig, RestartPolicy};
pub use mount::{MountKind, MountSpec, Propagation};
pub use network::NetworkUse;
pub use ports::{ExposedPort, PortBinding, Protocol};
pub use resources::{Device, DeviceCount, DeviceRequest, Resources, Swap, Ulimit};
pub use update::UpdateSpec;

/// A spec that no engine would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSpec(Box<str>);

impl InvalidSpec {
    /// The text names the field first.
    pub(crate) fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for InvalidSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidSpec {}

/// A container to create. Public fields, chained methods for them; only the image is required. What is left open is
/// the image's, else the engine's.
///
/// ```
/// use longshore_core::{ContainerSpec, HealthCheck, RestartPolicy};
/// use std::time::Duration;
///
/// let spec = ContainerSpec::new("postgres:17")
///     .name("db")
///     .env("POSTGRES_PASSWORD", "secret")
///     .port(5432, None)
///     .volume("db-data", "/var/lib/postgresql/data")
///     .memory_limit("512m")
///     .cpus(1.5)
///     .health_check(HealthCheck::cmd("pg_isready").interval(Duration::from_secs(2)).retries(5))
///     .restart_policy(RestartPolicy::UnlessStopped);
/// assert_eq!(spec.labels["io.longshore.managed"], "true");
/// assert!(spec.check().is_ok());
/// assert!(!format!("{spec:?}").contains("secret"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContainerSpec {
    /// The image to run.
    pub image: String,
    /// Which platform's variant of the image, such as `linux/arm64`. Default: the engine's own. Needs API 1.41.
    pub platform: Option<String>,
    /// A name; without one it is called `longshore-` and a random number.
    pub name: Option<String>,
    /// Labels; [`ContainerSpec::new`] puts ours there.
    pub labels: BTreeMap<String, String>,
    /// Words for the runtime below the engine. Needs API 1.43.
    pub annotations: BTreeMap<String, String>,

    /// Replaces the image's entrypoint when there is one.
    pub entrypoint: Option<Vec<String>>,
    /// Replaces the image's command when there is one.
    pub cmd: Option<Vec<String>>,
    /// Where the main process starts; absolute.
    pub working_dir: Option<String>,
    /// `NAME=value` each.
    pub env: Secrets,
    /// Who it runs as: `name`, `uid`, `name:group`, `uid:gid`.
    pub user: Option<String>,
    /// Further groups that it runs in, names or numbers.
    pub groups: Vec<String>,
    /// Whether it gets a terminal: stdout and stderr then come as one.
    pub tty: bool,
    /// Whether its stdin stays open.
    pub open_stdin: bool,
    /// Whether its stdin ends when the first that attached to it ends its own; needs `open_stdin`.
    pub stdin_once: bool,
    /// Whether an init process reaps children and passes signals on.
    pub init: bool,
    /// Signal that asks it to end, by name or number. Default: the image's, else SIGTERM.
    pub stop_signal: Option<String>,
    /// Seconds that it has to end when it is asked to. Default: the engine's 10.
    pub stop_timeout: Option<u32>,

    /// How its health is told. Default: as the image says.
    pub health: Option<HealthCheck>,
    /// What happens when it ends.
    pub restart_policy: RestartPolicy,
    /// Whether the engine removes it, and its anonymous volumes, when it ends.
    pub auto_remove: bool,
    /// Where its output goes. Default: the engine's log driver.
    pub log: Option<LogConfig>,

    /// Ports to publish.
    pub ports: Vec<PortBinding>,
    /// Ports that it listens on and does not publish, on top of the image's.
    pub exposed: Vec<ExposedPort>,
    /// Whether every exposed port is published, each where the engine chooses.
    pub publish_all: bool,
    /// `bridge`, `host`, `none`, `container:` and a name, or a network. Default: the first of `networks`, else the
    /// engine's default network.
    pub network_mode: Option<String>,
    /// The networks that it is on, with its names and addresses there. Before API 1.44 those beyond the first are
    /// connected after the create, before anything runs.
    pub networks: Vec<NetworkUse>,
    /// The name it knows itself by. Default: the beginning of its id.
    pub hostname: Option<String>,
    /// The domain it believes to be in.
    pub domainname: Option<String>,
    /// Lines for its hosts file: a name, and an address or `host-gateway`.
    pub extra_hosts: Vec<(String, String)>,
    /// Its name servers.
    pub dns: Vec<IpAddr>,
    /// The domains that it looks names up in.
    pub dns_search: Vec<String>,
    /// Options of its resolver, such as `ndots:2`.
    pub dns_options: Vec<String>,

    /// What it sees of other file systems.
    pub mounts: Vec<MountSpec>,
    /// Containers whose mounts it gets too, each with `:ro` behind it when it may only read them.
    pub volumes_from: Vec<String>,
    /// Size of `/dev/shm`. Default: the engine's 64 MiB.
    pub shm_size: Option<Size>,
    /// Whether its root file system is read-only.
    pub read_only_root: bool,

    /// What it may use.
    pub resources: Resources,
    /// What it may do, and what it shares with the host.
    pub isolation: Isolation,
}

impl ContainerSpec {
    /// A container of `image`, with the labels that mark it as ours.
    pub fn new(image: impl Into<String>) -> Self {
        Self {
            image: image.into(),
            labels: labels::ours(),
            ..Self::default()
        }
    }

    /// Sets [`Self::platform`].
    #[must_use]
    pub fn platform(mut self, platform: impl Into<String>) -> Self {
        self.platform = Some(platform.into());
        self
    }

    /// Sets its name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Adds an annotation.
    #[must_use]
    pub fn annotation(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.annotations.insert(key.into(), value.into());
        self
    }
}
