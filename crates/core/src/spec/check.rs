//! What an engine would refuse of a spec, found before anything is sent. Each error names its field first. Mounts and
//! health checks are `check_parts`', limits and devices `check_resources`'.
//!
//! It refuses what no engine takes, and what engines take without a word and then do not do. What only some refuse is
//! left to them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::check_resources::{bytes, devices, limits};
use super::text::{argv, bad, line, path, shown, word};
use super::{ContainerSpec, InvalidSpec, RestartPolicy};
use crate::ObjectRef;

type Check = Result<(), InvalidSpec>;

impl ContainerSpec {
    /// Finds what an engine would refuse, before anything is sent.
    ///
    /// # Errors
    /// [`InvalidSpec`] says which field, and why. It never repeats a value of the environment or of a driver's options.
    pub fn check(&self) -> Check {
        word("image", &self.image)?;
        if let Some(platform) = &self.platform {
            word("platform", platform)?;
        }
        if let Some(name) = &self.name
            && (name.len() < 2 || ObjectRef::new(name).is_err())
        {
            let rule = "at least two of letters, digits, '_', '.' and '-', the first a letter or a digit";
            return bad("name", format!("{}: {rule}", shown(name)));
        }
        if self.labels.keys().any(String::is_empty) {
            return bad("labels", "one has no name");
        }
        if self.annotations.keys().any(String::is_empty) {
            return bad("annotations", "one has no name");
        }
        self.check_process()?;
        self.check_life()?;
        self.check_network()?;
        self.check_mounts()?;
        limits(&self.resources, false)?;
        devices(&self.resources)?;
        self.check_isolation()
    }

    fn check_process(&self) -> Check {
        argv("entrypoint", self.entrypoint.as_deref().unwrap_or_default())?;
        argv("cmd", self.cmd.as_deref().unwrap_or_default())?;
        if let Some(dir) = &self.working_dir
            && dir != "/"
        {
            path("working_dir", dir)?;
        }
        let odd = |pair: &String| pair.is_empty() || pair.starts_with('=') || pair.contains('\0');
        if let Some(position) = self.env.0.iter().position(odd) {
            let why = format!("variable {} has no name or holds a NUL", position + 1);
            return bad("env", why);
        }
        if let Some(user) = &self.user {
            word("user", user)?;
        }
        self.groups.iter().try_for_each(|group| word("groups", group))?;
        if self.stdin_once && !self.open_stdin {
            return bad("stdin_once", "there is no stdin: set open_stdin too");
        }
        if let Some(signal) = &self.stop_signal {
            let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-');
            if signal.is_empty() || !signal.chars().all(known) {
                return bad("stop_signal", format!("{} is no signal", shown(signal)));
            }
        }
        if self
            .stop_timeout
            .is_some_and(|seconds| i32::try_from(seconds).is_err())
        {
            return bad("stop_timeout", "more seconds than an engine can count");
        }
        Ok(())
    }

    fn check_life(&self) -> Check {
        if let Some(health) = &self.health {
            health.check()?;
        }
        if self.auto_remove && self.restart_policy != RestartPolicy::No {
            return bad("auto_remove", "it and a restart policy exclude each other");
        }
        if let RestartPolicy::OnFailure {
            max_retries: Some(times),
        } = self.restart_policy
            && i32::try_from(times).is_err()
        {
            return bad("restart_policy", "more retries than an engine can count");
        }
        if let Some(log) = &self.log {
            word("log", &log.driver)?;
            if log.options.keys().any(String::is_empty) {
                return bad("log", "an option has no name");
            }
        }
        Ok(())
    }

