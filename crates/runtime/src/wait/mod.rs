//! Waiting until a container is as it should be.
//!
//! Owns conditions ([`Wait`]), how they are found out, and the error that says why one did not come to hold. Values, states
//! and bounds stand in `docs/design/wait.md`.
//!
//! ```no_run
//! # async fn example(engine: longshore_engine::Engine, id: longshore_core::ContainerId) -> Result<(), longshore_runtime::wait::WaitError> {
//! use std::time::Duration;
//! use longshore_runtime::wait::{Wait, WaitConfig};
//! let ready = Wait::port(6379).and(Wait::log_line("Ready to accept connections"));
//! let config = WaitConfig::default().within(Duration::from_secs(20));
//! // Nothing that it prints while it starts is missed.
//! let started = ready.start(&engine, &id, &config).await?;
//! println!("{} was ready after {:?}", started.container.name, started.waited);
//! # Ok(())
//! # }
//! ```

mod condition;
mod drive;
mod error;
mod http;
mod port;
mod probe;

use std::time::Duration;

use longshore_core::{Container, ContainerId, ObjectRef, Verb};
use longshore_engine::Engine;

use crate::Backoff;

pub use condition::Wait;
use drive::Drive;
pub use error::{WaitError, WaitErrorKind};
pub use http::HttpCheck;
pub(crate) use http::call as http_call;
pub(crate) use port::published;

/// How to wait.
///
/// ```
/// use std::time::Duration;
/// use longshore_runtime::wait::WaitConfig;
/// let config = WaitConfig::default().within(Duration::from_secs(5)).reached_at("engine.example");
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WaitConfig {
    /// For how long, counted from the start (`start`) or the first look (`ready`). Default: 60 s.
    pub deadline: Duration,
    /// The host at which published ports answer. Default: the engine's, which is this machine for a unix socket, and the
    /// address that a port is bound to where that is one.
    pub host: Option<String>,
    /// Pauses between two tries of what has no event. Default: 10 ms to 500 ms, without jitter.
    pub tries: Backoff,
    /// Pauses while the engine is away.
    pub backoff: Backoff,
}

impl Default for WaitConfig {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(60),
            host: None,
            tries: Backoff {
                first: Duration::from_millis(10),
                longest: Duration::from_millis(500),
                jitter: 0.0,
                ..Backoff::default()
            },
            backoff: Backoff::default(),
        }
    }
}

impl WaitConfig {
    /// Sets [`Self::deadline`].
    #[must_use]
    pub fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets [`Self::host`].
    #[must_use]
    pub fn reached_at(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }
}

/// The condition held.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Held {
    /// The container as it was seen last; of one that is removed, before that.
    pub container: Container,
    /// How long it took.
    pub waited: Duration,
}

impl Wait {
    /// Starts a container that was made, and waits. Events and log are followed from before the start, so that nothing of
    /// the run is missed, however short it is: but of a container that the engine removes as soon as it ends, lines may go
    /// with it before they could be read (some 100 ms), and then do not count.
    ///
    /// Dropping the future ends the waiting; the start that was sent happens all the same.
    ///
    /// # Errors
    /// [`WaitError`], as [`Wait::ready`] has it; and what the start itself failed with.
    pub async fn start(
        &self,
        engine: &Engine,
        container: &ContainerId,
        config: &WaitConfig,
    ) -> Result<Held, WaitError> {
        // It holds the calls of every leaf: too large to be part of the caller's future.
        Box::pin(async move {
            let mut drive = Drive::prepare(self, engine, container, config, true).await?;
            let reference = ObjectRef::from(container);
            let start = engine.act(&reference, &Verb::Start);
            drive.begin();
            tokio::select! {
                biased;
                // A condition that holds without it, or cannot hold, ends the waiting no earlier than the start.
                started = start => {
                    started.map_err(|error| WaitError::engine(self, error))?;
                }
                never = drive.absorb() => match never {},
            }
            drive.run().await
        })
        .await
    }

    /// Waits for a container that was started, or that somebody else will start.
    ///
    /// The run that is under way counts from its beginning, with its lines and its end; of a container that does not run,
    /// its last run. Dropping the future ends the waiting.
    ///
    /// # Errors
    /// [`WaitErrorKind::Deadline`] when it did not come to hold in time, [`WaitErrorKind::Died`] or
    /// [`WaitErrorKind::Removed`] when it cannot any more (or there is no such container), [`WaitErrorKind::Engine`] when its
    /// log cannot be read. An engine that is away is waited for.
    pub async fn ready(
        &self,
        engine: &Engine,
        container: &ContainerId,
        config: &WaitConfig,
    ) -> Result<Held, WaitError> {
        Box::pin(async move {
            let mut drive = Drive::prepare(self, engine, container, config, false).await?;
            drive.begin();
            drive.run().await
        })
        .await
    }
}
