//! `client.events()`.

use longshore_engine::{EventStream, EventsQuery};
use longshore_runtime::{Watch, WatchConfig};

use crate::{DockerClient, DockerError};

/// What happens on the engine.
#[derive(Debug, Clone)]
pub struct Events(pub(crate) DockerClient);

impl Events {
    /// Follows the engine through its restarts and ours: events without silent loss, and a live mirror of its
    /// containers. One watch an engine is enough, however many listen. Never fails: an engine that is not there is a
    /// status.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use = "a watch ends when it is dropped"]
    pub fn watch(&self) -> Watch {
        Watch::start(self.0.engine().clone(), WatchConfig::default())
    }

    /// The bare stream of one connection: it ends when the connection breaks, and an engine drops events for who does
    /// not read at once. For a look at the past, or where [`watch`](Self::watch) is too much.
    ///
    /// # Errors
    /// As every call. In the stream, an `Err` is the last item.
    pub async fn stream(&self, query: &EventsQuery) -> Result<EventStream, DockerError> {
        self.0.run(self.0.engine().events(query)).await
    }
}
