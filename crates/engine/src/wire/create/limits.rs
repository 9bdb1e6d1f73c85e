//! Limits and devices, as create and update have them.

use std::collections::BTreeMap;

use longshore_core::{Device, DeviceCount, DeviceRequest, Resources, Size, Swap, Ulimit, UpdateSpec};
use serde::Serialize;

use super::host::Restart;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Limits<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_reservation: Option<u64>,
    /// -1 is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_swap: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_swappiness: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nano_cpus: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_shares: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_quota: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_period: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpuset_cpus: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpuset_mems: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pids_limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blkio_weight: Option<u16>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ulimits: Vec<Limit<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    devices: Vec<DeviceMapping<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    device_cgroup_rules: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    device_requests: Vec<Request<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    oom_kill_disable: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Limit<'a> {
    name: &'a str,
    soft: i64,
    hard: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DeviceMapping<'a> {
    path_on_host: &'a str,
    path_in_container: &'a str,
    cgroup_permissions: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    driver: &'a str,
    /// -1 is all of them; 0 stands beside ids.
    count: i64,
    #[serde(rename = "DeviceIDs", skip_serializing_if = "<[_]>::is_empty")]
    device_ids: &'a [String],
    capabilities: &'a [Vec<String>],
    options: &'a BTreeMap<String, String>,
}

/// An update request: what is left out stays as it is.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Update<'a> {
    #[serde(flatten)]
    limits: Limits<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    restart_policy: Option<Restart>,
}

impl<'a> Update<'a> {
    pub(crate) fn new(spec: &'a UpdateSpec) -> Self {
        Self {
            limits: Limits::new(&spec.resources),
            restart_policy: spec.restart_policy.map(Restart::from),
        }
    }
}

impl<'a> Limits<'a> {
    pub(super) fn new(limits: &'a Resources) -> Self {
        // The check has found what is no size.
        let bytes = |size: &Option<Size>| size.as_ref().and_then(|size| size.bytes().ok());
        Self {
            memory: bytes(&limits.memory),
            memory_reservation: bytes(&limits.memory_reservation),
            memory_swap: limits.memory_swap.as_ref().and_then(|swap| match swap {
                Swap::Unlimited => Some(-1),
                Swap::Total(size) => i64::try_from(size.bytes().ok()?).ok(),
            }),
            memory_swappiness: limits.memory_swappiness,
            nano_cpus: limits.nano_cpus,
            cpu_shares: limits.cpu_shares,
            cpu_quota: limits.cpu_quota,
            cpu_period: limits.cpu_period,
            cpuset_cpus: limits.cpuset_cpus.as_deref(),
            cpuset_mems: limits.cpuset_mems.as_deref(),
            pids_limit: limits.pids_limit,
            blkio_weight: limits.blkio_weight,
            ulimits: limits.ulimits.iter().map(Limit::new).collect(),
            devices: limits.devices.iter().map(DeviceMapping::new).collect(),
            device_cgroup_rules: &limits.device_cgroup_rules,
            device_requests: limits.device_requests.iter().map(Request::new).collect(),
            oom_kill_disable: limits.oom_kill_disable,
        }
    }
}

impl<'a> Limit<'a> {
    fn new(limit: &'a Ulimit) -> Self {
        Self {
            name: &limit.name,
            soft: limit.soft,
            hard: limit.hard,
        }
    }
}

impl<'a> DeviceMapping<'a> {
    fn new(device: &'a Device) -> Self {
        Self {
            path_on_host: &device.host,
            path_in_container: &device.container,
            cgroup_permissions: &device.permissions,
        }
    }
}

impl<'a> Request<'a> {
    fn new(request: &'a DeviceRequest) -> Self {
        let (count, device_ids) = match &request.devices {
            DeviceCount::All => (-1, &[][..]),
            DeviceCount::Count(count) => (i64::from(*count), &[][..]),
            DeviceCount::Ids(ids) => (0, ids.as_slice()),
        };
        Self {
            driver: &request.driver,
            count,
            device_ids,
            capabilities: &request.capabilities,
            options: &request.options,
        }
    }
}
