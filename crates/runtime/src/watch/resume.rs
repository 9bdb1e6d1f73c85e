//! What a new subscription proves: the verdict on its replay.
//!
//! Owns the decision baseline, continuous or gap, from the first replayed line and what is known. Pure: no clock,
//! no engine. Leaves to others opening streams ([`follower`](super::follower)) and telling what was decided.

use std::time::Duration;

use longshore_core::Timestamp;

use super::known::{KnownLines, LineId, Seen};
use crate::feed::GapReason;

/// How long before a cut a line must have been published to prove that everything older in the ring was published
/// too: live order and ring order were measured to differ by up to 12 ms; four times that.
pub(crate) const SETTLING: Duration = Duration::from_millis(50);

/// Most lines that are held back for a verdict: two rings.
pub(crate) const HELD: usize = 512;

/// Fewer events than this since the last look do not fill a ring: half of one.
pub(crate) const FEW: u64 = 128;

/// Up to where we are sure to have had everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Trust {
    /// Only lines up to this rank, where there was a suspicion; `Some(None)` when not even the first.
    pub(crate) up_to: Option<Option<u64>>,
    /// Only lines published by then, where the stream was cut.
    pub(crate) until: Option<Duration>,
}

impl Trust {
    pub(crate) fn holds(&self, rank: u64, seen: &Seen) -> bool {
        !seen.doubted
            && self
                .up_to
                .is_none_or(|limit| limit.is_some_and(|limit| rank <= limit))
            && self.until.is_none_or(|until| seen.published <= until)
    }

    /// Narrowed to what was published long enough before a cut at `moment`.
    pub(crate) fn cut_at(mut self, moment: Duration) -> Self {
        let until = moment.saturating_sub(SETTLING);
        self.until = Some(self.until.map_or(until, |before| before.min(until)));
        self
    }

    /// Narrowed to what came before a suspicious line that was published at `moment`; `newest` is the rank of the line
    /// before it. What was dropped was published after it, but may be older in the ring than what came shortly before.
    pub(crate) fn suspect_after(mut self, newest: Option<u64>, moment: Duration) -> Self {
        // Nothing (`None`) is less than any rank.
        self.up_to = Some(self.up_to.map_or(newest, |before| before.min(newest)));
        self.cut_at(moment)
    }
}

/// What a new subscription turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The first one ever.
    Baseline,
    /// Nothing was missed.
    Continuous,
    /// Something may have been.
    Gap {
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        reason: GapReason,
    },
}

/// The first line of a replay that can prove something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct First {
    pub(crate) id: LineId,
    pub(crate) stamp: Option<Timestamp>,
}

/// What the verdict depends on, beside the first line.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    pub(crate) known: &'a KnownLines,
    /// The first line of the last judged replay; the outer `None` before the first verdict, the inner when that
    /// replay was empty.
    pub(crate) last_front: Option<Option<LineId>>,
    pub(crate) trust: Trust,
    /// Whether the stream before still lives, so that the engine cannot have restarted.
    pub(crate) overlapping: bool,
    /// New lines since the last verdict.
    pub(crate) news: u64,
    /// Fewer than this do not fill the engine's ring.
    pub(crate) few: u64,
}

impl Judge<'_> {
    /// The verdict, given the first proving line; `None` when the replay had none.
    pub(crate) fn verdict(&self, first: Option<First>) -> Verdict {
        let Some(last_front) = self.last_front else {
            return Verdict::Baseline;
        };
        let Some(first) = first else {
            // A ring never shrinks while its engine lives: empty at the last look, empty now, and the stream between
            // still open, is empty all along.
            if self.overlapping && last_front.is_none() {
                return Verdict::Continuous;
            }
            return self.gap(None, GapReason::Restarted);
        };
        match self.known.get(first.id) {
            // The ring was empty at the last look and has not overflowed since: this is its first event ever, on its
            // way to us.
            None if self.overlapping && last_front.is_none() && self.is_quiet() => Verdict::Continuous,
            None => self.gap(first.stamp, GapReason::Missed),
            Some(_) if last_front == Some(first.id) => Verdict::Continuous,
            Some((rank, seen)) if self.trust.holds(rank, seen) => Verdict::Continuous,
            Some(_) => self.gap(first.stamp, GapReason::Dropped),
        }
    }

    /// Whether so little has come that the ring cannot have overflowed, and nothing was suspicious.
    fn is_quiet(&self) -> bool {
        self.news < self.few && self.trust == Trust::default()
    }

    fn gap(&self, to: Option<Timestamp>, reason: GapReason) -> Verdict {
        let from = self.known.newest_stamp(|rank, seen| self.trust.holds(rank, seen));
        Verdict::Gap { from, to, reason }
    }
}
