//! The engine of the model: its ring, its clock, and one subscriber's queue.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use longshore_core::{Attributes, Event, EventType, Scope, Timestamp};

use crate::watch::known::LineId;

/// Small, so that it overflows often.
pub(super) const RING: usize = 24;
/// The same for a subscriber's queue.
pub(super) const QUEUE: usize = 6;
/// How long the engine waits for a full queue.
const PATIENCE: u64 = 100;
/// By how much the orders differ at most, each step of two.
pub(super) const SKEW: u64 = 6;
/// The engine's clock is not ours.
const AHEAD: i64 = 7_777_777;

#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Append(u64),
    Publish(u64),
}

#[derive(Debug, Default)]
pub(super) struct Subscriber {
    /// Lines that have reached us, with the time.
    pub(super) inbox: VecDeque<(u64, u64)>,
    /// Until when nothing moves.
    pub(super) stalled: Option<u64>,
    pub(super) queue: VecDeque<u64>,
    /// Found the queue full at that time.
    pub(super) waiting: Vec<(u64, u64)>,
}

impl Subscriber {
    pub(super) fn publish(&mut self, id: u64, now: u64) {
        match self.stalled {
            None => self.inbox.push_back((id, now)),
            Some(_) if self.queue.len() < QUEUE => self.queue.push_back(id),
            Some(_) => self.waiting.push((id, now)),
        }
    }

    pub(super) fn recover(&mut self, now: u64) {
        if self.stalled.take_if(|until| *until <= now).is_some() {
            let patient = self
                .waiting
                .drain(..)
                .filter(|(_, since)| since + PATIENCE > now)
                .map(|(id, _)| id);
            let all: Vec<u64> = self.queue.drain(..).chain(patient).collect();
            self.inbox.extend(all.into_iter().map(|id| (id, now)));
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Engine {
    pub(super) now: u64,
    /// By its own clock, which may be set.
    pub(super) stamps: Vec<i64>,
    pub(super) ahead: i64,
    pub(super) clock_was_set: bool,
    pub(super) ring: VecDeque<u64>,
    pub(super) steps: BTreeMap<(u64, u64), Step>,
    pub(super) told: BTreeSet<u64>,
}

impl Engine {
    /// A new event's id: its stamp is that of now.
    pub(super) fn stamp(&mut self) -> u64 {
        let id = self.stamps.len() as u64;
        self.stamps.push(self.now.cast_signed() + self.ahead);
        id
    }

    pub(super) fn set_clock(&mut self, by: i64) {
        self.ahead += by;
        self.clock_was_set |= by != 0;
    }
}

pub(super) fn event(engine: &Engine, id: u64) -> Event {
    Event {
        kind: EventType::Container,
        action: "start".into(),
        id: id.to_string().into(),
        attributes: Attributes::default(),
        scope: Scope::Local,
        at: stamp(engine, id),
    }
}

pub(super) fn stamp(engine: &Engine, id: u64) -> Timestamp {
    Timestamp::from_nanos(engine.stamps[usize::try_from(id).unwrap()] * 1_000_000 + AHEAD)
}

pub(super) fn line(id: u64) -> LineId {
    LineId::of(&id.to_le_bytes())
}
