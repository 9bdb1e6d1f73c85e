//! The arithmetic of statistics: from counters that only grow to figures that people read.
//!
//! *Unknown* is `None` and never zero: a first sample has no processor use, a counter that went back has none,
//! an engine that does not say a thing leaves it unknown.

mod assess;
mod steps;
mod threshold;
mod window;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
pub use assess::{Assessment, Concern, Condition, Reason, assess};
pub use steps::{Step, Steps};
pub use threshold::{Crossing, Threshold, ThresholdState};
pub use window::{Measure, Span, Window};

/// The processor counters of a host move in ticks: what differs less than some of them is the same.
const TICKS: Duration = Duration::from_millis(100);

/// Processor counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuCounters {
    /// Nanoseconds of processor time that the container has used.
    pub total_ns: Option<u64>,
    /// Nanoseconds of processor time that the host's processors have spent on everything, idle included.
    pub system_ns: Option<u64>,
    /// Processors that the host has online; engines leave it out or say 0 (then `None`).
    pub online: Option<u32>,
    /// Nanoseconds for which the container was held back by its processor limit, all processors together.
    pub throttled_ns: Option<u64>,
    /// Its processor limit in billionths of a processor; `None` for no limit, and where it is not said.
    pub limit_nano: Option<u64>,
}

/// Memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryCounters {
    /// What is charged to the container, page cache included.
    pub usage: Option<u64>,
    /// The part of `usage` that is page cache not recently used (`inactive_file`, `total_inactive_file`).
    pub inactive_file: Option<u64>,
    /// The limit; without one of its own, the host's memory.
    pub limit: Option<u64>,
}

/// Bytes moved, all interfaces or devices together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IoCounters {
    /// Received or read.
    pub read: Option<u64>,
    /// Sent or written.
    pub written: Option<u64>,
}

/// One reading of a container's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// When it was read, by the clock of who read it (the engine's, through its API).
    pub at: Timestamp,
    /// The same by a clock that is never set, from some fixed moment on; `None` through the API.
    pub steady: Option<Duration>,
    /// Processor.
    pub cpu: CpuCounters,
    /// Memory.
    pub memory: MemoryCounters,
    /// Network.
    pub network: IoCounters,
    /// Block devices.
    pub block: IoCounters,
    /// Processes and threads.
    pub pids: Option<u64>,
}

/// What a container uses, as people read it. Every figure may be unknown.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Processor use in percent of one processor: 250 is two and a half processors. As `docker stats` shows it.
    pub cpu_percent: Option<f64>,
    /// The same in percent of all the host's processors.
    pub cpu_host_percent: Option<f64>,
    /// Processor time in percent of what the container's own limit allowed in the time that went by; unknown when it
    /// has none. Limits go by time, so this does too, where `cpu_percent` goes by the host's processor counters.
    #[serde(default)]
    pub cpu_limit_percent: Option<f64>,
    /// Time for which its limit held it back, in percent of the time that went by; all processors together, so that it
    /// may pass 100.
    #[serde(default)]
    pub cpu_throttled_percent: Option<f64>,
    /// Bytes in use as `docker stats` counts them: without page cache not recently used.
    pub memory_bytes: Option<u64>,
    /// Bytes allowed.
    pub memory_limit_bytes: Option<u64>,
    /// Bytes received since the container started.
    pub net_rx_bytes: Option<u64>,
    /// Bytes sent since the container started.
    pub net_tx_bytes: Option<u64>,
    /// Bytes read from block devices since the container started.
    pub block_read_bytes: Option<u64>,
    /// Bytes written to block devices since the container started.
    pub block_write_bytes: Option<u64>,
    /// Bytes a second received.
    pub net_rx_rate: Option<f64>,
    /// Bytes a second sent.
    pub net_tx_rate: Option<f64>,
    /// Bytes a second read.
    pub block_read_rate: Option<f64>,
    /// Bytes a second written.
    pub block_write_rate: Option<f64>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

