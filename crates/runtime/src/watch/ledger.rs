//! What the follower has had, and what it makes of a line: new, known, late, suspicious; and of a replay.
//!
//! Owns everything that decides whether an event was lost. Pure: times are handed in. Leaves to others streams,
//! telling and waiting ([`follower`](super::follower)).

use std::time::Duration;

use longshore_core::{Event, Scope, Timestamp};

use super::known::{KEPT, KnownLines, LineId, Seen};
use super::lateness::{Lateness, SUSPICIOUS, Timing};
use super::resume::{FEW, First, Judge, Trust, Verdict};

/// See the module.
#[derive(Debug)]
pub(crate) struct Ledger {
    known: KnownLines,
    trust: Trust,
    /// First proving line of the last judged replay.
    last_front: Option<Option<LineId>>,
    lateness: Lateness,
    newest: Option<Timestamp>,
    /// The beginning of the last gap, for one that begins before anything new is sure.
    boundary: Option<Timestamp>,
    last_arrival: Duration,
    /// New lines since the last verdict.
    news: u64,
    few: u64,
}

/// A line, as the ledger sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival<'a> {
    pub(crate) id: LineId,
    pub(crate) event: Option<&'a Event>,
    pub(crate) arrived: Duration,
    /// When its stream was opened.
    pub(crate) opened: Duration,
    /// How long the reader was held up before it.
    pub(crate) held_up: Duration,
    /// Whether its stream has been judged, so that it comes in ring order or live.
    pub(crate) judged: bool,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sighting {
    /// It was not known: deliver it.
    pub(crate) new: bool,
    /// It is older than one delivered before.
    pub(crate) late: bool,
    /// Something may have been dropped before it: rotate.
    pub(crate) suspicious: bool,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            known: KnownLines::new(KEPT),
            trust: Trust::default(),
            last_front: None,
            lateness: Lateness::default(),
            newest: None,
            boundary: None,
            last_arrival: Duration::ZERO,
            news: 0,
            few: FEW,
        }
    }
}

impl Ledger {
    /// For an engine whose ring holds twice `few`.
    #[cfg(test)]
    pub(super) fn with_few(few: u64) -> Self {
        Self {
            few,
            ..Self::default()
        }
    }

    /// Takes note of a line.
    pub(crate) fn see(&mut self, line: &Arrival<'_>) -> Sighting {
        let stamp = line
            .event
            .filter(|event| event.scope != Scope::Swarm)
            .map(|event| event.at);
        let timing = stamp.map_or(Timing::Fine, |stamp| {
            self.lateness.judge(line.arrived, line.opened, stamp)
        });
        let suspicious = line.held_up >= SUSPICIOUS || timing != Timing::Fine;
        let ours = stamp.and_then(|stamp| self.lateness.ours(stamp));
        let published = ours.map_or(line.arrived, |at| at.min(line.arrived));
        if matches!(timing, Timing::Early | Timing::ClockSet) {
            self.trust = self.trust.suspect_after(None, Duration::ZERO);
        } else if suspicious {
            let moment = published.min(line.arrived.saturating_sub(line.held_up));
            self.trust = self.trust.suspect_after(self.known.newest(), moment);
        }
        if timing == Timing::ClockSet {
            self.newest = None;
        }
        self.last_arrival = self.last_arrival.max(line.arrived);
        let new = self.known.insert(Seen {
            id: line.id,
            published,
            stamp,
            doubted: false,
        });
        if !new {
            if line.judged {
                self.known.clear_doubt(line.id);
            }
            return Sighting {
                new,
                late: false,
                suspicious,
            };
        }
        self.news += 1;
        let at = line.event.map(|event| event.at);
        let late = at.is_some_and(|at| self.newest.is_some_and(|newest| at < newest));
        self.newest = self.newest.max(stamp);
        Sighting {
            new,
            late,
            suspicious,
        }
    }

    /// Judges a replay by its first proving line; `None` when it has none by `now`.
    pub(crate) fn judge(&mut self, first: Option<First>, overlapping: bool, now: Duration) -> Verdict {
        let judge = Judge {
            known: &self.known,
            last_front: self.last_front,
            trust: self.trust,
            overlapping,
            news: std::mem::take(&mut self.news),
            few: self.few,
        };
        let mut verdict = judge.verdict(first);
        if let Verdict::Gap { from, to, .. } = &mut verdict {
            *from = from.or(self.boundary);
            self.boundary = *from;
            *to = to
                .or_else(|| self.lateness.theirs(now + SUSPICIOUS))
                .map(|to| from.map_or(to, |from| to.max(from)));
        }
        self.last_front = Some(first.map(|first| first.id));
        // The replay has still to be read. Until a line comes again in it, what was in doubt before stays so: the new
        // stream may break before it has told what the old one had dropped.
        let trust = std::mem::take(&mut self.trust);
        let is_gap = matches!(verdict, Verdict::Gap { .. });
        self.known.doubt(|rank, seen| is_gap || !trust.holds(rank, seen));
        verdict
    }

    /// The stream has ended; at `moment` if its end was seen, or at an unknown time since its last line.
    pub(crate) fn cut(&mut self, moment: Option<Duration>) {
        self.trust = self.trust.cut_at(moment.unwrap_or(self.last_arrival));
    }

    /// The regular renewal of a stream: windows of time move on.
    pub(crate) fn turn(&mut self) {
        self.lateness.turn();
    }
}

/// The first line of a replay that proves something, if this is one.
pub(crate) fn proving(id: LineId, event: Option<&Event>) -> Option<First> {
    match event {
        Some(event) if event.scope == Scope::Swarm => None,
        Some(event) => Some(First {
            id,
            stamp: Some(event.at),
        }),
        None => Some(First { id, stamp: None }),
    }
}
