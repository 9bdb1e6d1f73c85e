//! Between records of a feed and rows of the store.

use std::{sync::Arc, time::SystemTime};

use longshore_core::Timestamp;
use longshore_fleet::runtime::{Cursor, GapReason, KnownLine, LineId, Record, RecordBody};
use longshore_store::{EventLine, EventPlace, EventRow, EventRowBody};

/// The row of a record.
pub(super) fn row(record: &Record) -> EventRow {
    let body = match &record.body {
        RecordBody::Event {
            event,
            synthetic,
            late,
        } => EventRowBody::Event {
            event: event.clone(),
            synthetic: *synthetic,
            late: *late,
        },
        RecordBody::Gap { from, to, reason } => EventRowBody::Gap {
            from: *from,
            to: *to,
            reason: reason.as_str().to_owned(),
        },
    };
    EventRow {
        place: place(record),
        received: record.received.into(),
        line: record.line.map(LineId::to_bytes),
        unsure: Some(record.unsure),
        body,
    }
}

/// Where a record stands.
pub(super) fn place(record: &Record) -> EventPlace {
    EventPlace {
        epoch: record.cursor.epoch,
        seq: record.cursor.seq,
    }
}

/// The record of a row.
pub(super) fn record(row: EventRow) -> Arc<Record> {
    let body = match row.body {
        EventRowBody::Event {
            event,
            synthetic,
            late,
        } => RecordBody::Event {
            event,
            synthetic,
            late,
        },
        EventRowBody::Gap { from, to, reason } => RecordBody::Gap {
            from,
            to,
            // Of a newer version: something is missing all the same.
            reason: reason.parse().unwrap_or(GapReason::Missed),
        },
    };
    Arc::new(Record {
        cursor: Cursor {
            epoch: row.place.epoch,
            seq: row.place.seq,
        },
        body,
        line: row.line.map(LineId::from_bytes),
        unsure: row.unsure.unwrap_or_default(),
        received: system_time(row.received),
    })
}

/// What a later run knows of those before it.
pub(super) fn known(lines: &[EventLine]) -> Vec<KnownLine> {
    let lines = lines
        .iter()
        .map(|line| (LineId::from_bytes(line.line), line.at, line.unsure));
    KnownLine::of_history(lines)
}

/// The time of a record by the engine's clock.
pub(super) fn stamp(record: &Record) -> Timestamp {
    match &record.body {
        RecordBody::Event { event, .. } => event.at,
        RecordBody::Gap { to, .. } => *to,
    }
}

fn system_time(at: Timestamp) -> SystemTime {
    let nanos = u64::try_from(at.as_nanos()).unwrap_or(0);
    SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(nanos)
}
