//! The plain messages of `GET /api/v1/events/ws`: every event of every host to any client, without a protocol around it.
//!
//! One JSON object a text frame, [`MonitorMessage`]; what its payload is, `message_type` says ([`MessageType`]). A client
//! says [`MonitorRequest`], and nothing else. Differences to the rest of this contract, so that programs for other event
//! monitors read it: `timestamp` and `time` are Unix seconds, and `time_nano` is a number, as engines send it. Order is
//! not by it but by arrival; keep `cursor` and give it back as `resume`.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::events::Gap;

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageType {
    /// An event of a container: [`EventPayload`].
    ContainerEvent,
    /// An event of an image: [`EventPayload`].
    ImageEvent,
    /// An event of a volume: [`EventPayload`].
    VolumeEvent,
    /// An event of a network: [`EventPayload`].
    NetworkEvent,
    /// Any other event: [`EventPayload`].
    DockerEvent,
    /// An engine is gone, or what the client said was refused: [`ErrorPayload`].
    DockerError,
    /// An engine is back: [`RestoredPayload`].
    DockerRestored,
    /// Events may be missing here: [`GapPayload`].
    DockerGap,
    /// This client was too slow: [`LaggedPayload`].
    DockerLagged,
    /// The filters that hold from here on: [`MonitorRequest`].
    DockerFilters,
    /// An array of messages, for who asked with `?batch=1`.
    DockerBatch,
}

impl MessageType {
    /// That of an event of a kind of object, as engines name it.
    #[must_use]
    pub fn of_event(kind: &str) -> Self {
        match kind {
            "container" => Self::ContainerEvent,
            "image" => Self::ImageEvent,
            "volume" => Self::VolumeEvent,
            "network" => Self::NetworkEvent,
            _ => Self::DockerEvent,
        }
    }
}

/// A message. A reader that takes payloads apart itself uses the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MonitorMessage<P = serde_json::Value> {
    /// What the payload is.
    pub message_type: MessageType,
    /// What there is to say.
    #[schema(value_type = Object)]
    pub payload: P,
    /// When the server had it, Unix seconds.
    pub timestamp: i64,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventPayload<'a> {
    /// `container`, `image`, `network`, `volume`…
    #[schema(value_type = String)]
    pub event_type: Cow<'a, str>,
    /// `start`, `die`, `health_status: healthy`…
    #[schema(value_type = String)]
    pub action: Cow<'a, str>,
    /// What it happened to.
    #[schema(value_type = EventActor)]
    pub actor: EventActor<'a>,
    /// `local` or `swarm`.
    #[schema(value_type = String)]
    pub scope: Cow<'a, str>,
    /// When it happened, by the engine's clock, Unix seconds.
    pub time: i64,
    /// The same in nanoseconds. More than a number of JavaScript holds exactly.
    pub time_nano: i64,
    /// The host.
    #[schema(value_type = String)]
    pub host: Cow<'a, str>,
    /// The place after it: give it back as `resume`.
    #[schema(value_type = String)]
    pub cursor: Cow<'a, str>,
    /// The engine did not send it: it was concluded from a difference found after a gap.
    pub synthetic: bool,
    /// It came after events that happened later.
    pub late: bool,
}

/// What an event happened to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventActor<'a> {
    /// Its id; a volume's name.
    #[schema(value_type = String)]
    pub id: Cow<'a, str>,
    /// What the engine adds: names, labels, exit codes.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub attributes: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

/// An engine is gone, or what the client said was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorPayload {
    /// What happened, for a person.
    pub error: String,
    /// When, Unix seconds.
    pub timestamp: i64,
    /// The host; `null` when it is about what the client said.
    pub host: Option<String>,
    /// What a person can do about it.
    pub hint: Option<String>,
}

/// An engine is back. What happened meanwhile follows, or a gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RestoredPayload {
    /// The host.
    pub host: String,
    /// Since when, Unix seconds.
    pub timestamp: i64,
}

/// Events may be missing here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GapPayload {
    /// What may be missing.
    #[serde(flatten)]
    pub gap: Gap,
    /// The host.
    pub host: String,
    /// The place after it: give it back as `resume`.
    pub cursor: String,
}

/// This client was too slow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LaggedPayload {
    /// So many records it will not get, exactly, whether its filters let them through or not.
    pub n: u64,
    /// Of this host.
    pub host: String,
}

/// What a client says: the filters that are to hold from now on. Also the answer to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MonitorRequest {
    /// In place of those before; none lets everything through. A plain word fits a part of the type or of the action;
    /// `type:`, `action:`, `name:`, `image:`, `label:` and `host:` before a word are exact.
    pub filters: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_documented_form() {
        let message = MonitorMessage {
            message_type: MessageType::of_event("container"),
            payload: EventPayload {
                event_type: "container".into(),
                action: "die".into(),
                actor: EventActor {
                    id: "4f5a".into(),
                    attributes: BTreeMap::from([("exitCode".into(), "137".into())]),
                },
                scope: "local".into(),
                time: 1,
                time_nano: 1_500_000_000,
                host: "local".into(),
                cursor: "local=1.a.7".into(),
                synthetic: false,
                late: false,
            },
            timestamp: 2,
        };
        let text = serde_json::to_string(&message).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"message_type":"container_event","payload":{"event_type":"container","action":"die","actor":{"id":"4f5a","#,
                r#""attributes":{"exitCode":"137"}},"scope":"local","time":1,"time_nano":1500000000,"host":"local","#,
                r#""cursor":"local=1.a.7","synthetic":false,"late":false},"timestamp":2}"#
            )
        );
        assert_eq!(
            serde_json::from_str::<MonitorMessage<EventPayload<'_>>>(&text).unwrap(),
            message
        );
    }

    #[test]
    fn every_kind_has_its_word_and_what_is_new_is_a_docker_event() {
        let word = |kind| serde_json::to_value(MessageType::of_event(kind)).unwrap();
        for kind in ["container", "image", "volume", "network"] {
            assert_eq!(word(kind), format!("{kind}_event"));
        }
        for kind in ["plugin", "service", "daemon", "builder", "teapot", ""] {
            assert_eq!(word(kind), "docker_event");
        }
    }

    #[test]
    fn the_others_have_the_documented_form() {
        let gap = GapPayload {
            gap: Gap {
                from: None,
                to: Some("2026-01-02T03:04:05Z".into()),
                reason: "missed".into(),
            },
            host: "local".into(),
            cursor: "local=1.a.7".into(),
        };
        assert_eq!(
            serde_json::to_string(&gap).unwrap(),
            r#"{"from":null,"to":"2026-01-02T03:04:05Z","reason":"missed","host":"local","cursor":"local=1.a.7"}"#
        );
        let error = ErrorPayload {
            error: "gone".into(),
            timestamp: 3,
            host: None,
            hint: None,
        };
        assert_eq!(
            serde_json::to_string(&error).unwrap(),
            r#"{"error":"gone","timestamp":3,"host":null,"hint":null}"#
        );
        let read = |text: &str| serde_json::from_str::<MonitorRequest>(text);
        assert_eq!(read(r#"{"filters":["a"]}"#).unwrap().filters, ["a"]);
        for rubbish in [
            "{}",
            "[]",
            r#"{"filters":"a"}"#,
            r#"{"filters":[1]}"#,
            r#"{"filters":[],"x":1}"#,
        ] {
            assert!(read(rubbish).is_err(), "{rubbish}");
        }
    }
}
