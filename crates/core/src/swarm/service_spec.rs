//! What a service of a Swarm is to be.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::names::open_enum;
use crate::{InvalidSpec, Secrets, labels};

/// How many tasks a service has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplicaMode {
    /// So many.
    Replicated {
        /// How many.
        replicas: u64,
    },
    /// One on each node.
    Global,
    /// So many, each of which is to end well once.
    ReplicatedJob {
        /// How many at once; `None` is all.
        at_once: Option<u64>,
        /// How many in all; `None` is as many as run at once.
        total: Option<u64>,
    },
    /// One on each node, which is to end well once.
    GlobalJob,
}

impl Default for ReplicaMode {
    fn default() -> Self {
        Self::Replicated { replicas: 1 }
    }
}

open_enum! {
    /// After which end a task is replaced.
    #[derive(Default)]
    pub enum TaskRestartOn {
        /// Any.
        #[default]
        Any = "any" | "",
        /// A failure.
        Failure = "on-failure",
        /// None.
        None = "none",
    }
}

/// When a task that has ended is replaced. What is `None` is as the engine has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskRestart {
    /// After which end.
    pub on: TaskRestartOn,
    /// How long after it. The engine's default: 5 s.
    pub delay: Option<Duration>,
    /// How often at most. The engine's default: without limit.
    pub attempts: Option<u64>,
    /// Over how long these are counted. The engine's default: for ever.
    pub window: Option<Duration>,
}

open_enum! {
    /// What becomes of an update whose tasks fail.
    #[derive(Default)]
    pub enum RolloutFailure {
        /// It stops.
        #[default]
        Pause = "pause" | "",
        /// It goes on.
        Continue = "continue",
        /// It is taken back.
        Rollback = "rollback",
    }
}

open_enum! {
    /// Which of two tasks goes first.
    #[derive(Default)]
    pub enum RolloutOrder {
        /// The old one stops, then the new one starts.
        #[default]
        StopFirst = "stop-first" | "",
        /// The new one starts, then the old one stops.
        StartFirst = "start-first",
    }
}

/// How an update is done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rollout {
    /// How many tasks at once; 0 is all. The engine's default: 1.
    pub parallelism: u64,
    /// How long between them. The engine's default: none.
    pub delay: Option<Duration>,
    /// What becomes of it when tasks fail.
    pub on_failure: RolloutFailure,
    /// For how long a new task is watched. The engine's default: 5 s.
    pub monitor: Option<Duration>,
    /// Which of two tasks goes first.
    pub order: RolloutOrder,
}

/// What a task may use, and what is kept for it. `None` is no limit, and nothing kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TaskResources {
    /// At most so many billionths of a processor.
    pub nano_cpus_limit: Option<u64>,
    /// At most so many bytes of memory.
    pub memory_limit: Option<u64>,
    /// At most so many processes. Needs API 1.41.
    pub pids_limit: Option<u64>,
    /// Only on a node that has so many billionths of a processor left.
    pub nano_cpus_reserved: Option<u64>,
    /// Only on a node that has so many bytes of memory left.
    pub memory_reserved: Option<u64>,
}

/// A secret or a config as a file in a task's container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReference {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The file: for a secret a name under `/run/secrets`, for a config a path.
    pub file: String,
    /// Who has it, by number.
    pub uid: String,
    /// Whose group has it, by number.
    pub gid: String,
    /// Its permission bits.
    pub mode: u32,
}

impl FileReference {
    /// Read by everybody in the container, as Docker's own default is.
    pub fn new(id: impl Into<String>, name: impl Into<String>, file: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            file: file.into(),
            uid: "0".to_owned(),
            gid: "0".to_owned(),
            mode: 0o444,
        }
    }
}

/// Something from outside that a task's container sees in its file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceMount {
    /// `bind`, `volume` or `tmpfs`.
    pub kind: Box<str>,
    /// A path on the node, or a volume's name; empty for `tmpfs` and for a volume that nobody named.
    pub source: String,
    /// The path in the container.
    pub target: String,
    /// Whether it cannot be written.
    pub read_only: bool,
}

/// A network that a service's tasks are on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceNetwork {
    /// Its id or name; the engine tells its id.
    pub network: String,
    /// Further names that the tasks answer to there.
    pub aliases: Vec<String>,
}

open_enum! {
    /// Where a port is published.
    #[derive(Default)]
    pub enum PublishMode {
        /// On every node, whose traffic goes to any task.
        #[default]
        Ingress = "ingress" | "",
        /// On the nodes that run a task, for that task.
        Host = "host",
    }
}

/// A port that a service publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedPort {
    /// A name for it; empty for none.
    pub name: String,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: Box<str>,
    /// The port in the container.
    pub target: u16,
    /// The port outside; `None` lets the Swarm choose.
    pub published: Option<u16>,
    /// Where.
    pub mode: PublishMode,
}

