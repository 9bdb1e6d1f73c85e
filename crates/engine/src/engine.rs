//! The handle that everything else hangs its calls on.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::call::Call;
use crate::client::Client;
use crate::{ApiVersion, Endpoint, EngineConfig, Error, Ping, RegistryAuth};

/// One engine. Cheap to clone; clones share kept connections and the version agreed on.
///
/// Every call may be made from any task, and dropping its future ends it: a connection whose answer was not read to
/// its end is closed and never used again. What had already reached the engine it does all the same.
///
/// ```no_run
/// # async fn example() -> Result<(), longshore_engine::Error> {
/// use longshore_engine::{Engine, EngineConfig};
///
/// let engine = Engine::new("unix:///var/run/docker.sock".parse()?, EngineConfig::default());
/// let ping = engine.ping().await?;
/// println!("{:?}", ping.api_version);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Engine {
    pub(crate) client: Arc<Client>,
}

impl Engine {
    /// A handle on the engine at `endpoint`. Does no I/O: the first call connects, and agrees on the version.
    #[must_use]
    pub fn new(endpoint: Endpoint, config: EngineConfig) -> Self {
        Self {
            client: Arc::new(Client::new(endpoint, config)),
        }
    }

    /// A handle on an engine that has just answered.
    ///
    /// # Errors
    /// Those of [`Engine::ping`].
    pub async fn connect(endpoint: Endpoint, config: EngineConfig) -> Result<Self, Error> {
        let engine = Self::new(endpoint, config);
        engine.ping().await?;
        Ok(engine)
    }

    /// The same engine under other limits: connections, the version agreed on and the retry budget are shared.
    ///
    /// ```no_run
    /// # async fn example(engine: longshore_engine::Engine) -> Result<(), longshore_engine::Error> {
    /// use std::time::Duration;
    /// let info = engine.with(|config| config.total_timeout(Duration::from_millis(500))).info().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with(&self, change: impl FnOnce(EngineConfig) -> EngineConfig) -> Self {
        Self {
            client: Arc::new(self.client.with(change(self.client.config.clone()))),
        }
    }

    /// The same engine, whose pulls, pushes and builds show these credentials to registries. Default: none.
    ///
    /// ```no_run
    /// # fn example(engine: longshore_engine::Engine) {
    /// use longshore_engine::RegistryAuth;
    /// let engine = engine.with_registry_auth(RegistryAuth::default().docker_config());
    /// # }
    /// ```
    #[must_use]
    pub fn with_registry_auth(&self, auth: RegistryAuth) -> Self {
        Self {
            client: Arc::new(self.client.with_registry_auth(auth)),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.client.endpoint
    }

    /// The limits that it is talked to with.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.client.config
    }

    /// The version of the API that calls carry; `None` before the first call and after a connection was lost.
    #[must_use]
    pub fn api_version(&self) -> Option<ApiVersion> {
        self.client.agreed()
    }

    /// Whether the engine answers, and what it says of itself in the head of its answer. The cheapest call.
    ///
    /// # Errors
    /// [`Error::is_connect`] when there is nothing to talk to, [`Error::is_timeout`] when it does not answer,
    /// [`ErrorKind::Version`](crate::ErrorKind::Version) when it is too old.
    pub async fn ping(&self) -> Result<Ping, Error> {
        self.client.ping().await
    }

    /// Sends a call and reads its answer as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, Error> {
        let answer = self.client.collect(call).await?;
        serde_json::from_slice(&answer.body).map_err(|error| call.malformed(error))
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("endpoint", &self.client.endpoint)
            .field("api_version", &self.client.agreed())
            .finish_non_exhaustive()
    }
}
