//! Events and gaps.

use longshore_api::{EventEntry, EventRecord, Gap, GapEntry};
use longshore_fleet::runtime::{Record, RecordBody};

use super::{FleetCursor, own_time, time};

/// A record of a host's feed; `cursor` is the place after it.
pub(crate) fn event_record(host: &str, record: &Record, cursor: &FleetCursor) -> EventRecord {
    let (host, cursor) = (host.to_owned(), cursor.to_string());
    match &record.body {
        RecordBody::Gap { from, to, reason } => EventRecord::Gap(GapEntry {
            host,
            cursor,
            time: own_time(record.received),
            gap: Gap {
                from: Some(time(*from)),
                to: Some(time(*to)),
                reason: reason.as_str().to_owned(),
            },
        }),
        RecordBody::Event {
            event,
            synthetic,
            late,
        } => EventRecord::Event(EventEntry {
            host,
            cursor,
            kind: event.kind.as_str().to_owned(),
            action: event.action.to_string(),
            id: event.id.to_string(),
            name: event.name().map(str::to_owned),
            attributes: (&event.attributes).into(),
            scope: event.scope.as_str().to_owned(),
            time: time(event.at),
            time_nano: event.at.as_nanos().to_string(),
            synthetic: *synthetic,
            late: *late,
        }),
    }
}
