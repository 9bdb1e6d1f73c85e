//! One host: its engine, what follows it, and the task that keeps [`HostState`] true.

use std::sync::Arc;

use longshore_engine::{ApiVersion, Endpoint, Engine};
use longshore_runtime::deaths::{DeathBook, Deaths};
use longshore_runtime::{Feed, Mirror, Sampler, Status, Watch, WatchCounters};
use longshore_store::Store;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::debug;

use crate::book::StoreBook;
use crate::{EngineFacts, FleetConfig, HostState};

/// One engine, watched.
#[derive(Debug)]
pub struct Host {
    name: &'static str,
    engine: Engine,
    undiscovered: Option<String>,
    watch: Watch,
    deaths: Deaths,
    sampler: Sampler,
    state: watch::Receiver<Arc<HostState>>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

impl Host {
    pub(crate) fn start(name: &'static str, config: FleetConfig, store: Option<Store>) -> Self {
        let engine = Engine::new(config.endpoint, config.engine);
        let watch = Watch::start(engine.clone(), config.watch);
        let book = store.map(|store| Arc::new(StoreBook { store, host: name }) as Arc<dyn DeathBook>);
        let deaths = Deaths::start(engine.clone(), &watch, config.deaths, book);
        let sampler = Sampler::start(engine.clone(), watch.mirror(), config.sampler);
        let status = watch.status();
        let first = HostState {
            status: status.borrow().clone(),
            engine: None,
        };
        let (sender, state) = watch::channel(Arc::new(first));
        let (tasks, cancel) = (TaskTracker::new(), CancellationToken::new());
        let keeper = keep_state(engine.clone(), watch.mirror(), status, sender);
        tasks.spawn(cancel.clone().run_until_cancelled_owned(keeper));
        tasks.close();
        Self {
            name,
            engine,
            undiscovered: config.undiscovered,
            watch,
            deaths,
            sampler,
            state,
            tasks,
            cancel,
        }
    }

    /// The name that routes and rows bear.
    pub fn name(&self) -> &str {
        self.name
    }

    /// Where it is reached.
    pub fn endpoint(&self) -> &Endpoint {
        self.engine.endpoint()
    }

    /// What discovery said when it found no engine, so that [`Host::endpoint`] is only a guess; `None` once the
    /// guess has proved right.
    pub fn undiscovered(&self) -> Option<&str> {
        let reached = self.state.borrow().engine.is_some();
        self.undiscovered.as_deref().filter(|_| !reached)
    }

    /// The client, for commands and for what the mirror does not hold.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The containers as they are now.
    pub fn mirror(&self) -> Mirror {
        self.watch.mirror()
    }

    /// What happened, and happens.
    pub fn feed(&self) -> Feed {
        self.watch.feed()
    }

    /// How containers ended, as far as memory reaches.
    pub fn deaths(&self) -> &Deaths {
        &self.deaths
    }

    /// Statistics, shared by all who read them.
    pub fn sampler(&self) -> &Sampler {
        &self.sampler
    }

    /// The state now.
    pub fn state(&self) -> Arc<HostState> {
        Arc::clone(&self.state.borrow())
    }

    /// The state, and every later one; a reader that is slow sees the newest.
    pub fn watch_state(&self) -> watch::Receiver<Arc<HostState>> {
        self.state.clone()
    }

    /// What the follower has counted since it began.
    pub fn counters(&self) -> WatchCounters {
        self.watch.counters()
    }

    pub(crate) async fn stop(&self) {
        self.cancel.cancel();
        self.sampler.stop().await;
        self.deaths.stop().await;
        self.watch.stop().await;
        self.tasks.wait().await;
    }
}

/// Publishes every change of the follower's status, *live* only once the mirror is whole: a host that is live and
/// shows no containers has none. Asks the engine what it is whenever it was (re)gained, since
/// it may have been upgraded meanwhile.
async fn keep_state(
    engine: Engine,
    mirror: Mirror,
    mut status: watch::Receiver<Status>,
    state: watch::Sender<Arc<HostState>>,
) {
    loop {
        let now = status.borrow_and_update().clone();
        let gained = now.is_live();
        if gained && !mirror.is_ready() {
            tokio::select! {
                () = mirror.ready() => {}
                changed = status.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
            }
        }
        let known = state.borrow().engine.clone();
        state.send_replace(Arc::new(HostState {
            status: now.clone(),
            engine: known,
        }));
        if gained {
            match ask(&engine).await {
                Ok(facts) => {
                    state.send_replace(Arc::new(HostState {
                        status: now,
                        engine: Some(facts),
                    }));
                }
                Err(error) => debug!(%error, "the engine did not say what it is"),
            }
        }
        if status.changed().await.is_err() {
            return;
        }
    }
}

async fn ask(engine: &Engine) -> Result<EngineFacts, longshore_engine::Error> {
    let (version, info) = tokio::try_join!(engine.version(), engine.info())?;
    // A call has just succeeded, so a version was agreed on.
    let spoken = engine.api_version().unwrap_or(ApiVersion::OLDEST);
    Ok(EngineFacts::new(version, spoken.to_string(), info))
}
