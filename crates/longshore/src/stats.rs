//! `client.stats()`.

use std::time::Duration;

use longshore_core::{Assessment, ContainerState, Counters, Usage};
use longshore_engine::StatsStream;
use longshore_runtime::{Monitor, Sampler, SamplerConfig, Watch};

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

    /// Watches one container over a window: averages, peaks and percentiles of any part of it, from at most `capacity`
    /// samples of 280 bytes. It samples once a second, or as far apart as makes the capacity cover the window; from the
    /// container's cgroup files where the engine is on this machine, else with two calls a sample. For many containers
    /// let [`sampler`](Self::sampler) read for all.
    ///
    /// ```no_run
    /// # async fn example(client: longshore::DockerClient) -> Result<(), longshore::DockerError> {
    /// use std::time::Duration;
    ///
    /// let minute = Duration::from_secs(60);
    /// let mut monitor = client.stats().monitor_with_aggregation("db", minute, 60).await?;
    /// while monitor.next().await.is_some() {
    ///     // None is unknown, and not zero.
    ///     if let Some(mb) = monitor.peak_memory_usage(minute) {
    ///         println!("{mb:.1} MB at most, {:?} % of a processor", monitor.avg_cpu_usage(minute / 2));
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`is_not_found`](DockerError::is_not_found) when there is none. One that does not run is watched until it does.
    pub async fn monitor_with_aggregation(
        &self,
        container: &str,
        window: Duration,
        capacity: usize,
    ) -> Result<Monitor, DockerError> {
        let container = reference(container)?;
        let engine = self.0.engine();
        let found = self.0.run(engine.inspect_container(&container)).await?;
        Ok(Monitor::start(engine.clone(), found.id, window, capacity))
    }

    /// How well a container is, and why: by its state, its health check, its restarts, and what it uses over a second.
    ///
    /// # Errors
    /// [`is_not_found`](DockerError::is_not_found) when there is none.
    pub async fn assess(&self, container: &str) -> Result<Assessment, DockerError> {
        let container = reference(container)?;
        let engine = self.0.engine();
        let found = self.0.run(engine.inspect_container(&container)).await?;
        let usage = match found.state {
            ContainerState::Running => Some(self.usage(found.id.as_str()).await?),
            _ => None,
        };
        Ok(longshore_core::assess(&found, usage.as_ref()))
    }
}
