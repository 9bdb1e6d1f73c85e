//! Statistics.

use std::iter::Sum;

use longshore_api::{HostMetrics, StatsSample, StatsStep};
use longshore_core::{ContainerId, Measure, Step, Timestamp};
use longshore_fleet::{Host, runtime::Sample};

use super::time;

/// What a container used at the moment of a sample.
pub(crate) fn stats_sample(host: &Host, id: &ContainerId, sample: &Sample) -> StatsSample {
    let usage = &sample.usage;
    StatsSample {
        host: host.name().to_owned(),
        id: id.to_string(),
        at: time(sample.at),
        cpu_percent: usage.cpu_percent,
        cpu_limit_percent: usage.cpu_limit_percent,
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

/// What a container used over a while.
pub(crate) fn stats_step(step: &Step) -> StatsStep {
    StatsStep {
        at: time(step.at),
        seconds: step.span().as_secs_f64(),
        cpu_percent: step.average(Measure::Cpu),
        cpu_percent_peak: step.peak(Measure::Cpu),
        memory_bytes: step.average(Measure::Memory),
        memory_bytes_peak: step.peak(Measure::Memory),
        net_rx_rate: step.average(Measure::NetRx),
        net_tx_rate: step.average(Measure::NetTx),
        block_read_rate: step.average(Measure::BlockRead),
        block_write_rate: step.average(Measure::BlockWrite),
        pids: step.peak(Measure::Pids),
    }
}

/// The sums over one round of a host's samples, and how many parts are missing in each.
pub(crate) fn host_metrics<'s>(
    host: &Host,
    at: Timestamp,
    samples: impl Iterator<Item = &'s Sample> + Clone,
) -> HostMetrics {
    let snapshot = host.mirror().snapshot();
    let running = snapshot.running() as u64;
    let (cpu_percent, cpu_unknown) = sum(samples.clone().map(|s| s.usage.cpu_percent), running);
    let (memory_bytes, memory_unknown) = sum(samples.map(|s| s.usage.memory_bytes), running);
    HostMetrics {
        host: host.name().to_owned(),
        at: time(at),
        cpu_percent,
        cpu_unknown,
        memory_bytes,
        memory_unknown,
        memory_total_bytes: host
            .state()
            .engine
            .as_ref()
            .and_then(|facts| facts.info.mem_total),
        containers_running: running,
        containers_total: snapshot.len() as u64,
    }
}

/// What is known of `running` parts, and how many are not; nothing known of some is unknown, of none it is zero.
fn sum<T: Sum<T>>(parts: impl Iterator<Item = Option<T>>, running: u64) -> (Option<T>, u64) {
    let mut known = 0;
    let sum = parts.flatten().inspect(|_| known += 1).sum();
    (
        (known > 0 || running == 0).then_some(sum),
        running.saturating_sub(known),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_counted_and_never_zero() {
        assert_eq!(sum([Some(2), None, Some(3)].into_iter(), 4), (Some(5), 2));
        assert_eq!(sum([None::<u64>].into_iter(), 1), (None, 1));
        assert_eq!(sum([None::<u64>; 0].into_iter(), 0), (Some(0), 0), "nothing runs");
        assert_eq!(sum([Some(1)].into_iter(), 0), (Some(1), 0), "it has just ended");
    }
}
