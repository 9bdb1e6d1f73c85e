//! What a container is to be, before it is.

use std::{collections::BTreeMap, fmt};

use crate::{ObjectRef, Secrets, labels};

/// What the engine does when a container's main process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RestartPolicy {
    /// Nothing.
    #[default]
    No,
    /// Start it again, also after the engine was restarted.
    Always,
    /// Start it again unless it was stopped by hand.
    UnlessStopped,
    /// Start it again after a failure.
    OnFailure {
        /// At most so often; `None` is without limit.
        max_retries: Option<u32>,
    },
}

impl RestartPolicy {
    /// The engine's word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Always => "always",
            Self::UnlessStopped => "unless-stopped",
            Self::OnFailure { .. } => "on-failure",
        }
    }
}

/// A port to publish.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PortBinding {
    /// The port in the container.
    pub container: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: Box<str>,
    /// The host's address; empty is every address.
    pub host_ip: Box<str>,
    /// The host's port; `None` lets the engine choose.
    pub host: Option<u16>,
}

/// A spec that no engine would take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidSpec(Box<str>);

impl InvalidSpec {
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

/// A container to create. Public fields, chained methods for the common ones; only the image is required.
///
/// ```
/// use longshore_core::ContainerSpec;
/// let spec = ContainerSpec::new("nginx:1").name("web").label("app", "shop").cmd(["nginx", "-g", "daemon off;"]);
/// assert_eq!(spec.labels["io.longshore.managed"], "true");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ContainerSpec {
    /// The image to run.
    pub image: String,
    /// A name; `None` lets the engine invent one.
    pub name: Option<String>,
    /// Replaces the image's entrypoint when there is one.
    pub entrypoint: Option<Vec<String>>,
    /// Replaces the image's command when there is one.
    pub cmd: Option<Vec<String>>,
    /// `NAME=value` each.
    pub env: Secrets,
    /// Labels; [`ContainerSpec::new`] puts ours there.
    pub labels: BTreeMap<String, String>,
    /// Where the main process starts.
    pub working_dir: Option<String>,
    /// Who it runs as.
    pub user: Option<String>,
    /// Whether it gets a terminal.
    pub tty: bool,
    /// Whether its stdin stays open.
    pub open_stdin: bool,
    /// Whether an init process reaps children and passes signals on.
    pub init: bool,
    /// Whether the engine removes it when it ends.
    pub auto_remove: bool,
    /// What happens when it ends.
    pub restart_policy: RestartPolicy,
    /// Bytes; `None` for no limit.
    pub memory: Option<u64>,
    /// Billionths of a processor; `None` for no limit.
    pub nano_cpus: Option<u64>,
    /// `none`, `host`, `bridge` or a network's name; `None` is the engine's default.
    pub network: Option<String>,
    /// Ports to publish.
    pub ports: Vec<PortBinding>,
    /// Signal that asks it to end; `None` is the image's, else SIGTERM.
    pub stop_signal: Option<String>,
    /// A command that tells its health, run by its shell; `None` is the image's.
    pub health_cmd: Option<String>,
    /// Milliseconds between two runs of `health_cmd`; `None` is the engine's 30 s.
    pub health_interval_ms: Option<u64>,
}

impl ContainerSpec {
    /// A container of `image`, with the labels that mark it as ours.
    pub fn new(image: impl Into<String>) -> Self {
        let labels = BTreeMap::from([
            (labels::MANAGED.to_owned(), "true".to_owned()),
            (labels::SCHEMA.to_owned(), labels::SCHEMA_VERSION.to_owned()),
        ]);
        Self {
            image: image.into(),
            labels,
            ..Self::default()
        }
    }

    /// Sets its name.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets its command.
    #[must_use]
    pub fn cmd<S: Into<String>>(mut self, argv: impl IntoIterator<Item = S>) -> Self {
        self.cmd = Some(argv.into_iter().map(Into::into).collect());
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(key.into(), value.into());
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.env.0.push(format!("{key}={value}"));
        self
    }

    /// Publishes a TCP port; `host` `None` lets the engine choose one.
    #[must_use]
    pub fn port(mut self, container: u16, host: Option<u16>) -> Self {
        self.ports.push(PortBinding {
            container,
            protocol: "tcp".into(),
            host_ip: "".into(),
            host,
        });
        self
    }

    /// Finds what an engine would refuse, before anything is sent.
    ///
    /// # Errors
    /// [`InvalidSpec`] says which field, and why.
    pub fn check(&self) -> Result<(), InvalidSpec> {
        let bad = |text: String| Err(InvalidSpec(text.into()));
        if self.image.is_empty() || self.image.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return bad(format!("image {:?} is no image reference", self.image));
        }
        if let Some(name) = &self.name
            && (name.len() < 2 || ObjectRef::new(name).is_err())
        {
            return bad(format!(
                "name {name:?}: at least two of letters, digits, '_', '.' and '-', the first a letter or a digit"
            ));
        }
        if let Some(position) = self
            .env
            .0
            .iter()
            .position(|pair| pair.starts_with('=') || pair.contains('\0'))
        {
            return bad(format!(
                "environment variable {} has no name or holds a NUL",
                position + 1
            ));
        }
        if self.memory.is_some_and(|bytes| bytes < 6 * 1024 * 1024) {
            return bad("memory: engines take no limit below 6 MiB".to_owned());
        }
        if self.auto_remove && self.restart_policy != RestartPolicy::No {
            return bad("auto_remove and a restart policy exclude each other".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_would_refuse_is_found_before() {
        let base = ContainerSpec::new("img");
        assert_eq!(base.check(), Ok(()));
        let text = |spec: ContainerSpec| spec.check().unwrap_err().to_string();
        assert!(text(ContainerSpec::new("")).contains("image"));
        assert!(text(ContainerSpec::new("a b")).contains("image"));
        assert!(text(base.clone().name("../x")).contains("name"));
        assert!(text(base.clone().env("", "v")).contains("variable 1"));
        assert!(
            text(ContainerSpec {
                memory: Some(1),
                ..base.clone()
            })
            .contains("6 MiB")
        );
        let both = ContainerSpec {
            auto_remove: true,
            restart_policy: RestartPolicy::Always,
            ..base
        };
        assert!(text(both).contains("exclude"));
    }

    #[test]
    fn a_secret_in_the_environment_is_not_in_debug_or_errors() {
        let spec = ContainerSpec::new("img").env("TOKEN", "hunter2\0");
        assert!(!format!("{spec:?}").contains("hunter2"));
        assert!(!spec.check().unwrap_err().to_string().contains("hunter2"));
    }
}
