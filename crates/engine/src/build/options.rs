//! What a build can be told, with the defaults, and how an engine is told it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use longshore_core::{ImageName, Platform};

use super::{SecretSource, SshAgent};
use crate::Upload;
use crate::path::PathQuery;

/// What a build is made from.
#[derive(Debug)]
pub struct BuildContext(pub(super) Kind);

#[derive(Debug)]
pub(super) enum Kind {
    Folder(PathBuf),
    Tar(Upload),
    Remote(String),
}

impl BuildContext {
    /// A folder, without what its `.dockerignore` names. It is read while it is sent.
    #[must_use]
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        Self(Kind::Folder(path.into()))
    }

    /// A tar (plain, gzip, bzip2 or xz) with a Dockerfile in it, sent as it is.
    #[must_use]
    pub fn tar(tar: impl Into<Upload>) -> Self {
        Self(Kind::Tar(tar.into()))
    }

    /// A git repository or a tar that the engine itself gets from an address. The address is logged by engines: put no
    /// secret into it.
    #[must_use]
    pub fn remote(address: impl Into<String>) -> Self {
        Self(Kind::Remote(address.into()))
    }
}

/// Where the Dockerfile is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dockerfile {
    /// In the context, at this path. Default: `Dockerfile`.
    Inside(String),
    /// In another folder of this machine.
    Outside(PathBuf),
    /// Nowhere but here.
    Text(String),
}

impl Default for Dockerfile {
    fn default() -> Self {
        Self::Inside("Dockerfile".to_owned())
    }
}

/// Which of an engine's builders builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Builder {
    /// The one that the engine prefers, which it says when it is pinged; the classic one where it says nothing.
    #[default]
    Preferred,
    /// The classic one: one step after the other. Windows has only this; newest engines call it deprecated.
    Classic,
    /// BuildKit: several steps at a time, and `RUN --mount`. The only one that takes secrets and SSH agents, and
    /// that has other outputs than an image.
    BuildKit,
}

/// A limit of the processes of a build: `nofile`, 1024, 2048.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildLimit {
    /// Its name, as `ulimit` has it.
    pub name: String,
    /// Where it begins to hold.
    pub soft: i64,
    /// As far as it can be raised.
    pub hard: i64,
}

/// How to build.
///
/// ```
/// use longshore_engine::{BuildImage, Builder};
/// let options = BuildImage::default().tag("me/app:1".parse().unwrap()).arg("VERSION", "1");
/// assert_eq!(options.builder, Builder::Preferred);
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct BuildImage {
    /// Names of the image. Default: none.
    pub tags: Vec<ImageName>,
    /// Where the Dockerfile is. Default: `Dockerfile` in the context.
    pub dockerfile: Dockerfile,
    /// Values of its `ARG`s. They are part of the call's address and of the image's history: no place for
    /// secrets, for which there is [`Self::secrets`].
    pub args: BTreeMap<String, String>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// The stage to build. Default: the last one.
    pub target: Option<String>,
    /// Images whose layers may be taken.
    pub cache_from: Vec<ImageName>,
    /// The network of `RUN`: `host`, `none`, or for the classic builder any. Default: the engine's.
    pub network: Option<String>,
    /// What to build for. Default: the engine's own.
    pub platform: Option<Platform>,
    /// Do all anew. Default: false.
    pub no_cache: bool,
    /// Look for newer base images. Default: false.
    pub pull: bool,
    /// Bytes of `/dev/shm`. Default: the engine's, 64 MiB.
    pub shm_size: Option<u64>,
    /// Limits of the processes.
    pub limits: Vec<BuildLimit>,
    /// Further names in `/etc/hosts`, each with its address.
    pub extra_hosts: Vec<(String, String)>,
    /// Registries whose credentials the classic builder gets, beside those that the Dockerfile of a folder names.
    /// BuildKit asks for those that it needs.
    pub registries: Vec<String>,
    /// What `RUN --mount=type=secret,id=…` reads, by the id. A step that asks for another one finds no file, and fails where
    /// it says `required`. They are in no layer, no history and no log. Only BuildKit takes them. Default: none.
    pub secrets: BTreeMap<String, SecretSource>,
    /// What `RUN --mount=type=ssh,id=…` may use, by the id; `default` for a mount without one. Only BuildKit takes them.
    /// Default: none.
    pub ssh_agents: BTreeMap<String, SshAgent>,
    /// Who builds. Default: whom the engine prefers.
    pub builder: Builder,
}

impl BuildImage {
    /// Adds a name.
    #[must_use]
    pub fn tag(mut self, name: ImageName) -> Self {
        self.tags.push(name);
        self
    }

    /// Sets [`Self::dockerfile`].
    #[must_use]
    pub fn dockerfile(mut self, dockerfile: Dockerfile) -> Self {
        self.dockerfile = dockerfile;
        self
    }

