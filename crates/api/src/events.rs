//! Events as the history and the live channel give them, and the gaps between them.
//!
//! A cursor is opaque: keep it, hand it back as `since`, and what follows is what came after it, or a gap that
//! says what may be missing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One line of history: an event, or the notice that some may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum EventRecord {
    /// Events may be missing here.
    Gap(GapEntry),
    /// An event.
    Event(EventEntry),
}

impl EventRecord {
    /// The cursor of this line.
    #[must_use]
    pub fn cursor(&self) -> &str {
        match self {
            Self::Gap(gap) => &gap.cursor,
            Self::Event(event) => &event.cursor,
        }
    }
}

/// An event of an engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventEntry {
    /// The host that it happened on.
    pub host: String,
    /// Where it stands in the history.
    pub cursor: String,
    /// `container`, `image`, `network`, `volume`…
    #[serde(rename = "type")]
    pub kind: String,
    /// `start`, `die`, `health_status: healthy`…
    pub action: String,
    /// Id of the thing that it happened to.
    pub id: String,
    /// Its name, where the engine tells one.
    pub name: Option<String>,
    /// What else the engine tells.
    pub attributes: BTreeMap<String, String>,
    /// `local` or `swarm`; empty on old engines.
    pub scope: String,
    /// When it happened, by the engine's clock.
    pub time: String,
    /// The same in nanoseconds since 1970, as a decimal text.
    pub time_nano: String,
    /// The engine did not send it: it was concluded from a difference found after a gap.
    pub synthetic: bool,
    /// It came after events that happened later.
    pub late: bool,
}

/// The notice that events may be missing at this place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GapEntry {
    /// The host.
    pub host: String,
    /// Where it stands in the history.
    pub cursor: String,
    /// When it was found.
    pub time: String,
    /// What may be missing.
    pub gap: Gap,
}

/// A stretch of time from which events may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gap {
    /// The last event that is surely known; `null` when none is.
    pub from: Option<String>,
    /// The first event after it that is surely known; `null` when none is.
    pub to: Option<String>,
    /// Why: `missed`, `restarted`, `dropped`, `unreadable`, `forgotten`, `unknown_cursor`, `not_kept`, or a newer word.
    pub reason: String,
}

/// Answer of `GET /events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventsReply {
    /// Oldest first.
    pub events: Vec<EventRecord>,
    /// Hand this in as `since` to get what comes after; `null` when there was nothing yet.
    pub next: Option<String>,
}

/// Answer of `GET /hosts/{host}/containers/{id}/events`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContainerEventsReply {
    /// The container that was meant.
    pub container: String,
    /// Oldest first, with gaps where events of the host may be missing.
    pub events: Vec<EventRecord>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_gaps_are_told_apart() {
        let event = r#"{"host":"local","cursor":"1","type":"container","action":"start","id":"a","name":null,
            "attributes":{},"scope":"local","time":"2026-01-02T03:04:05Z","time_nano":"1790000000000000001",
            "synthetic":false,"late":false,"newer_field":1}"#;
        let gap = r#"{"host":"local","cursor":"2","time":"2026-01-02T03:04:05Z",
            "gap":{"from":null,"to":null,"reason":"missed"}}"#;
        let parsed: EventRecord = serde_json::from_str(event).unwrap();
        assert!(matches!(&parsed, EventRecord::Event(e) if e.time_nano == "1790000000000000001"));
        assert!(
            serde_json::to_string(&parsed)
                .unwrap()
                .contains(r#""type":"container""#)
        );
        let parsed: EventRecord = serde_json::from_str(gap).unwrap();
        assert!(matches!(&parsed, EventRecord::Gap(g) if g.gap.reason == "missed"));
        assert_eq!(parsed.cursor(), "2");
    }
}
