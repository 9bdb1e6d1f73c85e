//! What a container may do, and what it shares with its host.

use std::collections::BTreeMap;

use super::ContainerSpec;

/// What a container may do, and what it shares with its host. The default is the engine's own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Isolation {
    /// Whether it may do everything that the host's root may.
    pub privileged: bool,
    /// Capabilities beyond the engine's set, such as `NET_ADMIN` or `ALL`.
    pub cap_add: Vec<String>,
    /// Capabilities that it does not get.
    pub cap_drop: Vec<String>,
    /// Such as `no-new-privileges`, `seccomp=unconfined`, `apparmor=profile`, `label=disable`.
    pub security_opts: Vec<String>,
    /// Kernel parameters of its own namespaces.
    pub sysctls: BTreeMap<String, String>,
    /// Shared memory with others: `none`, `private`, `shareable`, `host`, `container:` and a name.
    pub ipc_mode: Option<String>,
    /// Processes that it sees: `host`, `container:` and a name.
    pub pid_mode: Option<String>,
    /// `host`: it has the host's own name.
    pub uts_mode: Option<String>,
    /// `host`: its users are the host's, where the engine maps others.
    pub userns_mode: Option<String>,
    /// `private` or `host`. Needs API 1.41.
    pub cgroupns_mode: Option<String>,
    /// The cgroup that its own is made in.
    pub cgroup_parent: Option<String>,
    /// From -1000 (never) to 1000 (first): how readily the kernel kills it for want of memory.
    pub oom_score_adj: Option<i16>,
    /// The runtime below the engine, such as `runsc`. Default: the engine's.
    pub runtime: Option<String>,
}

impl ContainerSpec {
    /// Sets [`Isolation::privileged`].
    #[must_use]
    pub fn privileged(mut self, privileged: bool) -> Self {
        self.isolation.privileged = privileged;
        self
    }

    /// Adds a capability.
    #[must_use]
    pub fn cap_add(mut self, capability: impl Into<String>) -> Self {
        self.isolation.cap_add.push(capability.into());
        self
    }

    /// Drops a capability.
    #[must_use]
    pub fn cap_drop(mut self, capability: impl Into<String>) -> Self {
        self.isolation.cap_drop.push(capability.into());
        self
    }

    /// Adds one of [`Isolation::security_opts`].
    #[must_use]
    pub fn security_opt(mut self, option: impl Into<String>) -> Self {
        self.isolation.security_opts.push(option.into());
        self
    }

    /// Sets a kernel parameter of its own namespaces.
    #[must_use]
    pub fn sysctl(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.isolation.sysctls.insert(key.into(), value.into());
        self
    }

    /// Sets [`Isolation::ipc_mode`].
    #[must_use]
    pub fn ipc_mode(mut self, mode: impl Into<String>) -> Self {
        self.isolation.ipc_mode = Some(mode.into());
        self
    }

    /// Sets [`Isolation::pid_mode`].
    #[must_use]
    pub fn pid_mode(mut self, mode: impl Into<String>) -> Self {
        self.isolation.pid_mode = Some(mode.into());
        self
    }

    /// Sets [`Isolation::userns_mode`].
    #[must_use]
    pub fn userns_mode(mut self, mode: impl Into<String>) -> Self {
        self.isolation.userns_mode = Some(mode.into());
        self
    }

    /// Sets [`Isolation::cgroupns_mode`].
    #[must_use]
    pub fn cgroupns_mode(mut self, mode: impl Into<String>) -> Self {
        self.isolation.cgroupns_mode = Some(mode.into());
        self
    }

    /// Sets [`Isolation::oom_score_adj`].
    #[must_use]
    pub fn oom_score_adj(mut self, score: i16) -> Self {
        self.isolation.oom_score_adj = Some(score);
        self
    }

    /// Sets [`Isolation::runtime`].
    #[must_use]
    pub fn runtime(mut self, runtime: impl Into<String>) -> Self {
        self.isolation.runtime = Some(runtime.into());
        self
    }
}
