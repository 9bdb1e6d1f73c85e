//! The lines of the event stream that were seen, by hash.
//!
//! Owns an event's identity and the memory of the last few thousand. Leaves to others what follows from a line
//! being known ([`resume`](super::resume)).

use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use longshore_core::Timestamp;
use xxhash_rust::xxh3::xxh3_128;

/// How many lines are remembered. The engine's ring holds 256, and live order differs from ring order by a few
/// dozen at most; sixteen rings leave room for several streams at once.
pub(crate) const KEPT: usize = 4_096;

/// What an event is known by: the hash of its raw line. Stamps are not unique and not in order; the line is the
/// only thing that the engine repeats unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineId(u128);

impl Hash for LineId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // It is a hash already; that of a map (keyed, so that no engine can aim at it) needs no more than half of it.
        #[allow(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
        state.write_u64(self.0 as u64);
    }
}

impl LineId {
    pub(crate) fn of(line: &[u8]) -> Self {
        Self(xxh3_128(line.trim_ascii_end()))
    }

    /// For keeping it.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// As it was kept.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

/// A line that an earlier run has told: what [`WatchConfig::known`](crate::WatchConfig::known) takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownLine {
    /// What it is known by: [`Record::line`](crate::Record::line).
    pub id: LineId,
    /// The engine's stamp; `None` for an event of a Swarm, whose stamp proves nothing.
    pub at: Option<Timestamp>,
    /// Whether that run was sure to have told, with what is kept of it, everything older in the engine's memory
    /// ([`Record::unsure`](crate::Record::unsure)).
    pub sure: bool,
}

impl KnownLine {
    /// Those of a history, oldest first: each line with the engine's stamp and [`Record::unsure`](crate::Record::unsure),
    /// where that is known.
    ///
    /// ```
    /// use longshore_runtime::{KnownLine, LineId};
    /// let line = |n, unsure| (LineId::from_bytes([n; 16]), None, unsure);
    /// // The third was told when all but two were sure; the last by a version that did not say.
    /// let known = KnownLine::of_history([line(1, Some(1)), line(2, Some(2)), line(3, Some(2)), line(4, None)]);
    /// assert_eq!(known.iter().map(|line| line.sure).collect::<Vec<_>>(), [true, false, false, false]);
    /// ```
    pub fn of_history(
        lines: impl IntoIterator<Item = (LineId, Option<Timestamp>, Option<u32>)>,
    ) -> Vec<Self> {
        let mut known = Vec::new();
        let mut sure = 0;
        for (id, at, unsure) in lines {
            known.push(Self { id, at, sure: false });
            let unsure = unsure.and_then(|unsure| usize::try_from(unsure).ok());
            sure = sure.max(unsure.map_or(0, |unsure| known.len().saturating_sub(unsure)));
        }
        known.iter_mut().take(sure).for_each(|line| line.sure = true);
        known
    }
}

/// What is kept about a known line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) id: LineId,
    /// By our monotonic clock, when the engine is sure to have published it and everything older in its ring:
    /// when it came, or earlier where its stamp says so.
    pub(crate) published: Duration,
    /// The engine's stamp; `None` for a line that is no event.
    pub(crate) stamp: Option<Timestamp>,
    /// Whether something older in the ring may not have been told; until the line comes again, in ring order.
    pub(crate) doubted: bool,
}

/// The last lines seen, with their rank: the order in which they first came, counted from 0.
#[derive(Debug)]
pub(crate) struct KnownLines {
    ranks: HashMap<LineId, u64>,
    order: VecDeque<Seen>,
    first_rank: u64,
    kept: usize,
}

impl KnownLines {
    pub(crate) fn new(kept: usize) -> Self {
        Self {
            ranks: HashMap::new(),
            order: VecDeque::new(),
            first_rank: 0,
            kept: kept.max(1),
        }
    }

    /// The rank of a line that is known, and what is kept about it.
    pub(crate) fn get(&self, id: LineId) -> Option<(u64, &Seen)> {
        let rank = *self.ranks.get(&id)?;
        let at = usize::try_from(rank.checked_sub(self.first_rank)?).ok()?;
        Some((rank, self.order.get(at)?))
    }

    #[cfg(test)]
    pub(crate) fn contains(&self, id: LineId) -> bool {
        self.ranks.contains_key(&id)
    }

