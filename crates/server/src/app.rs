//! What all requests share.

use std::{sync::Arc, time::Duration};

use longshore_core::{ObjectRef, Timestamp};
use longshore_fleet::{Fleet, Host};
use longshore_store::Store;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    assets::Compressed,
    auth::Limiter,
    error::{ApiError, ApiResult},
    gate::{Hosts, Origins},
    history::History,
    metrics::Metrics,
    monitor::Presses,
};

/// What of the configuration is needed while serving.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) recheck: Duration,
    pub(crate) max_streams: usize,
    /// Most records of events that are kept, and how long.
    pub(crate) history: (u64, Duration),
}

/// Shared by all requests. Cheap to clone.
pub(crate) type App = Arc<Shared>;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) fleet: Fleet,
    pub(crate) store: Store,
    pub(crate) hosts: Hosts,
    pub(crate) origins: Origins,
    pub(crate) metrics: Metrics,
    pub(crate) logins: Limiter,
    /// What is kept of events.
    pub(crate) history: History,
    /// The texts of the newest events.
    pub(crate) presses: Presses,
    pub(crate) compressed: Compressed,
    /// Name of the session cookie; the port is in it, since cookies do not tell ports apart.
    pub(crate) cookie: String,
    pub(crate) started_at: Timestamp,
    pub(crate) recheck: Duration,
    /// Cancelled when the shutdown begins: streams say goodbye and end.
    pub(crate) closing: CancellationToken,
    /// Cancelled when the time for that is over: everything ends at once.
    pub(crate) abandon: CancellationToken,
    /// Owns every connection and every WebSocket.
    pub(crate) tasks: TaskTracker,
    /// A place for each open WebSocket.
    pub(crate) streams: Arc<Semaphore>,
}

impl Shared {
    /// Of a server that answers for `hosts` and begins now; sizes and paces are the configuration's.
    pub(crate) fn new(fleet: Fleet, store: Store, (hosts, origins): (Hosts, Origins), sizes: Sizes) -> App {
        let metrics = Metrics::new(fleet.clone());
        Arc::new(Self {
            history: History::start(&fleet, &store, &metrics.history, sizes.history),
            presses: Presses::new(&fleet, &metrics.monitor_encoded),
            metrics,
            fleet,
            store,
            logins: Limiter::default(),
            compressed: Compressed::default(),
            cookie: format!("longshore_{}", hosts.port()),
            hosts,
            origins,
            started_at: now(),
            recheck: sizes.recheck,
            closing: CancellationToken::new(),
            abandon: CancellationToken::new(),
            tasks: TaskTracker::new(),
            streams: Arc::new(Semaphore::new(sizes.max_streams)),
        })
    }

    /// Runs something that the shutdown waits for.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let abandon = self.abandon.clone();
        self.tasks.spawn(async move {
            abandon.run_until_cancelled(work).await;
        });
    }

    /// The host of that name.
    pub(crate) fn host(&self, name: &str) -> ApiResult<Arc<Host>> {
        self.fleet.host(name).ok_or_else(|| {
            let shown: String = name.chars().take(64).collect();
            ApiError::not_found(format!("no host {shown:?}"))
        })
    }
}

/// What a person called a container, as it may stand in an engine's path.
pub(crate) fn object_ref(text: &str) -> ApiResult<ObjectRef> {
    ObjectRef::new(text).map_err(|e| ApiError::invalid(e.to_string()))
}

/// Our clock.
pub(crate) fn now() -> Timestamp {
    std::time::SystemTime::now().into()
}
