//! What a container may use: memory, processors, processes, devices. Most of it can be changed while it runs
//! ([`UpdateSpec`](super::UpdateSpec)).

use std::collections::BTreeMap;

use super::ContainerSpec;
use crate::Size;

/// Limits and devices. What is left open is not limited.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resources {
    /// Memory at most. Engines take none below 6 MiB.
    pub memory: Option<Size>,
    /// Memory that it is pressed down to when the host is short of it.
    pub memory_reservation: Option<Size>,
    /// Memory and swap together; needs `memory`. Default: the engine's, twice the memory.
    pub memory_swap: Option<Swap>,
    /// From 0 to 100: how readily its memory is swapped. Only where the host has cgroups version 1.
    pub memory_swappiness: Option<u8>,
    /// Billionths of a processor.
    pub nano_cpus: Option<u64>,
    /// Weight against others when processors are short; the engine's is 1024.
    pub cpu_shares: Option<u64>,
    /// Microseconds of processor time in each period. Not together with `nano_cpus`.
    pub cpu_quota: Option<u64>,
    /// The period in microseconds. Default: the kernel's 100,000.
    pub cpu_period: Option<u64>,
    /// The processors that it may run on: `0-2,7`.
    pub cpuset_cpus: Option<String>,
    /// The memory nodes that it may use: `0,1`.
    pub cpuset_mems: Option<String>,
    /// Processes and threads at most.
    pub pids_limit: Option<u32>,
    /// Weight of its block I/O against others, from 10 to 1000.
    pub blkio_weight: Option<u16>,
    /// Limits of each process.
    pub ulimits: Vec<Ulimit>,
    /// Devices of the host.
    pub devices: Vec<Device>,
    /// Rules for devices that are not there yet, such as `c 13:* rwm`. Needs API 1.28.
    pub device_cgroup_rules: Vec<String>,
    /// Devices that a driver picks, GPUs above all. Needs API 1.40.
    pub device_requests: Vec<DeviceRequest>,
    /// Whether the kernel may not kill it for want of memory. Only where the host has cgroups version 1.
    pub oom_kill_disable: bool,
}

/// Memory and swap together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swap {
    /// As much swap as the host has.
    Unlimited,
    /// So much of both.
    Total(Size),
}

/// A limit of each process of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ulimit {
    /// Its name: `nofile`, `nproc`, `core`, …
    pub name: String,
    /// Until here it may be raised; -1 is no limit.
    pub soft: i64,
    /// Until here it may ever be raised; -1 is no limit.
    pub hard: i64,
}

/// A device of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its path on the host.
    pub host: String,
    /// Its path in the container.
    pub container: String,
    /// Of `r`, `w` and `m` (make) those that are allowed.
    pub permissions: String,
}

/// Devices that a driver picks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRequest {
    /// The driver, such as `nvidia` or `cdi`; empty lets the engine find one.
    pub driver: String,
    /// How many, or which.
    pub devices: DeviceCount,
    /// What they must be able to do: one of the lists must fit whole.
    pub capabilities: Vec<Vec<String>>,
    /// Words for the driver.
    pub options: BTreeMap<String, String>,
}

/// How many devices, or which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceCount {
    /// All there are.
    All,
    /// So many of them.
    Count(u32),
    /// These, by the driver's ids.
    Ids(Vec<String>),
}

impl DeviceRequest {
    /// GPUs, with whatever driver there is for them.
    pub fn gpus(devices: DeviceCount) -> Self {
        Self {
            driver: String::new(),
            devices,
            capabilities: vec![vec!["gpu".to_owned()]],
            options: BTreeMap::new(),
        }
    }
}

impl From<u32> for DeviceCount {
    fn from(count: u32) -> Self {
        Self::Count(count)
    }
}

/// Processors as billionths; what is no number of processors becomes 0, which no check lets pass.
fn billionths(cpus: f64) -> u64 {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float that does not fit becomes the nearest that does, or 0"
    )]
    let nano = (cpus * 1e9).round() as u64;
    nano
}

impl Resources {
    /// Sets [`Self::memory`], such as `"512m"` or a number of bytes.
    #[must_use]
    pub fn memory(mut self, limit: impl Into<Size>) -> Self {
        self.memory = Some(limit.into());
        self
    }

    /// Sets [`Self::nano_cpus`] from a number of processors, such as 1.5.
    #[must_use]
    pub fn cpus(mut self, cpus: f64) -> Self {
        self.nano_cpus = Some(billionths(cpus));
        self
    }

    /// Sets [`Self::pids_limit`].
    #[must_use]
    pub fn pids_limit(mut self, most: u32) -> Self {
        self.pids_limit = Some(most);
        self
    }
}

impl ContainerSpec {
    /// Limits its memory, such as to `"512m"` or a number of bytes.
    ///
    /// Text that is no size is found by [`Self::check`], which runs before anything is sent.
    #[must_use]
    pub fn memory_limit(mut self, limit: impl Into<Size>) -> Self {
        self.resources.memory = Some(limit.into());
        self
    }

    /// Sets [`Resources::memory_reservation`].
    #[must_use]
    pub fn memory_reservation(mut self, size: impl Into<Size>) -> Self {
        self.resources.memory_reservation = Some(size.into());
        self
    }

    /// Limits memory and swap together.
    #[must_use]
    pub fn memory_swap(mut self, total: impl Into<Size>) -> Self {
        self.resources.memory_swap = Some(Swap::Total(total.into()));
        self
    }

    /// Limits its processors, such as to 1.5.
    #[must_use]
    pub fn cpus(mut self, cpus: f64) -> Self {
        self.resources.nano_cpus = Some(billionths(cpus));
        self
    }

    /// Sets [`Resources::cpu_shares`].
    #[must_use]
    pub fn cpu_shares(mut self, weight: u64) -> Self {
        self.resources.cpu_shares = Some(weight);
        self
    }

    /// Sets [`Resources::cpuset_cpus`].
    #[must_use]
    pub fn cpuset(mut self, cpus: impl Into<String>) -> Self {
        self.resources.cpuset_cpus = Some(cpus.into());
        self
    }

    /// Sets [`Resources::pids_limit`].
    #[must_use]
    pub fn pids_limit(mut self, most: u32) -> Self {
        self.resources.pids_limit = Some(most);
        self
    }

    /// Adds a limit of each process: from `soft`, up to `hard`; -1 is none.
    #[must_use]
    pub fn ulimit(mut self, name: impl Into<String>, soft: i64, hard: i64) -> Self {
        self.resources.ulimits.push(Ulimit {
            name: name.into(),
            soft,
            hard,
        });
        self
    }

    /// Gives it a device of the host, under the same path, to read, write and make.
    #[must_use]
    pub fn device(mut self, path: impl Into<String>) -> Self {
        let host = path.into();
        self.resources.devices.push(Device {
            container: host.clone(),
            host,
            permissions: "rwm".to_owned(),
        });
        self
    }

    /// Adds one of [`Resources::device_cgroup_rules`].
    #[must_use]
    pub fn device_cgroup_rule(mut self, rule: impl Into<String>) -> Self {
        self.resources.device_cgroup_rules.push(rule.into());
        self
    }

    /// Gives it GPUs: [`DeviceCount::All`], a number, or ids. Needs API 1.40.
    #[must_use]
    pub fn gpus(mut self, which: impl Into<DeviceCount>) -> Self {
        self.resources
            .device_requests
            .push(DeviceRequest::gpus(which.into()));
        self
    }
}
