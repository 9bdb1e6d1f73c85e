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
    pub(crate) fn start(name: &'static str, mut config: FleetConfig, store: Option<Store>) -> Self {
        if let Some(known) = config.known.remove(name) {
            config.watch.known = known;
        }
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

#[cfg(test)]
mod tests {
    use longshore_runtime::{FeedItem, KnownLine};
    use longshore_testkit::fake::{Draft, FakeConfig, FakeEngine};

    use super::*;

    async fn tell(fake: &FakeEngine, ids: &[&str]) {
        for id in ids {
            fake.emit(Draft::new("container", "start", id)).await;
        }
    }

    /// What is told, up to the event of that object.
    async fn until(host: &Host, last: &str) -> Vec<KnownLine> {
        let mut reader = host.feed().subscribe(
            100,
            Some(longshore_runtime::Cursor {
                epoch: host.feed().epoch(),
                seq: 0,
            }),
        );
        let mut told = Vec::new();
        loop {
            let Some(FeedItem::Record(record)) = reader.next().await else {
                panic!("the feed ended after {told:?}")
            };
            let event = record.event().unwrap_or_else(|| panic!("{record:?}"));
            told.push((record.line.unwrap(), Some(event.at), Some(1)));
            if &*event.id == last {
                return KnownLine::of_history(told);
            }
        }
    }

    #[tokio::test]
    async fn each_host_goes_on_from_its_own_lines() {
        let engines = [
            FakeEngine::start(FakeConfig::default()).await.unwrap(),
            FakeEngine::start(FakeConfig::default()).await.unwrap(),
        ];
        let names = [crate::LOCAL, "far"];
        let mut known = std::collections::BTreeMap::new();
        for (fake, name) in engines.iter().zip(names) {
            tell(fake, &[&format!("{name} 1"), &format!("{name} 2")]).await;
            let host = Host::start(name, FleetConfig::at(fake.endpoint().parse().unwrap()), None);
            let told = until(&host, &format!("{name} 2")).await;
            assert_eq!(told.len(), 2);
            known.insert(name.to_owned(), told.into());
            host.stop().await;
        }
        for (fake, name) in engines.iter().zip(names) {
            tell(fake, &[&format!("{name} 3")]).await;
            let mut config = FleetConfig::at(fake.endpoint().parse().unwrap());
            config.known = known.clone();
            let host = Host::start(name, config, None);
            let told = until(&host, &format!("{name} 3")).await;
            assert_eq!(told.len(), 1, "nothing twice, and no gap");
            host.stop().await;
        }
        for fake in engines {
            fake.stop().await;
        }
    }
}
