//! The way out of a subscription: encodes, and waits for room in the connection's queue.

use longshore_api::ServerMessage;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::error::ApiError;

/// Messages that wait for a slow reader. A full queue stops its subscriptions, which then fold what they have.
pub(super) const QUEUE: usize = 16;

/// Why a subscription stops.
#[derive(Debug)]
pub(super) enum Stop {
    /// Something failed: the client is told.
    Failed(ApiError),
    /// The connection is gone: nobody is left to be told.
    Closed,
}

impl<E: Into<ApiError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Sends messages of one subscription.
#[derive(Debug, Clone)]
pub(super) struct Outlet {
    pub(super) id: u64,
    pub(super) queue: mpsc::Sender<Utf8Bytes>,
}

impl Outlet {
    /// Says that the subscription stands.
    pub(super) async fn subscribed(&self) -> Result<(), Stop> {
        self.send(&ServerMessage::<()>::Subscribed { id: self.id }).await
    }

    /// Sends data. Waits while the reader is slow.
    pub(super) async fn data<D: Serialize>(&self, data: D) -> Result<(), Stop> {
        self.send(&ServerMessage::Data { id: self.id, data }).await
    }

    async fn send<D: Serialize>(&self, message: &ServerMessage<D>) -> Result<(), Stop> {
        // Encoded only when there is room, so that what waits is not built twice.
        let place = self.queue.reserve().await.map_err(|_| Stop::Closed)?;
        place.send(encode(message));
        Ok(())
    }
}

/// A message as a text frame's payload.
pub(super) fn encode<D: Serialize>(message: &ServerMessage<D>) -> Utf8Bytes {
    // Our types have no maps with other keys than texts, so this does not fail.
    serde_json::to_string(message).unwrap_or_default().into()
}