impl Counters {
    /// What is in use now, and how fast since `previous`. Without a previous reading, or with one that is not
    /// before this, everything that needs two readings is unknown.
    ///
    /// ```
    /// use longshore_core::{Counters, CpuCounters, Timestamp};
    /// let cpu = |total, system| CpuCounters { total_ns: Some(total), system_ns: Some(system), online: Some(2), throttled_ns: None, limit_nano: None };
    /// let first = Counters { at: Timestamp::from_secs(1), cpu: cpu(0, 0), ..Counters::default() };
    /// let next = Counters { at: Timestamp::from_secs(2), cpu: cpu(500_000_000, 2_000_000_000), ..first };
    /// assert_eq!(first.usage(None).cpu_percent, None);
    /// assert_eq!(next.usage(Some(&first)).cpu_percent, Some(50.0));
    /// ```
    pub fn usage(&self, previous: Option<&Self>) -> Usage {
        let span = previous.and_then(|previous| self.span(previous));
        let cpu_percent = previous.and_then(|previous| self.cpu_percent(previous));
        let rate = |now: Option<u64>, then: fn(&Self) -> Option<u64>| {
            Some(grown(now, then(previous?))? as f64 / span?.as_secs_f64())
        };
        let throttled = rate(self.cpu.throttled_ns, |c| c.cpu.throttled_ns);
        Usage {
            cpu_percent,
            cpu_host_percent: cpu_percent
                .zip(self.cpu.online)
                .map(|(percent, online)| percent / f64::from(online)),
            cpu_limit_percent: rate(self.cpu.total_ns, |c| c.cpu.total_ns)
                .zip(self.cpu.limit_nano.filter(|limit| *limit > 0))
                .map(|(ns, limit)| ns / limit as f64 * 100.0),
            cpu_throttled_percent: throttled.map(|ns| ns / 1e9 * 100.0),
            memory_bytes: self.memory.in_use(),
            memory_limit_bytes: self.memory.limit,
            net_rx_bytes: self.network.read,
            net_tx_bytes: self.network.written,
            block_read_bytes: self.block.read,
            block_write_bytes: self.block.written,
            net_rx_rate: rate(self.network.read, |c| c.network.read),
            net_tx_rate: rate(self.network.written, |c| c.network.written),
            block_read_rate: rate(self.block.read, |c| c.block.read),
            block_write_rate: rate(self.block.written, |c| c.block.written),
            pids: self.pids,
        }
    }

    /// The time between two readings; `None` when this is not the later one. By the steady clock where both have it. A
    /// wall clock may have been set meanwhile: it is believed while it shows at least four fifths and at most three times
    /// of what the host's processor counters have grown by, and they are taken where it does not.
    pub fn span(&self, previous: &Self) -> Option<Duration> {
        if let (Some(now), Some(then)) = (self.steady, previous.steady) {
            return now.checked_sub(then).filter(|span| !span.is_zero());
        }
        let wall = self.at.since(previous.at);
        let (Some(now), Some(then), Some(online)) =
            (self.cpu.system_ns, previous.cpu.system_ns, self.cpu.online)
        else {
            return wall;
        };
        let spent = now.checked_sub(then)? / u64::from(online).max(1);
        let spent = Duration::from_nanos(spent);
        // A hypervisor may steal a good part of the time, which the counters then lack; they never run ahead of it.
        let is_like_it = |wall: &Duration| *wall <= spent * 3 + TICKS && *wall + spent / 5 + TICKS >= spent;
        wall.filter(is_like_it)
            .or(Some(spent).filter(|spent| *spent > TICKS))
    }

    /// By the host's own processor clock where it is known, so that a late reading does no harm; else by time.
    fn cpu_percent(&self, previous: &Self) -> Option<f64> {
        let span = self.span(previous)?;
        let used = grown(self.cpu.total_ns, previous.cpu.total_ns)? as f64;
        let of_one = match (grown(self.cpu.system_ns, previous.cpu.system_ns), self.cpu.online) {
            (Some(system), Some(online)) if system > 0 => system as f64 / f64::from(online),
            _ => span.as_nanos() as f64,
        };
        Some(used / of_one * 100.0)
    }
}

impl MemoryCounters {
    /// Bytes in use as `docker stats` shows them: usage without the inactive page cache, unless that is more
    /// than all of it.
    pub fn in_use(&self) -> Option<u64> {
        let usage = self.usage?;
        let inactive = self.inactive_file.unwrap_or(0);
        Some(if inactive < usage { usage - inactive } else { usage })
    }
}

