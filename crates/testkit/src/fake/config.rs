//! What a fake engine is started with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Where a fake engine listens.
#[derive(Debug, Clone, Default)]
pub enum Listen {
    /// A unix socket in a new folder of its own, removed with the engine.
    #[default]
    Temporary,
    /// A unix socket at this path; what is there is replaced.
    Unix(PathBuf),
    /// TCP; port 0 takes a free one.
    Tcp(SocketAddr),
}

/// How a fake engine behaves. The defaults are those of a quiet, current Docker engine.
#[derive(Debug, Clone)]
pub struct FakeConfig {
    /// Where to listen. A temporary unix socket by default.
    pub listen: Listen,
    /// Seed of ids and of every random choice. 1 by default.
    pub seed: u64,
    /// Newest API version spoken. 1.51 by default, as engine 28.5.
    pub api_version: (u16, u16),
    /// Oldest API version spoken. 1.24 by default.
    pub min_api_version: (u16, u16),
    /// As `/version` tells it. "28.5.2-fake" by default.
    pub server_version: String,
    /// The longest pause between stamping, appending and publishing an event. None by default: the three
    /// happen together. With a pause, live order, ring order and time order differ, as on a busy engine.
    pub interleave: Option<Duration>,
    /// The longest time for which a list shows the state before the last change. Zero by default.
    pub list_lag: Duration,
    /// Events kept for replay. 256 by default, as the engine's.
    pub ring: usize,
    /// Events queued for a subscriber. 1,024 by default, as the engine's.
    pub queue: usize,
    /// How long publishing waits for a full queue before it drops the event. 100 ms by default, as the
    /// engine's.
    pub patience: Duration,
    /// Whether starting and ending containers also tells `network` events. True by default.
    pub network_events: bool,
    /// Whether every published event is kept for [`FakeEngine::truth`](super::FakeEngine::truth). True by
    /// default; off for long runs, whose memory it would fill.
    pub keep_truth: bool,
    /// Logical processors that the engine tells. 4 by default.
    pub cpus: u32,
    /// Bytes of memory that the engine tells. 8 GiB by default.
    pub memory: u64,
}

impl Default for FakeConfig {
    fn default() -> Self {
        Self {
            listen: Listen::default(),
            seed: 1,
            api_version: (1, 51),
            min_api_version: (1, 24),
            server_version: "28.5.2-fake".to_owned(),
            interleave: None,
            list_lag: Duration::ZERO,
            ring: 256,
            queue: 1024,
            patience: Duration::from_millis(100),
            network_events: true,
            keep_truth: true,
            cpus: 4,
            memory: 8 << 30,
        }
    }
}

impl FakeConfig {
    /// Listens elsewhere.
    #[must_use]
    pub fn listen(mut self, listen: Listen) -> Self {
        self.listen = listen;
        self
    }

    /// Another seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Another range of API versions.
    #[must_use]
    pub fn versions(mut self, oldest: (u16, u16), newest: (u16, u16)) -> Self {
        self.min_api_version = oldest;
        self.api_version = newest;
        self
    }

    /// Pauses of up to `most` between the steps of an event.
    #[must_use]
    pub fn interleave(mut self, most: Duration) -> Self {
        self.interleave = Some(most);
        self
    }

    /// Lists that lag by up to `most`.
    #[must_use]
    pub fn list_lag(mut self, most: Duration) -> Self {
        self.list_lag = most;
        self
    }
}
