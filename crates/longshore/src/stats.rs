//! `client.stats()`.

use std::time::Duration;

use longshore_core::{Counters, Usage};
use longshore_engine::StatsStream;
use longshore_runtime::{Sampler, SamplerConfig, Watch};

use crate::client::reference;
use crate::{DockerClient, DockerError};

/// Rates over less say more about the moment of measuring than about the container.
const BETWEEN: Duration = Duration::from_secs(1);

/// What containers use. Counters are what the engine reads; [`Usage`] is made of two of them, and what is not known is
/// not zero.
#[derive(Debug, Clone)]
pub struct Stats(pub(crate) DockerClient);

impl Stats {
    /// One reading of a container's counters: some 1.5 ms from API 1.41 on.
    ///
    /// # Errors
    /// [`is_not_found`](DockerError::is_not_found) when there is none.
    pub async fn counters(&self, container: &str) -> Result<Counters, DockerError> {
        let container = reference(container)?;
        self.0.run(self.0.engine().stats_once(&container)).await
    }

    /// What a container uses now, from two readings a second apart.
    ///
    /// # Errors
    /// [`is_not_found`](DockerError::is_not_found) when there is none.
    pub async fn usage(&self, container: &str) -> Result<Usage, DockerError> {
        let container = reference(container)?;
        let engine = self.0.engine();
        let readings = async {
            let before = engine.stats_once(&container).await?;
            tokio::time::sleep(BETWEEN).await;
            let after = engine.stats_once(&container).await?;
            Ok::<_, longshore_engine::Error>(after.usage(Some(&before)))
        };
        self.0.run(readings).await
    }

    /// Readings about once a second. Costs the engine 0.27 % of a processor a container: for many, or for long, let
    /// [`sampler`](Self::sampler) read for all.
    ///
    /// # Errors
    /// [`is_not_found`](DockerError::is_not_found) when there is none.
    pub async fn stream(&self, container: &str) -> Result<StatsStream, DockerError> {
        let container = reference(container)?;
        self.0.run(self.0.engine().stats_stream(&container)).await
    }

    /// All running containers of a watched engine, sampled once for however many readers, and only while there are any.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use = "sampling ends when it is dropped"]
    pub fn sampler(&self, watch: &Watch) -> Sampler {
        Sampler::start(self.0.engine().clone(), watch.mirror(), SamplerConfig::default())
    }
}
