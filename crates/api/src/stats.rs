//! What containers and hosts use.
//!
//! 100 percent of CPU is one core. A rate is bytes a second since the sample before. The first sample of a
//! container has no rates: they are `null`, not 0.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What one container used at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatsSample {
    /// Its host.
    pub host: String,
    /// Its id.
    pub id: String,
    /// When it was read.
    pub at: String,
    /// CPU; 100 is one core.
    pub cpu_percent: Option<f64>,
    /// CPU as a share of the container's own limit.
    pub cpu_limit_percent: Option<f64>,
    /// CPU as a share of the whole host.
    pub cpu_host_percent: Option<f64>,
    /// Memory without the page cache that can be dropped.
    pub memory_bytes: Option<u64>,
    /// Its memory limit, or the host's memory.
    pub memory_limit_bytes: Option<u64>,
    /// Bytes received by all its network interfaces since it started.
    pub net_rx_bytes: Option<u64>,
    /// Bytes sent.
    pub net_tx_bytes: Option<u64>,
    /// Bytes read from block devices.
    pub block_read_bytes: Option<u64>,
    /// Bytes written to block devices.
    pub block_write_bytes: Option<u64>,
    /// Bytes received a second.
    pub net_rx_rate: Option<f64>,
    /// Bytes sent a second.
    pub net_tx_rate: Option<f64>,
    /// Bytes read a second.
    pub block_read_rate: Option<f64>,
    /// Bytes written a second.
    pub block_write_rate: Option<f64>,
    /// Processes and threads.
    pub pids: Option<u64>,
}

/// Answer of `GET …/{id}/stats`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatsReply {
    /// Oldest first; at least one, and the last one fresh.
    pub samples: Vec<StatsSample>,
    /// The long past, oldest first: up to an hour in steps of ten seconds, of a minute where the engine has to be asked.
    #[serde(default)]
    pub steps: Vec<StatsStep>,
}

/// What one container used over a while: averages weighted by time, and the highest of what was read. `null` is unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatsStep {
    /// When it ended.
    pub at: String,
    /// Seconds that it speaks for; 0 for the very first.
    pub seconds: f64,
    /// CPU; 100 is one core.
    pub cpu_percent: Option<f64>,
    /// Its highest.
    pub cpu_percent_peak: Option<f64>,
    /// Memory without the page cache that can be dropped.
    pub memory_bytes: Option<f64>,
    /// Its highest.
    pub memory_bytes_peak: Option<f64>,
    /// Bytes received a second.
    pub net_rx_rate: Option<f64>,
    /// Bytes sent a second.
    pub net_tx_rate: Option<f64>,
    /// Bytes read a second.
    pub block_read_rate: Option<f64>,
    /// Bytes written a second.
    pub block_write_rate: Option<f64>,
    /// Processes and threads, at most.
    pub pids: Option<f64>,
}

/// Sums over a host's containers at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HostMetrics {
    /// The host.
    pub host: String,
    /// When.
    pub at: String,
    /// CPU of its containers, as far as it is known; 100 is one core.
    pub cpu_percent: Option<f64>,
    /// Running containers whose CPU is not known, and so not in the sum.
    pub cpu_unknown: u64,
    /// Memory of its containers, as far as it is known.
    pub memory_bytes: Option<u64>,
    /// Running containers whose memory is not known, and so not in the sum.
    pub memory_unknown: u64,
    /// Memory that the host has.
    pub memory_total_bytes: Option<u64>,
    /// Containers that run.
    pub containers_running: u64,
    /// Containers that it has.
    pub containers_total: u64,
}