    /// Adds the value of an `ARG`.
    #[must_use]
    pub fn arg(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.args.insert(name.into(), value.into());
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.insert(name.into(), value.into());
        self
    }

    /// Sets [`Self::target`].
    #[must_use]
    pub fn target(mut self, stage: impl Into<String>) -> Self {
        self.target = Some(stage.into());
        self
    }

    /// Adds a secret, for `RUN --mount=type=secret,id=…`.
    ///
    /// ```
    /// use longshore_engine::{BuildImage, Builder, SecretSource};
    /// // RUN --mount=type=secret,id=token wget --header "Authorization: $(cat /run/secrets/token)" …
    /// let options = BuildImage::default()
    ///     .builder(Builder::BuildKit)
    ///     .secret("token", SecretSource::bytes("hunter2"))
    ///     .secret("netrc", SecretSource::file("/home/me/.netrc"));
    /// assert!(!format!("{options:?}").contains("hunter2"));
    /// ```
    #[must_use]
    pub fn secret(mut self, id: impl Into<String>, source: SecretSource) -> Self {
        self.secrets.insert(id.into(), source);
        self
    }

    /// Adds an SSH agent, for `RUN --mount=type=ssh,id=…`, and with the id `default` for a mount without one. When it goes
    /// away in the middle, the step loses its connection to it, and does with that what it does.
    ///
    /// ```
    /// use longshore_engine::{BuildImage, Builder, SshAgent};
    /// // RUN --mount=type=ssh git clone git@example.com:me/private.git
    /// let options = BuildImage::default()
    ///     .builder(Builder::BuildKit)
    ///     .ssh_agent("default", SshAgent::environment());
    /// ```
    #[must_use]
    pub fn ssh_agent(mut self, id: impl Into<String>, agent: SshAgent) -> Self {
        self.ssh_agents.insert(id.into(), agent);
        self
    }

    /// A build without a session would not be the one that is asked for. (Credentials may turn out not to be needed.)
    pub(super) fn needs_session(&self) -> bool {
        !self.secrets.is_empty() || !self.ssh_agents.is_empty()
    }

    /// Sets [`Self::builder`].
    #[must_use]
    pub fn builder(mut self, builder: Builder) -> Self {
        self.builder = builder;
        self
    }
}

/// The values of arguments are covered: people put secrets there all the same.
impl fmt::Debug for BuildImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildImage")
            .field("tags", &self.tags)
            .field("dockerfile", &self.dockerfile)
            .field("args", &self.args.keys())
            .field("target", &self.target)
            .field("platform", &self.platform)
            .field("secrets", &self.secrets)
            .field("ssh_agents", &self.ssh_agents)
            .field("builder", &self.builder)
            .finish_non_exhaustive()
    }
}

/// The call's path.
pub(super) fn path(
    options: &BuildImage,
    buildkit: bool,
    is_output: bool,
    dockerfile: &str,
    remote: Option<&str>,
) -> PathQuery {
    let json = |value: serde_json::Value| value.to_string();
    let platform = options.platform.as_ref().map(ToString::to_string);
    let mut path = PathQuery::new("/build")
        .query("version", if buildkit { "2" } else { "1" })
        .query("dockerfile", dockerfile)
        .query_opt("remote", remote)
        .query_opt("target", options.target.as_deref())
        .query_opt("networkmode", options.network.as_deref())
        .query_opt("platform", platform.as_deref())
        .flag("nocache", options.no_cache)
        .flag("pull", options.pull)
        // What the command line asks for too: intermediate containers go, whatever comes.
        .query("rm", "1")
        .query("forcerm", "1");
    if is_output {
        path = path.query("outputs", r#"[{"Type":"tar"}]"#);
    }
    for tag in &options.tags {
        path = path.query("t", &tag.clone().or_latest().to_string());
    }
    for (name, address) in &options.extra_hosts {
        path = path.query("extrahosts", &format!("{name}:{address}"));
    }
    if !options.args.is_empty() {
        path = path.query("buildargs", &json(serde_json::json!(options.args)));
    }
    if !options.labels.is_empty() {
        path = path.query("labels", &json(serde_json::json!(options.labels)));
    }
    if !options.cache_from.is_empty() {
        let names: Vec<_> = options.cache_from.iter().map(ToString::to_string).collect();
        path = path.query("cachefrom", &json(serde_json::json!(names)));
    }
    if !options.limits.is_empty() {
        let limit =
            |one: &BuildLimit| serde_json::json!({"Name": one.name, "Soft": one.soft, "Hard": one.hard});
        path = path.query("ulimits", &json(options.limits.iter().map(limit).collect()));
    }
    match options.shm_size {
        Some(bytes) => path.query("shmsize", &bytes.to_string()),
        None => path,
    }
}
