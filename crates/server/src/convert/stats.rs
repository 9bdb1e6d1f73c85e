//! Statistics.

use longshore_api::{HostMetrics, StatsSample};
use longshore_core::{ContainerId, ContainerState, Timestamp};
use longshore_fleet::{Host, runtime::Sample};

use super::time;

/// What a container used at the moment of a sample.
pub(crate) fn stats_sample(host: &Host, id: &ContainerId, sample: &Sample) -> StatsSample {
    let usage = &sample.usage;
    let limit = host
        .mirror()
        .get(id)
        .and_then(|container| container.nano_cpus)
        .filter(|nano| *nano > 0);
    StatsSample {
        host: host.name().to_owned(),
        id: id.to_string(),
        at: time(sample.at),
        cpu_percent: usage.cpu_percent,
        cpu_limit_percent: usage
            .cpu_percent
            .zip(limit)
            .map(|(percent, nano)| percent * 1e9 / nano as f64),
        cpu_host_percent: usage.cpu_host_percent,
        memory_bytes: usage.memory_bytes,
        memory_limit_bytes: usage.memory_limit_bytes,
        net_rx_bytes: usage.net_rx_bytes,
        net_tx_bytes: usage.net_tx_bytes,
        block_read_bytes: usage.block_read_bytes,
        block_write_bytes: usage.block_write_bytes,
        net_rx_rate: usage.net_rx_rate,
        net_tx_rate: usage.net_tx_rate,
        block_read_rate: usage.block_read_rate,
        block_write_rate: usage.block_write_rate,
        pids: usage.pids,
    }
}

/// The sums over one round of a host's samples. A sum is unknown only when none of its parts is known.
pub(crate) fn host_metrics<'s>(
    host: &Host,
    at: Timestamp,
    samples: impl Iterator<Item = &'s Sample> + Clone,
) -> HostMetrics {
    let snapshot = host.mirror().snapshot();
    let running = snapshot
        .containers()
        .iter()
        .filter(|c| c.state == ContainerState::Running)
        .count();
    // With nothing running the sums are known: nothing is used.
    let idle = running == 0;
    let cpu = samples
        .clone()
        .filter_map(|s| s.usage.cpu_percent)
        .reduce(|a, b| a + b);
    let memory = samples
        .filter_map(|s| s.usage.memory_bytes)
        .reduce(u64::saturating_add);
    HostMetrics {
        host: host.name().to_owned(),
        at: time(at),
        cpu_percent: cpu.or(idle.then_some(0.0)),
        memory_bytes: memory.or(idle.then_some(0)),
        memory_total_bytes: host
            .state()
            .engine
            .as_ref()
            .and_then(|facts| facts.info.mem_total),
        containers_running: running as u64,
        containers_total: snapshot.len() as u64,
    }
}
