//! What the follower has had, and what it makes of a line: new, known, late, suspicious; and of a replay.
//!
//! Owns everything that decides whether an event was lost. Pure: times are handed in. Leaves to others streams,
//! telling and waiting ([`follower`](super::follower)).

use std::time::Duration;

use longshore_core::{Event, Scope, Timestamp};

use super::known::{KEPT, KnownLine, KnownLines, LineId, Seen};
use super::lateness::{Lateness, REPLAYED, SUSPICIOUS, Timing};
use super::resume::{FEW, First, Judge, Trust, Verdict};

/// The engine's clock is known to within the promptness of its promptest event; a gap that ends now, by that clock,
/// ends no earlier for it.
const ROUNDED_UP: Duration = Duration::from_secs(1);

/// By how much stamps go back in the order in which lines come, in nanoseconds: 12 ms were measured; twice that.
const IN_ORDER: i64 = 25_000_000;

/// See the module.
#[derive(Debug)]
pub(crate) struct Ledger {
    known: KnownLines,
    trust: Trust,
    /// Of lines with a lower rank it is sure for ever that everything older in the engine's memory was told.
    sure: u64,
    /// First proving line of the last judged replay.
    last_front: Option<Option<LineId>>,
    lateness: Lateness,
    newest: Option<Timestamp>,
    /// The beginning of the last gap, or the first stamp of all: for a gap that begins before anything new is sure.
    boundary: Option<Timestamp>,
    /// The same by our clock, from when we first looked; for while the engine's has told nothing.
    looked_at: Option<Timestamp>,
    last_arrival: Duration,
    few: usize,
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
    /// Of so many of the newest known lines it is not sure yet that everything older in the engine's memory was told.
    pub(crate) unsure: u32,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            known: KnownLines::new(KEPT),
            trust: Trust::default(),
            sure: 0,
            last_front: None,
            lateness: Lateness::default(),
            newest: None,
            boundary: None,
            looked_at: None,
            last_arrival: Duration::ZERO,
            few: FEW,
        }
    }
}

impl Ledger {
    /// For an engine whose ring holds twice `few`, and that drops once `queue` lines wait.
    #[cfg(test)]
    pub(super) fn with_sizes(few: usize, queue: u32) -> Self {
        Self {
            few,
            lateness: Lateness::of_queue(queue),
            ..Self::default()
        }
    }

    /// That one goes on where an earlier run ended, and knows the lines that it told.
    pub(crate) fn knowing(self, lines: &[KnownLine]) -> Self {
        let mut ledger = self;
        for line in lines {
            ledger.known.insert(Seen {
                id: line.id,
                published: Duration::ZERO,
                stamp: line.at,
                doubted: !line.sure,
            });
        }
        ledger.sure = ledger.known.sure_from(0, |seen| !seen.doubted);
        ledger.newest = lines.iter().filter_map(|line| line.at).max();
        ledger.boundary = lines.iter().find_map(|line| line.at);
        // Its first look is not the first ever. What that run saw first is not known, so nothing equals it.
        ledger.last_front = (!lines.is_empty()).then_some(None);
        ledger
    }

    /// Takes note of a line of a stream that was judged.
    pub(crate) fn see(&mut self, line: &Arrival<'_>) -> Sighting {
        let stamp = line
            .event
            .filter(|event| event.scope != Scope::Swarm)
            .map(|event| event.at);
        // What comes again is no news of the stream that it comes on, least of all when its stamp is of the future.
        let is_known = self.known.get(line.id).is_some();
        let timing = stamp.filter(|_| !is_known).map_or(Timing::Fine, |stamp| {
            self.lateness.judge(line.arrived, line.opened, stamp)
        });
        let suspicious = line.held_up >= SUSPICIOUS || timing != Timing::Fine;
        // A stamp that goes back by more than orders differ is of a clock that was set: it says nothing.
        let is_back = |stamp: &Timestamp| {
            let back = self
                .newest
                .map_or(0, |newest| newest.as_nanos().saturating_sub(stamp.as_nanos()));
            back > IN_ORDER
        };
        let ours = stamp
            .filter(|stamp| !is_back(stamp))
            .and_then(|stamp| self.lateness.ours(stamp));
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
            self.known.clear_doubt(line.id);
            return Sighting {
                suspicious,
                ..Sighting::default()
            };
        }
        let at = line.event.map(|event| event.at);
        let late = at.is_some_and(|at| self.newest.is_some_and(|newest| at < newest));
        self.newest = self.newest.max(stamp);
        self.boundary = self.boundary.or(stamp);
        Sighting {
            new,
            late,
            suspicious,
            unsure: self.unsure(line),
        }
    }

    /// How many of the newest lines are not sure, once as many as can be have become so. What is in doubt still when the
    /// stream has told all of its replay is not in the engine's memory.
    fn unsure(&mut self, line: &Arrival<'_>) -> u32 {
        let trust = self.trust.cut_at(self.last_arrival);
        // What came before a suspicion was looked at is as sure as it was before it.
        if trust.up_to.is_none() {
            let is_whole = line.arrived >= line.opened + REPLAYED;
            let is_sure = |seen: &Seen| (is_whole || !seen.doubted) && trust.is_settled(seen);
            self.sure = self.known.sure_from(self.sure, is_sure);
        }
        let next = self.known.newest().map_or(0, |newest| newest + 1);
        u32::try_from(next.saturating_sub(self.sure)).unwrap_or(u32::MAX)
    }

    /// Judges a replay by its first proving line; `None` when it has none by `now`. The answer is `None`, and nothing
    /// has changed, when it takes the count of its lines.
    pub(crate) fn judge(
        &mut self,
        first: Option<First>,
        overlapping: bool,
        counted: Option<usize>,
        now: Duration,
    ) -> Option<Verdict> {
        // Up to when the stream before told everything is not known by when its end was seen, or by its still being
        // open: it may be stuck, and an engine that dies takes its queues along. Its last line is what is sure.
        let trust = self.trust.cut_at(self.last_arrival);
        let judge = Judge {
            known: &self.known,
            last_front: self.last_front,
            trust,
            overlapping,
            counted,
            few: self.few,
        };
        let mut verdict = judge.verdict(first)?;
        if let Verdict::Gap { from, to, .. } = &mut verdict {
            *from = from.or(self.boundary).or(self.looked_at);
            self.boundary = *from;
            *to = to
                .or_else(|| self.lateness.theirs(now + ROUNDED_UP))
                .map(|to| from.map_or(to, |from| to.max(from)));
        }
        self.last_front = Some(first.map(|first| first.id));
        // The replay has still to be read. Until a line comes again in it, what was in doubt before stays so: the new
        // stream may break before it has told what the old one had dropped.
        self.trust = Trust::default();
        let is_gap = matches!(verdict, Verdict::Gap { .. });
        self.known.doubt(|rank, seen| is_gap || !trust.holds(rank, seen));
        Some(verdict)
    }

    /// We have looked for the first time, at `moment` by our clock.
    pub(crate) fn looked(&mut self, moment: Timestamp) {
        self.looked_at = Some(moment);
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
