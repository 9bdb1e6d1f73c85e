//! A fake Docker engine: HTTP/1.1 over a unix socket or TCP, in this process, with what is nasty in the
//! real one and with faults at any byte.
//!
//! Owns: containers, images, networks, volumes, execs and their verbs; the event log (`ring`'s 256, replay, queues, silent
//! drops); lists that lag; a clock that steps; restarts, freezes, cuts. Leaves to others: being right about
//! anything else. It never replaces a test on a real engine.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use longshore_testkit::fake::{FakeConfig, FakeEngine, Spec};
//! use longshore_testkit::raw::Connection;
//!
//! let engine = FakeEngine::start(FakeConfig::default()).await.unwrap();
//! let id = engine.create(Spec::new("sample").name("web")).await.unwrap();
//! engine.start_container(&id).await.unwrap();
//! engine.faults().cut_after("GET /containers/json", 40);
//!
//! let mut connection = Connection::connect(&engine.target()).await.unwrap();
//! assert!(connection.call("GET", "/containers/json", None).await.is_err());
//! engine.stop().await;
//! # });
//! ```

mod churn;
mod clock;
mod config;
mod container;
mod control;
mod event;
mod events;
mod exec;
mod fault;
mod http;
mod logs;
mod look;
mod networks;
mod request;
mod ring;
mod route;
mod running;
mod server;
mod spec;
mod stats;
mod verbs;
mod volumes;
mod wait;
mod world;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::raw::Target;
use clock::{Clock, Dice};
use ring::EventLog;
use server::Door;
use world::{Image, World};

pub use config::{FakeConfig, Listen};
pub use control::Restart;
pub use event::{Draft, FakeEvent};
pub use exec::Script;
pub use fault::{Fault, Faults, Matcher};
pub use spec::{Run, Spec};
pub use verbs::Did;
pub use world::Refusal;

/// The image that every fake engine has.
pub const SAMPLE_IMAGE: &str = "sample:latest";

/// A lock whose holder panicked is still good here: the test has failed anyway, and says so itself.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What every connection of one fake engine shares.
#[derive(Debug)]
struct Shared {
    config: FakeConfig,
    engine_id: String,
    network_id: String,
    clock: Clock,
    dice: Dice,
    log: EventLog,
    world: Mutex<World>,
    /// Told when any container changed or logged.
    changed: Notify,
    faults: Faults,
    frozen: watch::Sender<bool>,
    scripts: Mutex<Vec<(Vec<String>, Script)>>,
    requests: AtomicU64,
    calls: Mutex<HashMap<String, u64>>,
    /// Cancelled and replaced when all connections are broken.
    connections: Mutex<CancellationToken>,
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Shared {
    async fn emit(&self, draft: Draft) -> Arc<FakeEvent> {
        self.log.emit(draft, &self.clock, &self.dice).await
    }

    /// The newest script whose words begin `argv`.
    fn script(&self, argv: &[String]) -> Script {
        let scripts = lock(&self.scripts);
        let found = scripts.iter().rev().find(|(words, _)| argv.starts_with(words));
        found.map_or_else(|| exec::default_script(argv), |(_, script)| script.clone())
    }
}

/// A fake engine that runs until it is stopped or dropped.
///
/// All of its tasks belong to it. Dropping it tells them to end; [`stop`](Self::stop) also waits.
#[derive(Debug)]
pub struct FakeEngine {
    shared: Arc<Shared>,
    door: tokio::sync::Mutex<Door>,
    target: Target,
    _folder: Option<tempfile::TempDir>,
}

impl FakeEngine {
    /// Starts an engine with one image, [`SAMPLE_IMAGE`] (also known as `sample`), and no container.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(config: FakeConfig) -> io::Result<Self> {
        let dice = Dice::new(config.seed);
        let folder = match config.listen {
            Listen::Temporary => Some(tempfile::Builder::new().prefix("longshore-fake-").tempdir()?),
            Listen::Unix(_) | Listen::Tcp(_) => None,
        };
        let settings = ring::Settings {
            ring: config.ring,
            queue: config.queue,
            patience: config.patience,
            interleave: config.interleave,
            keep_truth: config.keep_truth,
        };
        let shared = Arc::new(Shared {
            engine_id: format!("FAKE:{:016X}", dice.roll()),
            network_id: dice.id(),
            clock: Clock::default(),
            log: EventLog::new(settings),
            world: Mutex::default(),
            changed: Notify::new(),
            faults: Faults::default(),
            frozen: watch::Sender::new(false),
            scripts: Mutex::default(),
            requests: AtomicU64::new(0),
            calls: Mutex::default(),
            connections: Mutex::default(),
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
            dice,
            config,
        });
        let (door, target) = Door::open(&shared, folder.as_ref().map(tempfile::TempDir::path)).await?;
        let engine = Self {
            shared,
            door: tokio::sync::Mutex::new(door),
            target,
            _folder: folder,
        };
        engine.add_image(SAMPLE_IMAGE, 4 << 20);
        Ok(engine)
    }

    /// Where it listens, for [`raw`](crate::raw).
    #[must_use]
    pub fn target(&self) -> Target {
        self.target.clone()
    }

    /// Where it listens, as `DOCKER_HOST` writes it.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.target.to_string()
    }

    /// The path of its socket, when it listens on one.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        match &self.target {
            Target::Unix(path) => Some(path),
            Target::Tcp(_) => None,
        }
    }

    /// The faults that it will make.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Adds an image; its id is made up.
    pub fn add_image(&self, tag: &str, size: u64) -> String {
        let id = format!("sha256:{}", self.shared.dice.id());
        let created = self.shared.clock.now();
        let image = Image {
            id: id.clone(),
            tags: vec![tag.to_owned()],
            created,
            size,
        };
        lock(&self.shared.world).images.push(image);
        id
    }

    /// Ends it and waits for all of its tasks.
    pub async fn stop(self) {
        self.shared.stop.cancel();
        self.shared.tracker.close();
        self.shared.tracker.wait().await;
    }
}

impl Drop for FakeEngine {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}
