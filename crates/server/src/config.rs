//! What a server is started with.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use longshore_fleet::FleetConfig;

/// Where the server listens unless told otherwise: loopback, so that nobody else reaches it by accident.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:3625";

/// What a [`Server`](crate::Server) is started with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Where to listen. Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The folder of the database.
    pub data: PathBuf,
    /// The engines to watch.
    pub fleet: FleetConfig,
    /// Further names for this server, as `name` (any port) or `name:port`: what a proxy sends as `Host`.
    pub allow_hosts: Vec<String>,
    /// Further origins whose pages may call, as `https://name` or `https://name:port`.
    pub allow_origins: Vec<String>,
    /// Listen on an address that is not loopback, although passwords and tokens then cross the network in the clear.
    /// Without it such an address is refused. Default: no.
    pub insecure_listen: bool,
    /// How long requests may go on after the shutdown began. Default: 10 s.
    pub drain: Duration,
    /// Most connections at once. Default: 512.
    pub max_connections: usize,
    /// Most open WebSockets at once, the page's and those of the event monitor. Default: 1,024, each of some 30 kB; each
    /// takes a descriptor of the process.
    pub max_streams: usize,
    /// Most records of events that are kept, of all hosts together; 0 keeps none. Default: 100,000, some 70 MB.
    pub history_events: u64,
    /// How long they are kept at most. Default: 7 days.
    pub history_age: Duration,
    /// How often a long-lived connection looks whether its credential is still good. What this process revokes
    /// counts at once; this is for what another process does. Default: 5 s.
    pub recheck: Duration,
}

impl ServerConfig {
    /// Listens at `listen`, keeps its database in `data`, watches `fleet`; everything else by default.
    #[must_use]
    pub fn new(listen: SocketAddr, data: impl Into<PathBuf>, fleet: FleetConfig) -> Self {
        Self {
            listen,
            data: data.into(),
            fleet,
            allow_hosts: Vec::new(),
            allow_origins: Vec::new(),
            insecure_listen: false,
            drain: Duration::from_secs(10),
            max_connections: 512,
            max_streams: 1_024,
            history_events: 100_000,
            history_age: Duration::from_secs(7 * 86_400),
            recheck: Duration::from_secs(5),
        }
    }

    /// Sets [`Self::allow_hosts`].
    #[must_use]
    pub fn allow_hosts(mut self, hosts: Vec<String>) -> Self {
        self.allow_hosts = hosts;
        self
    }

    /// Sets [`Self::allow_origins`].
    #[must_use]
    pub fn allow_origins(mut self, origins: Vec<String>) -> Self {
        self.allow_origins = origins;
        self
    }

    /// Sets [`Self::insecure_listen`].
    #[must_use]
    pub fn insecure_listen(mut self, allowed: bool) -> Self {
        self.insecure_listen = allowed;
        self
    }

    /// Sets [`Self::drain`].
    #[must_use]
    pub fn drain(mut self, deadline: Duration) -> Self {
        self.drain = deadline;
        self
    }

    /// Sets [`Self::recheck`].
    #[must_use]
    pub fn recheck(mut self, every: Duration) -> Self {
        self.recheck = every;
        self
    }

    /// Sets [`Self::history_events`] and [`Self::history_age`].
    #[must_use]
    pub fn history(mut self, most: u64, age: Duration) -> Self {
        (self.history_events, self.history_age) = (most, age);
        self
    }

    /// Sets [`Self::max_streams`].
    #[must_use]
    pub fn max_streams(mut self, count: usize) -> Self {
        self.max_streams = count;
        self
    }
}
