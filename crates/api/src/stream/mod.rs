//! The live stream: messages of `GET /api/v1/stream`, its channels and what each carries.
//!
//! One WebSocket, one JSON object a text frame. The client subscribes to channels under ids that it chooses; the
//! server answers `subscribed`, then sends `data` under that id. The server sends `ping` every 20 seconds; a client that
//! says nothing for 60 seconds is disconnected. Queues are bounded: containers and statistics fold together to
//! the newest, events and deaths say how many were missed.

mod channel;
mod data;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::ErrorCode;

pub use channel::{Channel, ContainerStatsParams, DeathsParams, EventsParams, LogsParams, StatsParams};
pub use data::{
    ContainerChanges, ContainerKey, ContainersData, DeathsData, EventsData, HostMetricsData, LogsData,
    StatsData,
};

/// Largest message that the server takes, in bytes; a larger one closes the connection with 1009.
pub const MAX_CLIENT_MESSAGE: usize = 64 * 1024;
/// Most subscriptions of one connection.
pub const MAX_SUBSCRIPTIONS: usize = 64;

/// What a client says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Begin a subscription.
    Subscribe {
        /// Chosen by the client, one that it does not use now.
        id: u64,
        /// Name of a channel.
        channel: String,
        /// What the channel needs; see [`Channel`].
        #[serde(default)]
        #[schema(value_type = Object)]
        params: serde_json::Value,
    },
    /// End a subscription.
    Unsubscribe {
        /// The one to end.
        id: u64,
    },
    /// Asks for a `pong`.
    Ping,
    /// Answers a `ping`.
    Pong,
}

/// What the server says. `D` is one of the data types below; a reader that takes them apart itself uses the
/// default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage<D = serde_json::Value> {
    /// The subscription stands; data follow.
    Subscribed {
        /// Which one.
        id: u64,
    },
    /// Something of a subscription.
    Data {
        /// Which one.
        id: u64,
        /// What its channel carries.
        #[schema(value_type = Object)]
        data: D,
    },
    /// A message was refused, or a subscription failed.
    Error {
        /// Which subscription; `null` when it belongs to none.
        id: Option<u64>,
        /// One of [`ErrorCode`].
        #[schema(value_type = ErrorCode)]
        code: String,
        /// What happened, for a person.
        message: String,
    },
    /// A subscription is over.
    Ended {
        /// Which one.
        id: u64,
        /// Why: `container_stopped`, `container_removed`, `unsubscribed`, `server_stopping`…
        reason: String,
    },
    /// Say `pong`.
    Ping,
    /// Answer to `ping`.
    Pong,
}

impl<D> ServerMessage<D> {
    /// An error message.
    #[must_use]
    pub fn error(id: Option<u64>, code: ErrorCode, message: impl Into<String>) -> Self {
        Self::Error {
            id,
            code: code.as_str().to_owned(),
            message: message.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_messages_have_the_documented_form() {
        let read = |text: &str| serde_json::from_str::<ClientMessage>(text);
        assert_eq!(
            read(r#"{"type":"subscribe","id":7,"channel":"containers"}"#).unwrap(),
            ClientMessage::Subscribe {
                id: 7,
                channel: "containers".into(),
                params: serde_json::Value::Null
            }
        );
        assert_eq!(
            read(r#"{"type":"unsubscribe","id":7,"more":1}"#).unwrap(),
            ClientMessage::Unsubscribe { id: 7 }
        );
        assert_eq!(read(r#"{"type":"pong"}"#).unwrap(), ClientMessage::Pong);
        assert!(read(r#"{"type":"subscribe","id":-1,"channel":"x"}"#).is_err());
        assert!(read("[]").is_err());
    }

    #[test]
    fn server_messages_have_the_documented_form() {
        let write = |message: ServerMessage<EventsData>| serde_json::to_string(&message).unwrap();
        assert_eq!(
            write(ServerMessage::Subscribed { id: 1 }),
            r#"{"type":"subscribed","id":1}"#
        );
        assert_eq!(
            write(ServerMessage::Data {
                id: 1,
                data: EventsData::Lagged(3)
            }),
            r#"{"type":"data","id":1,"data":{"lagged":3}}"#
        );
        assert_eq!(
            write(ServerMessage::error(None, ErrorCode::InvalidRequest, "m")),
            r#"{"type":"error","id":null,"code":"invalid_request","message":"m"}"#
        );
        assert_eq!(write(ServerMessage::Ping), r#"{"type":"ping"}"#);
    }
}
