//! The plain messages of the event monitor.

use std::borrow::Cow;

use longshore_api::{
    Gap, MessageType, MonitorMessage,
    monitor::{EventActor, EventPayload, GapPayload},
};
use longshore_core::Timestamp;
use longshore_fleet::runtime::{Record, RecordBody};
use serde::Serialize;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{Place, time};

/// The text of a record's message; `place` is the one after it.
pub(crate) fn monitor_record(host: &str, record: &Record, place: &Place) -> Utf8Bytes {
    // Of its own host alone, so that it is the same for every subscriber.
    let cursor = format!("{host}={place}");
    let received = Timestamp::from(record.received);
    match &record.body {
        RecordBody::Gap { from, to, reason } => {
            let payload = GapPayload {
                gap: Gap {
                    from: Some(time(*from)),
                    to: Some(time(*to)),
                    reason: reason.as_str().to_owned(),
                },
                host: host.to_owned(),
                cursor,
            };
            monitor_message(MessageType::DockerGap, payload, received)
        }
        RecordBody::Event {
            event,
            synthetic,
            late,
        } => {
            let attributes = event.attributes.iter();
            let payload = EventPayload {
                event_type: event.kind.as_str().into(),
                action: Cow::from(&*event.action),
                actor: EventActor {
                    id: Cow::from(&*event.id),
                    attributes: attributes.map(|(k, v)| (k.into(), v.into())).collect(),
                },
                scope: event.scope.as_str().into(),
                time: event.at.as_secs(),
                time_nano: event.at.as_nanos(),
                host: host.into(),
                cursor: cursor.into(),
                synthetic: *synthetic,
                late: *late,
            };
            let kind = MessageType::of_event(event.kind.as_str());
            monitor_message(kind, payload, received)
        }
    }
}

/// The text of a message.
pub(crate) fn monitor_message(
    message_type: MessageType,
    payload: impl Serialize,
    at: Timestamp,
) -> Utf8Bytes {
    let message = MonitorMessage {
        message_type,
        payload,
        timestamp: at.as_secs(),
    };
    // Our types have no maps with other keys than texts, so this does not fail.
    serde_json::to_string(&message).unwrap_or_default().into()
}
