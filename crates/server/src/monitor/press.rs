//! The text of each record, made once and shared by all who want it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore_fleet::{
    Fleet,
    runtime::{Cursor, Record},
};
use prometheus_client::metrics::counter::Counter;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::convert::{self, Place};

/// Records whose text is held, for each host. Subscribers that keep up are within a few of each other.
const HELD: usize = 1_024;
/// Bytes that these texts may have; a few events of a megabyte reach it.
const MAX_BYTES: usize = 8 << 20;

/// The presses of all hosts.
#[derive(Debug)]
pub(crate) struct Presses(Vec<Arc<Press>>);

/// The texts of one host's records.
#[derive(Debug)]
pub(crate) struct Press {
    host: String,
    texts: Mutex<Texts>,
    made: Counter,
}

#[derive(Debug, Default)]
struct Texts {
    /// By sequence, modulo their number.
    slots: Vec<Option<(Cursor, Utf8Bytes)>>,
    bytes: usize,
}

impl Presses {
    /// `made` counts the texts.
    pub(crate) fn new(fleet: &Fleet, made: &Counter) -> Self {
        let press = |host: &Arc<longshore_fleet::Host>| Arc::new(Press::new(host.name(), made.clone()));
        Self(fleet.hosts().iter().map(press).collect())
    }

    /// In the fleet's order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Press>> {
        self.0.iter()
    }
}

impl Press {
    fn new(host: &str, made: Counter) -> Self {
        Self {
            host: host.to_owned(),
            texts: Mutex::default(),
            made,
        }
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    fn lock(&self) -> MutexGuard<'_, Texts> {
        // All is whole between any two lines of `text`.
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The text of a record's message. That of a gap is made anew: one that answers a cursor stands where another record
    /// does. Of events it is made under the lock: who comes for the same meanwhile waits less than making it
    /// would take.
    pub(super) fn text(&self, record: &Record, place: impl FnOnce() -> Place) -> Utf8Bytes {
        if record.event().is_none() {
            return convert::monitor_record(&self.host, record, &place());
        }
        let mut texts = self.lock();
        if texts.slots.is_empty() {
            texts.slots.resize(HELD, None);
        }
        let at = usize::try_from(record.cursor.seq % HELD as u64).unwrap_or(0);
        if let Some(Some((cursor, text))) = texts.slots.get(at)
            && *cursor == record.cursor
        {
            return text.clone();
        }
        let text: Utf8Bytes = convert::monitor_record(&self.host, record, &place());
        self.made.inc();
        if texts.bytes + text.len() > MAX_BYTES {
            texts.slots.fill(None);
            texts.bytes = 0;
        }
        texts.bytes += text.len();
        if let Some(slot) = texts.slots.get_mut(at) {
            let before = slot.replace((record.cursor, text.clone()));
            texts.bytes -= before.map_or(0, |(_, before)| before.len());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use longshore_core::{Event, EventType, Scope, Timestamp};
    use longshore_fleet::runtime::RecordBody;

    use super::*;

    fn record(seq: u64, size: usize) -> Record {
        let event = Event {
            kind: EventType::Container,
            action: "start".into(),
            id: seq.to_string().into(),
            attributes: [("large", "x".repeat(size))].into_iter().collect(),
            scope: Scope::Local,
            at: Timestamp::from_secs(1),
        };
        Record {
            cursor: Cursor { epoch: 7, seq },
            body: RecordBody::Event {
                event,
                synthetic: false,
                late: false,
            },
            line: None,
            unsure: 0,
            received: SystemTime::UNIX_EPOCH,
        }
    }

    fn printed(press: &Press, record: &Record) -> Utf8Bytes {
        press.text(record, || Place::at(record.cursor))
    }

    #[test]
    fn a_text_is_made_once_and_memory_is_bounded() {
        let press = Press::new("local", Counter::default());
        let texts: Vec<_> = (1..=3).map(|seq| printed(&press, &record(seq, 10))).collect();
        for _ in 0..1_000 {
            for (seq, text) in (1..).zip(&texts) {
                assert_eq!(printed(&press, &record(seq, 10)), *text);
            }
        }
        assert_eq!(press.made.get(), 3);
        // A gap that stands at the same place is another message.
        let gap = Record {
            body: RecordBody::Gap {
                from: Timestamp::from_secs(1),
                to: Timestamp::from_secs(2),
                reason: longshore_fleet::runtime::GapReason::Forgotten,
            },
            ..record(1, 10)
        };
        assert!(printed(&press, &gap).contains("forgotten"));
        assert_eq!(printed(&press, &record(1, 10)), texts[0]);
        // Another in the same slot takes its place.
        let other = printed(&press, &record(1 + HELD as u64, 10));
        assert_ne!(other, texts[0]);
        assert_eq!(printed(&press, &record(1, 10)), texts[0]);
        assert_eq!(press.made.get(), 5);
        for seq in 0..100 {
            printed(&press, &record(seq, 1 << 20));
            let texts = press.lock();
            let held: usize = texts.slots.iter().flatten().map(|(_, text)| text.len()).sum();
            assert_eq!(held, texts.bytes);
            assert!(held <= MAX_BYTES);
        }
        printed(&press, &record(1, MAX_BYTES + 1));
        printed(&press, &record(2, 1));
        assert!(press.lock().bytes <= MAX_BYTES);
    }
}
