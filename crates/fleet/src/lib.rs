//! The engines that are watched: each a [`Host`] with its client, mirror, feed and sampler.
//!
//! Today there is one host, [`LOCAL`]; whoever uses a fleet asks for hosts by name already, so nothing of theirs
//! changes when more come. Following an engine is `longshore-runtime`'s business, showing it the server's.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use longshore_fleet::{Fleet, FleetConfig, LOCAL};
//!
//! let fleet = Fleet::start(FleetConfig::local());
//! let local = fleet.host(LOCAL).ok_or("no such host")?;
//! local.mirror().ready().await;
//! println!("{} containers", local.mirror().snapshot().containers().len());
//! fleet.stop().await;
//! # Ok(()) }
//! ```
#![warn(missing_docs)]

mod book;
mod host;
mod state;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use longshore_engine::{Endpoint, EngineConfig, discover};
use longshore_runtime::deaths::DeathsConfig;
use longshore_runtime::{KnownLine, SamplerConfig, WatchConfig};
use longshore_store::Store;

pub use host::Host;
/// The client and its types, for who uses a [`Host::engine`].
pub use longshore_engine as engine;
/// The mirror, the feed and the sampler, for who uses a [`Host`].
pub use longshore_runtime as runtime;
pub use state::{EngineFacts, HostState};

/// The name of the host that the server itself runs on, or that its configuration leads to.
pub const LOCAL: &str = "local";

/// Where Docker's packages put the socket.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// How often containers are read while nobody watches, so that whoever comes finds the past hour: a reading of a hundred
/// containers' files takes some milliseconds. An engine that has to be asked is asked once a minute.
const BACKGROUND: Duration = Duration::from_secs(10);

/// What a [`Fleet`] watches, and how.
#[derive(Debug, Clone)]
pub struct FleetConfig {
    /// Where the host [`LOCAL`] is reached.
    pub endpoint: Endpoint,
    /// By the name of a host what an earlier run has told of it ([`WatchConfig::known`]), so that its follower goes on from
    /// there. What `watch` says of it holds for hosts that are not named here.
    pub known: BTreeMap<String, Arc<[KnownLine]>>,
    /// Why `endpoint` is only a guess: what discovery said when it found no engine.
    pub undiscovered: Option<String>,
    /// Timeouts and kept connections.
    pub engine: EngineConfig,
    /// Backoff, rotation, sizes of the feed.
    pub watch: WatchConfig,
    /// Pace and history of the statistics.
    pub sampler: SamplerConfig,
    /// What is kept of containers that end.
    pub deaths: DeathsConfig,
}

impl FleetConfig {
    /// The engine that [`discover`] finds. Where it finds none, the default socket: an engine that starts later is
    /// then followed all the same, and until it does the host's state says which places were tried.
    pub fn local() -> Self {
        match discover() {
            Ok(found) => Self::at(found.endpoint),
            Err(error) => Self {
                undiscovered: Some(error.to_string()),
                ..Self::at(Endpoint::unix(DEFAULT_SOCKET))
            },
        }
    }

    /// The engine at `endpoint`, everything else by default.
    pub fn at(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            known: BTreeMap::new(),
            undiscovered: None,
            engine: EngineConfig::default(),
            watch: WatchConfig::default(),
            sampler: SamplerConfig::default().background(BACKGROUND),
            deaths: DeathsConfig::default(),
        }
    }

    /// The names of the hosts that a fleet of this has.
    pub fn hosts(&self) -> impl Iterator<Item = &'static str> + use<> {
        [LOCAL].into_iter()
    }
}

/// All hosts. Cheap to clone; the watching ends with [`Fleet::stop`].
#[derive(Debug, Clone)]
pub struct Fleet {
    hosts: Arc<[Arc<Host>]>,
}

impl Fleet {
    /// Begins to watch. Returns at once: connecting goes on in the background, and is tried for ever.
    pub fn start(config: FleetConfig) -> Self {
        Self::begin(config, None)
    }

    /// [`start`](Self::start), with a store that keeps how containers ended. Close it after [`Fleet::stop`].
    pub fn remembering(config: FleetConfig, store: Store) -> Self {
        Self::begin(config, Some(store))
    }

    fn begin(config: FleetConfig, store: Option<Store>) -> Self {
        let hosts = config.hosts();
        let start = move |name| Arc::new(Host::start(name, config.clone(), store.clone()));
        Self {
            hosts: hosts.map(start).collect(),
        }
    }

    /// Every host, reachable or not.
    pub fn hosts(&self) -> &[Arc<Host>] {
        &self.hosts
    }

    /// The host of that name.
    pub fn host(&self, name: &str) -> Option<Arc<Host>> {
        self.hosts.iter().find(|host| host.name() == name).cloned()
    }

    /// Stops watching and waits until no task is left. Safe to call more than once, and to drop half-way: the
    /// tasks then end on their own.
    pub async fn stop(&self) {
        join_all(self.hosts.iter().map(|host| host.stop())).await;
    }
}