/// How much a counter grew; unknown when one end is unknown or it went back (the container was restarted).
fn grown(now: Option<u64>, then: Option<u64>) -> Option<u64> {
    now?.checked_sub(then?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(secs: i64, cpu_ms: u64, rx: u64) -> Counters {
        let ns = u64::try_from(secs).unwrap() * 1_000_000_000;
        Counters {
            at: Timestamp::from_secs(secs),
            cpu: CpuCounters {
                total_ns: Some(cpu_ms * 1_000_000),
                system_ns: Some(ns * 4),
                online: Some(4),
                throttled_ns: Some(0),
                limit_nano: Some(2_000_000_000),
            },
            network: IoCounters {
                read: Some(rx),
                written: None,
            },
            ..Counters::default()
        }
    }

    #[test]
    fn the_first_sample_knows_no_rate() {
        let usage = reading(1, 100, 10).usage(None);
        assert_eq!(
            (usage.cpu_percent, usage.net_rx_rate, usage.net_rx_bytes),
            (None, None, Some(10))
        );
    }

    #[test]
    fn several_processors_pass_a_hundred_percent() {
        let usage = reading(2, 3_500, 2_010).usage(Some(&reading(1, 1_000, 10)));
        assert_eq!(usage.cpu_percent, Some(250.0));
        assert_eq!(usage.cpu_host_percent, Some(62.5));
        assert_eq!(usage.net_rx_rate, Some(2_000.0));
        assert_eq!(usage.net_tx_rate, None, "unknown is not zero");
    }

    #[test]
    fn a_counter_that_went_back_gives_unknown() {
        let usage = reading(2, 10, 0).usage(Some(&reading(1, 1_000, 10)));
        assert_eq!((usage.cpu_percent, usage.net_rx_rate), (None, None));
    }

    #[test]
    fn a_sample_out_of_order_gives_unknown() {
        let usage = reading(1, 2_000, 20).usage(Some(&reading(2, 1_000, 10)));
        assert_eq!((usage.cpu_percent, usage.net_rx_rate), (None, None));
    }

    #[test]
    fn a_clock_that_was_set_changes_no_rate() {
        let first = reading(1_000, 0, 0);
        for jump in [-3_600, -1, 0, 3_600] {
            let mut next = reading(1_002, 1_000, 2_000);
            next.at = Timestamp::from_secs(1_002 + jump);
            let usage = next.usage(Some(&first));
            assert_eq!(
                (usage.cpu_percent, usage.net_rx_rate),
                (Some(50.0), Some(1_000.0)),
                "{jump}"
            );
            (next.cpu.system_ns, next.cpu.online) = (None, None);
            next.steady = Some(Duration::from_secs(7));
            let steady = Counters {
                steady: Some(Duration::from_secs(5)),
                ..first
            };
            let usage = next.usage(Some(&steady));
            assert_eq!(
                (usage.cpu_percent, usage.net_rx_rate),
                (Some(50.0), Some(1_000.0)),
                "{jump}"
            );
        }
    }

    #[test]
    fn a_limit_gives_a_share_and_the_time_held_back() {
        let mut next = reading(3, 3_000, 0);
        next.cpu.throttled_ns = Some(500_000_000);
        let usage = next.usage(Some(&reading(1, 1_000, 0)));
        assert_eq!(usage.cpu_percent, Some(100.0));
        assert_eq!(
            (usage.cpu_limit_percent, usage.cpu_throttled_percent),
            (Some(50.0), Some(25.0))
        );
        next.cpu.limit_nano = None;
        assert_eq!(next.usage(Some(&reading(1, 1_000, 0))).cpu_limit_percent, None);
    }

    #[test]
    fn a_hypervisor_that_takes_time_pushes_nobody_over_its_limit() {
        // Seen on a virtual machine that got half of the time it needed: its counters lack the rest, as `docker stats` does.
        let mut next = reading(3, 1_900, 0);
        next.cpu.system_ns = Some(8_000_000_000);
        next.cpu.limit_nano = Some(500_000_000);
        let usage = next.usage(Some(&reading(1, 900, 0)));
        assert_eq!(usage.cpu_percent, Some(100.0), "as `docker stats` shows it");
        assert_eq!(
            usage.cpu_limit_percent,
            Some(100.0),
            "it had all that it may have"
        );
    }

    #[test]
    fn without_the_hosts_clock_time_serves() {
        let bare = |secs, ms| {
            let mut c = reading(secs, ms, 0);
            c.cpu.system_ns = None;
            c.cpu.online = None;
            c
        };
        let usage = bare(3, 1_500).usage(Some(&bare(1, 500)));
        assert_eq!((usage.cpu_percent, usage.cpu_host_percent), (Some(50.0), None));
    }

    #[test]
    fn memory_leaves_out_the_idle_cache() {
        let memory = |usage, inactive| {
            MemoryCounters {
                usage,
                inactive_file: inactive,
                limit: None,
            }
            .in_use()
        };
        assert_eq!(memory(Some(100), Some(30)), Some(70));
        assert_eq!(memory(Some(100), None), Some(100));
        assert_eq!(memory(Some(100), Some(200)), Some(100));
        assert_eq!(memory(None, Some(30)), None);
    }
}
