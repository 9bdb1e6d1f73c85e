//! The records themselves: bounded by count and by weight, numbered without holes.
//!
//! Owns which records are still held and what a place in them means. Leaves to others locking and waking.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use longshore_core::{EventType, Timestamp};

use super::record::{Cursor, GapReason, Record, RecordBody};
use crate::LineId;

/// What a record weighs beside its text: itself, its pointers, its place in the ring.
const OVERHEAD: usize = 256;

/// What an event is about.
type Object = (EventType, Box<str>);

#[derive(Debug)]
pub(super) struct Ring {
    epoch: u64,
    /// Sequence of the first record held; of the next one when none is.
    first: u64,
    records: VecDeque<(Arc<Record>, usize)>,
    weight: usize,
    /// The newest event of each object, while anybody wants to know, and how many do.
    newest: HashMap<Object, u64>,
    asking: usize,
    max_records: usize,
    max_weight: usize,
}

/// Where a reader goes on.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// At this sequence; so many were lost before it.
    At { next: u64, missed: u64 },
    /// The cursor means nothing here.
    Unknown,
}

impl Ring {
    pub(super) fn new(epoch: u64, max_records: usize, max_weight: usize) -> Self {
        Self {
            epoch,
            first: 1,
            records: VecDeque::new(),
            weight: 0,
            newest: HashMap::new(),
            asking: 0,
            max_records: max_records.max(1),
            max_weight,
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Sequence that the next record gets.
    pub(super) fn next_seq(&self) -> u64 {
        self.first + self.records.len() as u64
    }

    pub(super) fn first_seq(&self) -> u64 {
        self.first
    }

    pub(super) fn last(&self) -> Option<&Arc<Record>> {
        self.records.back().map(|(record, _)| record)
    }

    pub(super) fn push(&mut self, body: RecordBody, line: Option<(LineId, u32)>, received: SystemTime) {
        let cursor = Cursor {
            epoch: self.epoch,
            seq: self.next_seq(),
        };
        let weight = OVERHEAD + text_of(&body);
        let record = Arc::new(Record {
            cursor,
            body,
            line: line.map(|(line, _)| line),
            unsure: line.map_or(0, |(_, unsure)| unsure),
            received,
        });
        if self.asking > 0
            && let Some(object) = object_of(&record.body)
        {
            self.newest.insert(object, cursor.seq);
        }
        self.records.push_back((record, weight));
        self.weight += weight;
        // The newest always stays, however heavy: a reader that keeps up loses nothing.
        while self.records.len() > self.max_records
            || (self.weight > self.max_weight && self.records.len() > 1)
        {
            let Some((record, weight)) = self.records.pop_front() else {
                break;
            };
            if self.asking > 0
                && let Some(object) = object_of(&record.body)
                && self.newest.get(&object) == Some(&self.first)
            {
                self.newest.remove(&object);
            }
            self.weight -= weight;
            self.first += 1;
        }
    }

    /// Somebody wants to know which event of an object is its newest.
    pub(super) fn begin_to_know_objects(&mut self) {
        self.asking += 1;
        if self.asking == 1 {
            let held = (self.first..).zip(&self.records);
            let objects = held.filter_map(|(seq, (record, _))| Some((object_of(&record.body)?, seq)));
            self.newest = objects.collect();
        }
    }

    /// One of them no longer does.
    pub(super) fn know_objects_no_more(&mut self) {
        self.asking -= 1;
        if self.asking == 0 {
            self.newest = HashMap::new();
        }
    }

    /// Whether a newer event of the same object is held.
    pub(super) fn is_superseded(&self, seq: u64) -> bool {
        let object = self.get(seq).and_then(|record| object_of(&record.body));
        object.is_some_and(|object| self.newest.get(&object).is_some_and(|newest| *newest > seq))
    }

    pub(super) fn get(&self, seq: u64) -> Option<&Arc<Record>> {
        let at = usize::try_from(seq.checked_sub(self.first)?).ok()?;
        self.records.get(at).map(|(record, _)| record)
    }

    /// Where to go on after `cursor`.
    pub(super) fn after(&self, cursor: Cursor) -> Place {
        if cursor.epoch != self.epoch || cursor.seq >= self.next_seq() {
            return Place::Unknown;
        }
        let next = cursor.seq.saturating_add(1);
        match self.first.checked_sub(next) {
            Some(missed) => Place::At {
                next: self.first,
                missed,
            },
            None => Place::At { next, missed: 0 },
        }
    }

    /// The record that tells a reader that its cursor cannot be continued from. It stands before the first record
    /// held, and a reader that gives its cursor back goes on with that one.
    pub(super) fn told(&self, reason: GapReason, now: SystemTime) -> Arc<Record> {
        let to = match self.records.front().map(|(record, _)| &record.body) {
            Some(RecordBody::Event { event, .. }) => event.at,
            Some(RecordBody::Gap { from, .. }) => *from,
            None => Timestamp::from(now),
        };
        Arc::new(Record {
            cursor: Cursor {
                epoch: self.epoch,
                seq: self.first - 1,
            },
            body: RecordBody::Gap {
                from: Timestamp::default(),
                to,
                reason,
            },
            line: None,
            unsure: 0,
            received: now,
        })
    }
}

fn object_of(body: &RecordBody) -> Option<Object> {
    match body {
        RecordBody::Gap { .. } => None,
        RecordBody::Event { event, .. } => Some((event.kind.clone(), event.id.clone())),
    }
}

fn text_of(body: &RecordBody) -> usize {
    match body {
        RecordBody::Gap { .. } => 0,
        RecordBody::Event { event, .. } => event.action.len() + event.id.len() + event.attributes.weight(),
    }
}
