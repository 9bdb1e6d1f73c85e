//! What an engine would refuse of limits and devices.

use super::text::{bad, path, ranges, shown, word};
use super::{Device, DeviceCount, DeviceRequest, InvalidSpec, Resources, Swap, Ulimit};
use crate::Size;

type Check = Result<(), InvalidSpec>;

/// Engines take no memory limit below this.
const LEAST_MEMORY: u64 = 6 * 1024 * 1024;
/// The kernel's own bounds of a period of its scheduler, in microseconds.
const CPU_PERIOD: std::ops::RangeInclusive<u64> = 1_000..=1_000_000;
/// What engines know by name.
const ULIMITS: [&str; 16] = [
    "as",
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

pub(super) fn bytes(field: &str, size: &Size) -> Result<u64, InvalidSpec> {
    size.bytes()
        .map_err(|error| InvalidSpec::new(format!("{field}: {error}")))
}

/// The limits that can be changed later. An update may give one of a pair of which the other is there already.
pub(super) fn limits(limits: &Resources, update: bool) -> Check {
    let memory = match &limits.memory {
        None => None,
        Some(size) => Some(bytes("memory", size)?),
    };
    if memory.is_some_and(|bytes| bytes < LEAST_MEMORY) {
        return bad("memory", "engines take no limit below 6 MiB");
    }
    if let Some(size) = &limits.memory_reservation {
        let reserved = bytes("memory_reservation", size)?;
        if reserved < LEAST_MEMORY || memory.is_some_and(|memory| reserved > memory) {
            return bad(
                "memory_reservation",
                "it is below 6 MiB or above the memory limit",
            );
        }
    }
    match &limits.memory_swap {
        Some(_) if memory.is_none() && !update => {
            return bad("memory_swap", "it needs a memory limit");
        }
        Some(Swap::Total(size)) => {
            let total = bytes("memory_swap", size)?;
            if total < memory.unwrap_or(LEAST_MEMORY) {
                return bad("memory_swap", "memory and swap together are less than the memory");
            }
        }
        _ => {}
    }
    if limits.memory_swappiness.is_some_and(|readily| readily > 100) {
        return bad("memory_swappiness", "it goes from 0 to 100");
    }
    if limits
        .nano_cpus
        .is_some_and(|nano| nano == 0 || i64::try_from(nano).is_err())
    {
        return bad("cpus", "not a number of processors above zero");
    }
    if limits.nano_cpus.is_some() && (limits.cpu_quota.is_some() || limits.cpu_period.is_some()) {
        return bad("cpu_quota", "it and a number of processors exclude each other");
    }
    if limits
        .cpu_period
        .is_some_and(|period| !CPU_PERIOD.contains(&period))
    {
        return bad("cpu_period", "it goes from 1,000 to 1,000,000 microseconds");
    }
    if limits
        .cpu_quota
        .is_some_and(|quota| quota < 1_000 || i64::try_from(quota).is_err())
    {
        return bad("cpu_quota", "the kernel takes none below 1,000 microseconds");
    }
    if limits
        .cpu_shares
        .is_some_and(|shares| !(2..=262_144).contains(&shares))
    {
        return bad("cpu_shares", "they go from 2 to 262,144");
    }
    if let Some(list) = &limits.cpuset_cpus {
        ranges("cpuset_cpus", list)?;
    }
    if let Some(list) = &limits.cpuset_mems {
        ranges("cpuset_mems", list)?;
    }
    if limits.pids_limit == Some(0) {
        return bad(
            "pids_limit",
            "0 processes run nothing: leave it open for no limit",
        );
    }
    if limits
        .blkio_weight
        .is_some_and(|weight| !(10..=1000).contains(&weight))
    {
        return bad("blkio_weight", "it goes from 10 to 1000");
    }
    Ok(())
}

pub(super) fn devices(resources: &Resources) -> Check {
    for Ulimit { name, soft, hard } in &resources.ulimits {
        if !ULIMITS.contains(&name.as_str()) {
            return bad("ulimits", format!("{} is none", shown(name)));
        }
        if *soft < -1 || *hard < -1 || (*hard != -1 && (*soft == -1 || soft > hard)) {
            return bad(
                "ulimits",
                format!("{name} begins above its own hard limit, or below -1"),
            );
        }
    }
    for Device {
        host,
        container,
        permissions,
    } in &resources.devices
    {
        path("devices", host)?;
        path("devices", container)?;
        permitted("devices", permissions)?;
    }
    for rule in &resources.device_cgroup_rules {
        let parts: Vec<_> = rule.split(' ').collect();
        let number = |text: &str| text == "*" || text.parse::<u32>().is_ok();
        let [kind, numbers, permissions] = parts.as_slice() else {
            return bad("device_cgroup_rules", format!("{} is none", shown(rule)));
        };
        let numbers = numbers.split_once(':');
        if !matches!(*kind, "a" | "b" | "c")
            || !numbers.is_some_and(|(major, minor)| number(major) && number(minor))
        {
            return bad("device_cgroup_rules", format!("{} is none", shown(rule)));
        }
        permitted("device_cgroup_rules", permissions)?;
    }
    resources
        .device_requests
        .iter()
        .try_for_each(DeviceRequest::check)
}

fn permitted(field: &str, permissions: &str) -> Check {
    let known = |c: char| matches!(c, 'r' | 'w' | 'm');
    if permissions.is_empty() || permissions.len() > 3 || !permissions.chars().all(known) {
        return bad(field, format!("{} is not of r, w and m", shown(permissions)));
    }
    Ok(())
}

impl DeviceRequest {
    fn check(&self) -> Check {
        match &self.devices {
            DeviceCount::Count(0) => return bad("device_requests", "0 devices are none"),
            DeviceCount::Count(many) if i32::try_from(*many).is_err() => {
                return bad("device_requests", "more than an engine can count");
            }
            DeviceCount::Ids(ids) if ids.is_empty() => return bad("device_requests", "0 devices are none"),
            DeviceCount::Ids(ids) => ids.iter().try_for_each(|id| word("device_requests", id))?,
            DeviceCount::All | DeviceCount::Count(_) => {}
        }
        let lists = &self.capabilities;
        if self.driver.is_empty() && lists.iter().flatten().all(String::is_empty) {
            return bad(
                "device_requests",
                "neither a driver nor what the devices must be able to do",
            );
        }
        Ok(())
    }
}