    /// Remembers a line; false when it was known.
    pub(crate) fn insert(&mut self, seen: Seen) -> bool {
        let rank = self.first_rank + self.order.len() as u64;
        match self.ranks.entry(seen.id) {
            std::collections::hash_map::Entry::Occupied(_) => return false,
            std::collections::hash_map::Entry::Vacant(place) => place.insert(rank),
        };
        self.order.push_back(seen);
        if self.order.len() > self.kept
            && let Some(oldest) = self.order.pop_front()
        {
            self.ranks.remove(&oldest.id);
            self.first_rank += 1;
        }
        true
    }

    /// The rank of the newest line; `None` when there is none.
    pub(crate) fn newest(&self) -> Option<u64> {
        (self.first_rank + self.order.len() as u64).checked_sub(1)
    }

    /// The first rank from `from` on for which `is_sure` does not hold.
    pub(crate) fn sure_from(&self, from: u64, is_sure: impl Fn(&Seen) -> bool) -> u64 {
        let from = from.max(self.first_rank);
        let skipped = usize::try_from(from - self.first_rank).unwrap_or(usize::MAX);
        let sure = self.order.iter().skip(skipped).take_while(|seen| is_sure(seen));
        from + sure.count() as u64
    }

    /// Puts in doubt what `is_doubtful` says.
    pub(crate) fn doubt(&mut self, is_doubtful: impl Fn(u64, &Seen) -> bool) {
        for (rank, seen) in (self.first_rank..).zip(&mut self.order) {
            seen.doubted |= is_doubtful(rank, seen);
        }
    }

    /// The line came again, with everything before it in the ring.
    pub(crate) fn clear_doubt(&mut self, id: LineId) {
        let at = self
            .ranks
            .get(&id)
            .and_then(|rank| usize::try_from(rank.checked_sub(self.first_rank)?).ok());
        if let Some(seen) = at.and_then(|at| self.order.get_mut(at)) {
            seen.doubted = false;
        }
    }

    /// The stamp of the newest line that `trust` holds for, or of the nearest before it that has one.
    pub(crate) fn newest_stamp(&self, trust: impl Fn(u64, &Seen) -> bool) -> Option<Timestamp> {
        let trusted = self
            .order
            .iter()
            .enumerate()
            .rev()
            .skip_while(|(at, seen)| !trust(self.first_rank + *at as u64, seen));
        { trusted }.find_map(|(_, seen)| seen.stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(n: u64) -> Seen {
        Seen {
            id: LineId::of(&n.to_le_bytes()),
            published: Duration::from_millis(n),
            stamp: Some(Timestamp::from_secs(i64::try_from(n).unwrap())),
            doubted: false,
        }
    }

    #[test]
    fn a_line_is_new_once() {
        let mut known = KnownLines::new(10);
        assert!(known.insert(seen(1)));
        assert!(!known.insert(seen(1)));
        assert_eq!(
            (known.contains(seen(1).id), known.contains(seen(2).id)),
            (true, false)
        );
    }

    #[test]
    fn the_line_end_is_no_part_of_it() {
        assert_eq!(LineId::of(b"{}\r\n"), LineId::of(b"{}"));
        assert_ne!(LineId::of(b"{}"), LineId::of(b"{ }"));
    }

    #[test]
    fn the_oldest_is_forgotten_and_ranks_go_on() {
        let mut known = KnownLines::new(3);
        for n in 0..5 {
            known.insert(seen(n));
        }
        assert!(!known.contains(seen(1).id));
        assert_eq!(
            known
                .get(seen(2).id)
                .map(|(rank, seen)| (rank, seen.published.as_millis())),
            Some((2, 2))
        );
        assert_eq!(known.newest(), Some(4));
    }

    #[test]
    fn the_newest_trusted_stamp_skips_what_has_none() {
        let mut known = KnownLines::new(10);
        for n in 0..4 {
            known.insert(Seen {
                stamp: (n != 2).then(|| Timestamp::from_secs(n)),
                ..seen(n.unsigned_abs())
            });
        }
        assert_eq!(known.newest_stamp(|_, _| true), Some(Timestamp::from_secs(3)));
        assert_eq!(
            known.newest_stamp(|rank, _| rank <= 2),
            Some(Timestamp::from_secs(1))
        );
        assert_eq!(known.newest_stamp(|_, _| false), None);
    }
}