/// A service to create, or to change one to. Public fields, chained methods for the common ones; only the name and the
/// image are required.
///
/// ```
/// use longshore_core::swarm::ServiceSpec;
/// let spec = ServiceSpec::new("web", "nginx:1").replicas(3).env("TOKEN", "hunter2").port(80, 8080);
/// assert!(spec.check().is_ok() && !format!("{spec:?}").contains("hunter2"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceSpec {
    /// Its name, one of its kind in the Swarm.
    pub name: String,
    /// Its labels; [`ServiceSpec::new`] puts ours there.
    pub labels: BTreeMap<String, String>,
    /// The image to run.
    pub image: String,
    /// Replaces the image's entrypoint when it is not empty.
    pub entrypoint: Vec<String>,
    /// Replaces the image's command when it is not empty.
    pub cmd: Vec<String>,
    /// `NAME=value` each.
    pub env: Secrets,
    /// Labels of its containers; [`ServiceSpec::new`] puts ours there.
    pub container_labels: BTreeMap<String, String>,
    /// Where the main process starts; empty is the image's.
    pub working_dir: String,
    /// Who it runs as; empty is the image's.
    pub user: String,
    /// The name that it knows itself by; may hold the Swarm's templates.
    pub hostname: String,
    /// Whether it gets a terminal.
    pub tty: bool,
    /// Whether its file system cannot be written.
    pub read_only: bool,
    /// Whether an init process reaps children and passes signals on; `None` is the node's own setting.
    pub init: Option<bool>,
    /// How long it may take to end. The engine's default: 10 s.
    pub stop_grace: Option<Duration>,
    /// Mounts.
    pub mounts: Vec<ServiceMount>,
    /// Secrets, as files.
    pub secrets: Vec<FileReference>,
    /// Configs, as files.
    pub configs: Vec<FileReference>,
    /// What a task may use.
    pub resources: TaskResources,
    /// When a task is replaced; `None` is as the engine has it.
    pub restart: Option<TaskRestart>,
    /// On which nodes it may run, such as `node.role==worker`.
    pub constraints: Vec<String>,
    /// The networks that its tasks are on.
    pub networks: Vec<ServiceNetwork>,
    /// How many tasks it has. Default: one.
    pub mode: ReplicaMode,
    /// How an update is done; `None` is as the engine has it.
    pub update: Option<Rollout>,
    /// How an update is taken back; `None` is as the engine has it.
    pub rollback: Option<Rollout>,
    /// The ports that it publishes.
    pub ports: Vec<PublishedPort>,
    /// A higher number than before replaces all tasks, though nothing else has changed.
    pub force_update: u64,
}

impl ServiceSpec {
    /// One task of `image`, with the labels that mark service and containers as ours.
    pub fn new(name: impl Into<String>, image: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            image: image.into(),
            labels: labels::ours(),
            container_labels: labels::ours(),
            ..Self::default()
        }
    }

    /// Sets how many tasks it has.
    #[must_use]
    pub fn replicas(mut self, replicas: u64) -> Self {
        self.mode = ReplicaMode::Replicated { replicas };
        self
    }

    /// Sets its command.
    #[must_use]
    pub fn cmd<S: Into<String>>(mut self, argv: impl IntoIterator<Item = S>) -> Self {
        self.cmd = argv.into_iter().map(Into::into).collect();
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.env.0.push(format!("{key}={value}"));
        self
    }

    /// Adds a label to the service.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Publishes a TCP port on every node; `published` `None` lets the Swarm choose one.
    #[must_use]
    pub fn port(mut self, target: u16, published: impl Into<Option<u16>>) -> Self {
        self.ports.push(PublishedPort {
            name: String::new(),
            protocol: "tcp".into(),
            target,
            published: published.into(),
            mode: PublishMode::Ingress,
        });
        self
    }

    /// Adds a network.
    #[must_use]
    pub fn network(mut self, network: impl Into<String>) -> Self {
        self.networks.push(ServiceNetwork {
            network: network.into(),
            aliases: Vec::new(),
        });
        self
    }

    /// Finds what an engine would refuse, before anything is sent.
    ///
    /// # Errors
    /// [`InvalidSpec`] says which field, and why.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        let bad = |text: String| Err(InvalidSpec::new(text));
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let name = &self.name;
        // A name is a label of the Swarm's own DNS.
        if name.len() > 63
            || !name.chars().all(inner)
            || !edge(name.chars().next())
            || !edge(name.chars().last())
        {
            return bad(format!(
                "name {name:?}: at most 63 of letters, digits, '_' and '-', the first and last a letter or a digit"
            ));
        }
        if self.image.is_empty() || self.image.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return bad(format!("image {:?} is no image reference", self.image));
        }
        let odd = |pair: &String| pair.starts_with('=') || pair.contains('\0');
        if let Some(position) = self.env.0.iter().position(odd) {
            return bad(format!(
                "environment variable {} has no name or holds a NUL",
                position + 1
            ));
        }
        if let Some(mount) = self.mounts.iter().find(|mount| mount.target.is_empty()) {
            return bad(format!("mounts: {:?} has no target", mount.source));
        }
        if self.ports.iter().any(|port| port.target == 0) {
            return bad("ports: there is no port 0".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_that_no_swarm_takes_names_its_field() {
        let base = ServiceSpec::new("web", "img");
        assert_eq!(base.check(), Ok(()));
        let text = |spec: &ServiceSpec| spec.check().unwrap_err().to_string();
        for name in ["", "../x", "a.b", "-a", "a_", &"a".repeat(64)] {
            assert!(text(&ServiceSpec::new(name, "img")).starts_with("name"), "{name}");
        }
        assert!(text(&ServiceSpec::new("web", "a b")).starts_with("image"));
        assert!(text(&base.clone().env("", "v")).contains("variable 1"));
        assert!(text(&base.clone().port(0, None)).starts_with("ports"));
        let mut mount = base;
        mount.mounts.push(ServiceMount {
            kind: "bind".into(),
            source: "/x".to_owned(),
            target: String::new(),
            read_only: false,
        });
        assert!(text(&mount).starts_with("mounts"));
    }
}
