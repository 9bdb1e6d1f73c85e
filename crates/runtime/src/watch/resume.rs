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

/// A replay of fewer lines than this is that of a ring that is not full: half of one, since engines hide some lines.
pub(crate) const FEW: usize = 128;

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
            && self.is_settled(seen)
    }

    /// Whether it was published long enough before the cut.
    pub(crate) fn is_settled(&self, seen: &Seen) -> bool {
        self.until.is_none_or(|until| seen.published <= until)
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
    /// How many lines the replay has in all, when that was waited for.
    pub(crate) counted: Option<usize>,
    /// Fewer lines than this do not fill the engine's ring.
    pub(crate) few: usize,
}

impl Judge<'_> {
    /// The verdict, given the first proving line (`None` when the replay had none); `None` when it takes the count of
    /// all its lines.
    pub(crate) fn verdict(&self, first: Option<First>) -> Option<Verdict> {
        let Some(last_front) = self.last_front else {
            return Some(Verdict::Baseline);
        };
        let Some(first) = first else {
            // A ring never shrinks while its engine lives: empty at the last look, empty now, and the stream between
            // still open, is empty all along.
            let is_empty_still = self.overlapping && last_front.is_none();
            return Some(if is_empty_still {
                Verdict::Continuous
            } else {
                self.gap(None, GapReason::Restarted)
            });
        };
        let (is_same_engine, reason) = match self.known.get(first.id) {
            Some(_) if last_front == Some(first.id) => return Some(Verdict::Continuous),
            Some((rank, seen)) if self.trust.holds(rank, seen) => return Some(Verdict::Continuous),
            Some(_) => (true, GapReason::Dropped),
            None => (self.overlapping && last_front.is_none(), GapReason::Missed),
        };
        // A ring that is not full has never lost an event.
        match self.counted {
            None if is_same_engine => None,
            Some(lines) if is_same_engine && lines < self.few => Some(Verdict::Continuous),
            _ => Some(self.gap(first.stamp, reason)),
        }
    }

    fn gap(&self, to: Option<Timestamp>, reason: GapReason) -> Verdict {
        let from = self.known.newest_stamp(|rank, seen| self.trust.holds(rank, seen));
        Verdict::Gap { from, to, reason }
    }
}
