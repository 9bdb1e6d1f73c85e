//! The live stream: messages of `GET /api/v1/stream`, its channels and what each carries.
//!
//! One WebSocket, one JSON object a text frame. The client subscribes to channels under ids that it chooses; the
//! server answers `subscribed`, then sends `data` under that id. The server sends `ping` every 20 seconds; a client that
//! says nothing for 60 seconds is disconnected. Queues are bounded: containers and statistics fold together to
//! the newest, events say how many were missed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::containers::{ContainerRow, ContainersReply};
use crate::error::ErrorCode;
use crate::events::EventRecord;
use crate::hosts::HostRow;
use crate::logs::LogLine;
use crate::stats::{HostMetrics, StatsSample};

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

/// A channel and its parameters, as `channel` and `params` of a subscribe message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "channel", content = "params", rename_all = "snake_case")]
pub enum Channel {
    /// Every container of every host; carries [`ContainersData`].
    Containers {},
    /// Events of every host; carries [`EventsData`].
    Events(EventsParams),
    /// Statistics of every container, once a second; carries [`StatsData`].
    Stats(StatsParams),
    /// Statistics of one container; carries [`StatsData`].
    ContainerStats(ContainerStatsParams),
    /// Sums a host, once a second; carries [`HostMetricsData`].
    HostMetrics {},
    /// Output of one container, followed; carries [`LogsData`].
    Logs(LogsParams),
}

/// Parameters of `events`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct EventsParams {
    /// Begin after this cursor.
    pub since: Option<String>,
    /// How much history comes first; 100 when not given.
    pub limit: Option<u32>,
}

/// Parameters of `stats`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct StatsParams {
    /// How many older samples of each container come first; none when not given.
    pub history: Option<u32>,
}

/// Parameters of `container_stats`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContainerStatsParams {
    /// The host.
    pub host: String,
    /// Id, unique prefix or name.
    pub id: String,
    /// How many older samples come first; none when not given.
    #[serde(default)]
    pub history: Option<u32>,
}

/// Parameters of `logs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogsParams {
    /// The host.
    pub host: String,
    /// Id, unique prefix or name.
    pub id: String,
    /// How many lines of the past come first; all when not given.
    #[serde(default)]
    pub tail: Option<u64>,
    /// Only what was written at or after this time, RFC 3339.
    #[serde(default)]
    pub since: Option<String>,
    /// With standard output; so when not given.
    #[serde(default)]
    pub stdout: Option<bool>,
    /// With standard error; so when not given.
    #[serde(default)]
    pub stderr: Option<bool>,
}

/// What `containers` carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContainersData {
    /// Everything; first, and again where changes would be more.
    Snapshot(ContainersReply),
    /// What changed since.
    Changes(ContainerChanges),
    /// The hosts, when one of them changed.
    Hosts(Vec<HostRow>),
}

/// What changed among the containers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContainerChanges {
    /// New ones, and those with new values.
    pub upserted: Vec<ContainerRow>,
    /// Those that are gone.
    pub removed: Vec<ContainerKey>,
}

/// Names one container of the fleet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContainerKey {
    /// Its host.
    pub host: String,
    /// Its full id.
    pub id: String,
}

/// What `events` carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventsData {
    /// Events and gaps, oldest first.
    Events(Vec<EventRecord>),
    /// This reader was too slow and missed so many.
    Lagged(u64),
}

/// What `stats` and `container_stats` carry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatsData {
    /// Oldest first.
    pub samples: Vec<StatsSample>,
}

/// What `host_metrics` carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HostMetricsData {
    /// One a host.
    pub hosts: Vec<HostMetrics>,
}

/// What `logs` carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogsData {
    /// In the order in which they came.
    pub lines: Vec<LogLine>,
}

impl Channel {
    /// The names of all channels.
    pub const NAMES: &'static [&'static str] = &[
        "containers",
        "events",
        "stats",
        "container_stats",
        "host_metrics",
        "logs",
    ];

    /// Reads a channel from the two fields of a subscribe message.
    ///
    /// # Errors
    /// [`ErrorCode::UnknownChannel`] for a name that is none, [`ErrorCode::InvalidRequest`] for parameters that do not
    /// fit; each with a text for a person.
    pub fn parse(channel: &str, params: serde_json::Value) -> Result<Self, (ErrorCode, String)> {
        if !Self::NAMES.contains(&channel) {
            // What a stranger sent is not repeated at length.
            let shown: String = channel.chars().take(40).collect();
            let names = Self::NAMES.join(", ");
            return Err((
                ErrorCode::UnknownChannel,
                format!("no channel {shown:?}; there are {names}"),
            ));
        }
        let params = if params.is_null() {
            serde_json::json!({})
        } else {
            params
        };
        serde_json::from_value(serde_json::json!({ "channel": channel, "params": params }))
            .map_err(|error| (ErrorCode::InvalidRequest, format!("params of {channel}: {error}")))
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

    #[test]
    fn channels_take_their_parameters() {
        let null = serde_json::Value::Null;
        assert_eq!(
            Channel::parse("containers", null.clone()),
            Ok(Channel::Containers {})
        );
        assert_eq!(
            Channel::parse("events", null.clone()),
            Ok(Channel::Events(EventsParams::default()))
        );
        let Ok(Channel::Logs(logs)) = Channel::parse(
            "logs",
            serde_json::json!({"host":"local","id":"web","tail":5,"x":1}),
        ) else {
            panic!("not a logs channel")
        };
        assert_eq!((logs.id.as_str(), logs.tail), ("web", Some(5)));
        assert_eq!(
            Channel::parse("nope", null.clone()).unwrap_err().0,
            ErrorCode::UnknownChannel
        );
        let (code, text) = Channel::parse("logs", null).unwrap_err();
        assert_eq!(code, ErrorCode::InvalidRequest);
        assert!(text.contains("host"), "{text}");
    }

    #[test]
    fn container_data_say_what_they_are() {
        let data = ContainersData::Changes(ContainerChanges {
            upserted: vec![],
            removed: vec![ContainerKey {
                host: "local".into(),
                id: "a".into(),
            }],
        });
        assert_eq!(
            serde_json::to_string(&data).unwrap(),
            r#"{"changes":{"upserted":[],"removed":[{"host":"local","id":"a"}]}}"#
        );
    }
}
