//! Containers that go when their test does.
//!
//! Owns [`ContainerGuard`], the thread that ends what was dropped, and the sweep of what dead processes left behind. States
//! and the guarantee stand in `docs/design/guard.md`. What a container is to be is a `ContainerSpec`, when it is ready a
//! [`Wait`].
//!
//! ```no_run
//! # async fn example(engine: longshore_engine::Engine) -> Result<(), Box<dyn std::error::Error>> {
//! use longshore_core::ContainerSpec;
//! use longshore_runtime::guard::{ContainerGuard, GuardConfig};
//! use longshore_runtime::wait::Wait;
//! let spec = ContainerSpec::new("redis:8").port(6379, None);
//! let redis = ContainerGuard::start(&engine, spec, &Wait::port(6379), GuardConfig::default()).await?;
//! let (host, port) = redis.address(6379).await?;
//! println!("redis://{host}:{port}");
//! redis.close().await?;
//! # Ok(())
//! # }
//! ```

mod capture;
mod config;
mod faults;
mod owner;
mod reaper;
mod sweep;

use std::fmt;
use std::time::SystemTime;

use longshore_core::{ContainerId, ContainerSpec, ObjectRef, Timestamp, Verb, labels};
use longshore_engine::{Engine, Error};
use xxhash_rust::xxh3::Xxh3;

use crate::wait::{Wait, WaitError, published};
use capture::Capture;
pub use config::{AtEnd, GuardConfig, KEEP};
use owner::Owner;
use reaper::Job;
pub use reaper::settle;
pub use sweep::sweep;

/// On every container that a sweep may take: `remove`, or [`GUARD_KEPT_ON_PANIC`].
const GUARD: &str = "io.longshore.guard";
/// The value for one that may have been kept for the sake of a panic: only its expiry counts.
const GUARD_KEPT_ON_PANIC: &str = "remove-when-expired";
/// After which time of the engine's clock, in Unix seconds, one may be swept whose owner is not known to live.
const EXPIRES: &str = "io.longshore.expires";
/// What a reusable one was made from.
const REUSE: &str = "io.longshore.reuse";

/// How often a container is looked for whose name is taken: two seconds in all.
const NAME_TRIES: u32 = 10;

/// Why there is no guarded container.
#[derive(Debug)]
#[non_exhaustive]
pub enum GuardError {
    /// The engine refused a call.
    Engine(Error),
    /// It was made and did not become ready; it was closed as it would have been at the end.
    NotReady(WaitError),
    /// A container of this name is there, and was made from another spec, or not by a guard.
    NameTaken(String),
    /// The port is published nowhere.
    NotPublished(String),
}

impl fmt::Display for GuardError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(_) => f.write_str("the engine refused what a guard takes"),
            Self::NotReady(_) => f.write_str("the guarded container did not become ready"),
            Self::NameTaken(name) => {
                write!(
                    f,
                    "the container {name} was made from another spec: remove it, or take another name"
                )
            }
            Self::NotPublished(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for GuardError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Engine(error) => Some(error),
            Self::NotReady(error) => Some(error),
            Self::NameTaken(_) | Self::NotPublished(_) => None,
        }
    }
}

impl From<Error> for GuardError {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

/// A container that ends with this value. See the module.
///
/// [`close`](Self::close) is the way: it waits and tells what failed. Dropped instead, the container is handed to a thread,
/// which may not get to it before the process ends; the next guard on the engine sweeps what was left.
pub struct ContainerGuard {
    engine: Engine,
    id: ContainerId,
    name: String,
    config: GuardConfig,
    capture: Option<Capture>,
    /// Networks that it was taken off.
    off: Vec<ObjectRef>,
    is_closed: bool,
}

impl ContainerGuard {
    /// Makes a container, starts it, and waits until `ready` holds. Before the process's first one on an engine, sweeps.
    ///
    /// Name and labels are in the create, so that a future that is dropped leaves nothing that the sweep does not find.
    ///
    /// # Errors
    /// [`GuardError`].
    pub async fn start(
        engine: &Engine,
        spec: ContainerSpec,
        ready: &Wait,
        config: GuardConfig,
    ) -> Result<Self, GuardError> {
        // Sweep, create, start and wait in one: too large to be part of the caller's future.
        Box::pin(Self::started(engine, spec, ready, config)).await
    }

