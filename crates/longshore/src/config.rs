//! How patiently a client talks to its engine.

use std::time::Duration;

use longshore_engine::{EngineConfig, Retry};

/// Limits of a [`DockerClient`](crate::DockerClient). Finer ones are set on a call: see
/// [`DockerClient::engine`](crate::DockerClient::engine) and `Engine::with`.
///
/// ```
/// use std::time::Duration;
/// use longshore::DockerConfig;
/// let config = DockerConfig {
///     operation_timeout: Duration::from_secs(30),
///     ..DockerConfig::default()
/// };
/// assert_eq!(config.retry_attempts, 3);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DockerConfig {
    /// For a plain call in all, and for a transfer (a pull, a build, a copy) between two bytes. Default: 600 s.
    pub operation_timeout: Duration,
    /// For opening a connection. Default: 30 s.
    pub connection_timeout: Duration,
    /// How often a call is tried again after the first time, when its failure may pass by itself and it is harmless to
    /// repeat. Default: 3.
    pub retry_attempts: u32,
    /// The pause before the first retry; it doubles with each, and half of it is random. Default: 1 s.
    pub retry_delay: Duration,
}

impl Default for DockerConfig {
    fn default() -> Self {
        Self {
            operation_timeout: Duration::from_secs(600),
            connection_timeout: Duration::from_secs(30),
            retry_attempts: 3,
            retry_delay: Duration::from_secs(1),
        }
    }
}

impl DockerConfig {
    pub(crate) fn engine(self) -> EngineConfig {
        let mut retry = Retry::times(self.retry_attempts);
        retry.backoff.first = self.retry_delay;
        retry.backoff.longest = retry.backoff.longest.max(self.retry_delay);
        EngineConfig::default()
            .connect_timeout(self.connection_timeout)
            .head_timeout(self.operation_timeout)
            .idle_timeout(self.operation_timeout)
            .total_timeout(self.operation_timeout)
            .retry(retry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_reaches_the_engine() {
        let config = DockerConfig {
            operation_timeout: Duration::from_millis(1_500),
            connection_timeout: Duration::from_millis(250),
            retry_attempts: 7,
            retry_delay: Duration::from_millis(20),
        };
        let engine = config.engine();
        assert_eq!(engine.connect_timeout, Duration::from_millis(250));
        let operation = Duration::from_millis(1_500);
        assert_eq!(
            (engine.head_timeout, engine.idle_timeout, engine.total_timeout),
            (operation, Some(operation), operation)
        );
        assert_eq!(
            (engine.retry.attempts, engine.retry.backoff.first),
            (7, Duration::from_millis(20))
        );
    }
}
