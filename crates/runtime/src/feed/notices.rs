//! The engine's going and coming, and between which records it was.
//!
//! Owns the last of them, numbered without holes. Leaves to others who is told ([`follow`](super::follow)).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

/// How many are held. A reader that sleeps through more learns the newest.
const HELD: usize = 256;

/// What happened to the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    Lost { error: Arc<str>, hint: Option<Arc<str>> },
    Restored,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    /// The sequence of the last record before it; 0 when there was none.
    pub(super) after: u64,
    pub(super) at: SystemTime,
    pub(super) turn: Turn,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Notices {
    /// The number of the first one held.
    first: u64,
    held: VecDeque<Notice>,
}

impl Notices {
    pub(super) fn add(&mut self, after: u64, at: SystemTime, turn: Turn) {
        self.held.push_back(Notice { after, at, turn });
        if self.held.len() > HELD {
            self.held.pop_front();
            self.first += 1;
        }
    }

    /// The number that a reader begins with: that of the newest when the engine is gone now, else of the next.
    pub(super) fn begin(&self) -> u64 {
        let next = self.first + self.held.len() as u64;
        match self.held.back() {
            Some(Notice {
                turn: Turn::Lost { .. },
                ..
            }) => next - 1,
            _ => next,
        }
    }

    /// The first one from `number` on, with its number; it is a later one when those before are not held any more.
    pub(super) fn from(&self, number: u64) -> Option<(u64, &Notice)> {
        let number = number.max(self.first);
        let at = usize::try_from(number - self.first).ok()?;
        Some((number, self.held.get(at)?))
    }
}