    async fn started(
        engine: &Engine,
        spec: ContainerSpec,
        ready: &Wait,
        config: GuardConfig,
    ) -> Result<Self, GuardError> {
        let config = config.with_environment(std::env::var(KEEP).ok().as_deref());
        sweep::sweep_once(engine).await?;
        let hash = config.reuse.then(|| hash(&spec));
        if let (Some(hash), Some(name)) = (&hash, &spec.name)
            && let Some(found) = Self::reused(engine, name, hash, ready, &config).await?
        {
            return Ok(found);
        }
        let name = spec.name.clone();
        let spec = labelled(engine, spec, hash.as_deref(), &config).await?;
        let created = match (engine.create_container(&spec).await, &hash, &name) {
            (Ok(created), ..) => created,
            // Another one won.
            (Err(error), Some(hash), Some(name)) if error.is_conflict() => {
                return Self::won_by_another(engine, name, hash, ready, &config, error).await;
            }
            (Err(error), ..) => return Err(error.into()),
        };
        Self::guard(engine, created.id, name, config)
            .readied(ready, true)
            .await
    }

    /// The container of this name, when it was made from the same spec.
    async fn reused(
        engine: &Engine,
        name: &str,
        hash: &str,
        ready: &Wait,
        config: &GuardConfig,
    ) -> Result<Option<Self>, GuardError> {
        let Ok(reference) = ObjectRef::new(name) else {
            return Ok(None);
        };
        let found = match engine.inspect_container(&reference).await {
            Ok(found) => found,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if found.labels.get(REUSE).map(String::as_str) != Some(hash) {
            return Err(GuardError::NameTaken(name.to_owned()));
        }
        let is_up = found.state.has_processes();
        let guard = Self::guard(engine, found.id, Some(name.to_owned()), config.clone());
        guard.readied(ready, !is_up).await.map(Some)
    }

    /// The container that another process is making. A name is taken some milliseconds before its container can be seen.
    async fn won_by_another(
        engine: &Engine,
        name: &str,
        hash: &str,
        ready: &Wait,
        config: &GuardConfig,
        conflict: Error,
    ) -> Result<Self, GuardError> {
        for attempt in 1..=NAME_TRIES {
            if let Some(found) = Self::reused(engine, name, hash, ready, config).await? {
                return Ok(found);
            }
            tokio::time::sleep(config.wait.tries.pause(attempt)).await;
        }
        Err(conflict.into())
    }

    fn guard(engine: &Engine, id: ContainerId, name: Option<String>, config: GuardConfig) -> Self {
        let capture = config
            .sink
            .is_some()
            .then(|| Capture::start(engine.clone(), id.clone()));
        Self {
            engine: engine.clone(),
            name: name.unwrap_or_else(|| id.short().to_owned()),
            id,
            config,
            capture,
            off: Vec::new(),
            is_closed: false,
        }
    }

    async fn readied(self, ready: &Wait, is_start: bool) -> Result<Self, GuardError> {
        let held = match is_start {
            true => ready.start(&self.engine, &self.id, &self.config.wait).await,
            false => ready.ready(&self.engine, &self.id, &self.config.wait).await,
        };
        match held {
            Ok(_) => Ok(self),
            Err(error) => {
                if let Err(left) = self.close().await {
                    tracing::warn!(error = %left, "a container that did not become ready is left to the sweep");
                }
                Err(GuardError::NotReady(error))
            }
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &ContainerId {
        &self.id
    }

    /// Its name; the beginning of its id where none was chosen.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn reference(&self) -> ObjectRef {
        ObjectRef::from(&self.id)
    }

    /// The last lines that it has printed until now, oldest first: those that are shown when the test panics. None where
    /// nobody is to see them ([`GuardConfig::on_panic`]).
    #[must_use]
    pub fn last_lines(&self) -> Vec<String> {
        self.capture.as_ref().map(Capture::lines).unwrap_or_default()
    }

    /// Where a TCP port of it is reached from here. Asked of the engine each time: it may change with a restart.
    ///
    /// # Errors
    /// [`GuardError::NotPublished`], and those of the engine.
    pub async fn address(&self, port: u16) -> Result<(String, u16), GuardError> {
        let container = self.engine.inspect_container(&self.reference()).await?;
        published(&self.engine, self.config.wait.host.as_deref(), &container, port)
            .map_err(GuardError::NotPublished)
    }

    /// Ends it as the configuration says, and waits for that. One that is gone already is fine.
    ///
    /// Dropped half-way, it ends as by `Drop`.
    ///
    /// # Errors
    /// What the engine answered; the container is then left to the sweep.
    pub async fn close(mut self) -> Result<(), Error> {
        if let Some(capture) = &self.capture {
            capture.stop().await;
        }
        let acted = match self.end() {
            None => Ok(()),
            Some(verb) => match self.engine.act(&self.reference(), &verb).await {
                Err(error) if !error.is_not_found() => Err(error),
                _ => Ok(()),
            },
        };
        self.is_closed = true;
        acted
    }

    /// Leaves the container as it is, whatever happens. A sweep takes it all the same once its owner is gone, unless it was
    /// made with [`AtEnd::Keep`].
    #[must_use]
    pub fn keep(mut self) -> ContainerId {
        self.is_closed = true;
        self.id.clone()
    }

    fn end(&self) -> Option<Verb> {
        match self.config.at_end {
            AtEnd::Remove => Some(Verb::Remove {
                force: true,
                volumes: true,
            }),
            AtEnd::Stop => Some(Verb::STOP),
            AtEnd::Keep => None,
        }
    }
}

impl Drop for ContainerGuard {
    fn drop(&mut self) {
        if self.is_closed {
            return;
        }
        let is_panic = std::thread::panicking();
        if is_panic && let Some(sink) = &self.config.sink {
            sink(&self.name, &self.last_lines());
        }
        if is_panic && self.config.keep_on_panic {
            return;
        }
        if let Some(verb) = self.end() {
            reaper::hand_over(Job {
                endpoint: self.engine.endpoint().clone(),
                config: self.engine.config().clone(),
                container: self.reference(),
                verb,
            });
        }
    }
}

impl fmt::Debug for ContainerGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContainerGuard")
            .field("name", &self.name)
            .field("id", &self.id)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// The spec with the labels by which it is found again.
async fn labelled(
    engine: &Engine,
    spec: ContainerSpec,
    hash: Option<&str>,
    config: &GuardConfig,
) -> Result<ContainerSpec, Error> {
    let mut spec = spec.label(labels::OWNER, Owner::me().as_str());
    if let Some(hash) = hash {
        spec = spec.label(REUSE, hash);
    }
    if config.at_end == AtEnd::Remove {
        let now = engine.info().await?.system_time;
        let now = now.unwrap_or_else(|| Timestamp::from(SystemTime::now()));
        let after = i64::try_from(config.expires_after.as_secs()).unwrap_or(i64::MAX);
        let value = if config.keep_on_panic {
            GUARD_KEPT_ON_PANIC
        } else {
            "remove"
        };
        spec = spec
            .label(GUARD, value)
            .label(EXPIRES, now.as_secs().saturating_add(after).to_string());
    }
    Ok(spec)
}

/// What tells two specs apart. Not a secret's safe: whoever may read a container's labels may read its environment.
fn hash(spec: &ContainerSpec) -> String {
    let mut hash = Xxh3::new();
    hash.update(format!("{spec:?}").as_bytes());
    for value in &spec.env.0 {
        hash.update(value.as_bytes());
        hash.update(&[0]);
    }
    format!("{:032x}", hash.digest128())
}