    fn check_network(&self) -> Check {
        if self.ports.iter().any(|port| port.container == 0) || self.exposed.iter().any(|port| port.port == 0)
        {
            return bad("ports", "no container has a port 0");
        }
        let mut taken = BTreeSet::new();
        for port in &self.ports {
            match port.host {
                Some(0) => {
                    return bad(
                        "ports",
                        "0 is no port of a host: leave it open to let the engine choose",
                    );
                }
                Some(host) if !taken.insert((host, port.protocol, port.host_ip)) => {
                    let why = format!("{host}/{} of the host is published twice", port.protocol);
                    return bad("ports", why);
                }
                _ => {}
            }
        }
        if let Some(mode) = &self.network_mode {
            word("network_mode", mode)?;
            let alone = matches!(mode.as_str(), "none" | "host") || mode.starts_with("container:");
            if alone && !self.networks.is_empty() {
                return bad("network_mode", format!("with {mode} there are no other networks"));
            }
        }
        let mut names = BTreeSet::new();
        for one in &self.networks {
            word("networks", &one.network)?;
            if !names.insert(&one.network) {
                return bad("networks", format!("{} stands there twice", shown(&one.network)));
            }
            one.endpoint.check()?;
        }
        if let Some(name) = &self.hostname {
            word("hostname", name)?;
            // The kernel's limit.
            if name.len() > 64 {
                return bad("hostname", "it has more than 64 bytes");
            }
        }
        if let Some(name) = &self.domainname {
            word("domainname", name)?;
        }
        for (name, address) in &self.extra_hosts {
            word("extra_hosts", name)?;
            if name.contains(':') || !(address == "host-gateway" || address.parse::<IpAddr>().is_ok()) {
                let why = format!("{} is no address, nor host-gateway", shown(address));
                return bad("extra_hosts", why);
            }
        }
        self.dns_search
            .iter()
            .try_for_each(|domain| word("dns_search", domain))?;
        self.dns_options
            .iter()
            .try_for_each(|option| word("dns_options", option))
    }

    fn check_mounts(&self) -> Check {
        let mut targets = BTreeSet::new();
        for mount in &self.mounts {
            mount.check()?;
            let target = mount.target.trim_end_matches('/');
            if !targets.insert(target) {
                return bad("mounts", format!("two are at {}", shown(target)));
            }
        }
        for from in &self.volumes_from {
            let (name, mode) = from.split_once(':').unwrap_or((from, "rw"));
            if ObjectRef::new(name).is_err() || !matches!(mode, "ro" | "rw" | "z" | "Z") {
                return bad("volumes_from", format!("{} is no container", shown(from)));
            }
        }
        match self
            .shm_size
            .as_ref()
            .map(|size| bytes("shm_size", size))
            .transpose()?
        {
            Some(0) => bad("shm_size", "0 is no size"),
            _ => Ok(()),
        }
    }

    fn check_isolation(&self) -> Check {
        let isolation = &self.isolation;
        let capabilities = isolation.cap_add.iter().map(|name| ("cap_add", name));
        for (field, name) in capabilities.chain(isolation.cap_drop.iter().map(|name| ("cap_drop", name))) {
            word(field, name)?;
        }
        isolation
            .security_opts
            .iter()
            .try_for_each(|option| line("security_opts", option))?;
        for (key, value) in &isolation.sysctls {
            word("sysctls", key)?;
            line("sysctls", value)?;
        }
        let modes = [
            ("ipc_mode", &isolation.ipc_mode),
            ("pid_mode", &isolation.pid_mode),
            ("uts_mode", &isolation.uts_mode),
            ("userns_mode", &isolation.userns_mode),
            ("cgroupns_mode", &isolation.cgroupns_mode),
            ("cgroup_parent", &isolation.cgroup_parent),
            ("runtime", &isolation.runtime),
        ];
        for (field, mode) in modes {
            mode.as_deref().map_or(Ok(()), |mode| word(field, mode))?;
        }
        if isolation
            .oom_score_adj
            .is_some_and(|score| !(-1000..=1000).contains(&score))
        {
            return bad("oom_score_adj", "it goes from -1000 to 1000");
        }
        Ok(())
    }
}
