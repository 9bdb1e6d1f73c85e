//! Whether events come so late that the engine may have dropped some for us.
//!
//! Owns the running minimum of the clock offset and the threshold. Pure. Leaves to others what suspicion causes.

use std::time::Duration;

use longshore_core::Timestamp;

/// An engine drops an event for us after our queue was full for 100 ms; what is first in that queue is then as late.
pub(crate) const SUSPICIOUS: Duration = Duration::from_millis(80);

/// A jump of more than this is a clock that was set, not a load.
const CLOCK_SET: Duration = Duration::from_secs(5);

/// After so long a stream has told all of its replay (3–4 ms of it): what comes is live, whatever its stamp.
pub(crate) const REPLAYED: Duration = Duration::from_secs(1);

/// An engine drops nothing for a subscriber before so many lines wait for it, and those come before what follows the
/// drop: on a stream that has told fewer, nothing was dropped so far, however its lines are timed.
const QUEUE: u32 = 1_024;

/// The least that our monotonic time was ever ahead of a stamp, over this window and the one before. Two windows, so
/// that clocks which drift apart do not look like lateness.
#[derive(Debug)]
pub(crate) struct Lateness {
    current: Option<i128>,
    previous: Option<i128>,
    /// Whether a live event has been seen: before that, the least offset may be that of an old, replayed one.
    has_learnt: bool,
    /// The stream that lines come on, by when it was opened, and how many new ones have come.
    told: (Duration, u32),
    /// How many lines wait for us before the engine drops one.
    queue: u32,
}

impl Default for Lateness {
    fn default() -> Self {
        Self::of_queue(QUEUE)
    }
}

/// What an event's time of arrival says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timing {
    /// Nothing: replay, or in time.
    Fine,
    /// Something after the line before it may have been dropped.
    Late,
    /// It took so much less time than all before it that those were late, or a clock was set: nothing is sure.
    Early,
    /// One of the clocks was set, by seconds or more: nothing is sure, and stamps have jumped.
    ClockSet,
}

impl Lateness {
    /// For an engine that drops once so many lines wait.
    pub(crate) fn of_queue(queue: u32) -> Self {
        Self {
            current: None,
            previous: None,
            has_learnt: false,
            told: (Duration::ZERO, 0),
            queue,
        }
    }

    fn minimum(&self) -> Option<i128> {
        self.current.into_iter().chain(self.previous).min()
    }

    /// When, by our monotonic clock, the stamp was at the latest; `None` while nothing is known.
    pub(crate) fn ours(&self, stamp: Timestamp) -> Option<Duration> {
        let nanos = i128::from(stamp.as_nanos()) + self.minimum()?;
        Some(Duration::from_nanos(
            u64::try_from(nanos.max(0)).unwrap_or(u64::MAX),
        ))
    }

    /// What the engine's clock says at `moment`, near enough; `None` while nothing is known: from replayed events alone it
    /// would be as much too early as they are old.
    pub(crate) fn theirs(&self, moment: Duration) -> Option<Timestamp> {
        let stamp = nanos(moment) - self.minimum().filter(|_| self.has_learnt)?;
        i64::try_from(stamp).ok().map(Timestamp::from_nanos)
    }

    /// Judges a line that came at `arrived` on a stream opened at `opened`, and had not come before.
    pub(crate) fn judge(&mut self, arrived: Duration, opened: Duration, stamp: Timestamp) -> Timing {
        let offset = nanos(arrived) - i128::from(stamp.as_nanos());
        let minimum = self.minimum();
        self.told = match self.told {
            (stream, lines) if stream == opened => (stream, lines.saturating_add(1)),
            _ => (opened, 1),
        };
        let had_learnt = self.has_learnt;
        self.has_learnt |= arrived >= opened + REPLAYED;
        let Some(minimum) = minimum.filter(|_| self.has_learnt) else {
            // The first stream tells its replay, oldest first: the least offset of it all is the best known.
            self.current = Some(minimum.map_or(offset, |minimum| minimum.min(offset)));
            // Only their number tells whether some may have been dropped.
            return if self.told.1 >= self.queue {
                Timing::Late
            } else {
                Timing::Fine
            };
        };
        let is_replay = self.ours(stamp).is_some_and(|at| at < opened) && arrived < opened + REPLAYED;
        if is_replay {
            return Timing::Fine;
        }
        let jump = offset - minimum;
        // The first live event may come long after the replay, so that no clock need have been set.
        let is_set = jump.abs() > nanos(CLOCK_SET) && had_learnt;
        if jump < 0 && !is_set && self.told.1 < self.queue {
            self.current = Some(offset);
            return Timing::Fine;
        }
        if jump.abs() > nanos(CLOCK_SET) {
            self.previous = None;
            self.current = Some(offset);
            return Timing::ClockSet;
        }
        self.current = Some(self.current.map_or(offset, |current| current.min(offset)));
        match jump {
            late if late > nanos(SUSPICIOUS) => Timing::Late,
            early if -early > nanos(SUSPICIOUS) => Timing::Early,
            _ => Timing::Fine,
        }
    }

    /// Begins a new window. What a window without events would forget is kept: clocks that drifted apart meanwhile cost
    /// a renewal or two, a forgotten minimum would hide the first late event.
    pub(crate) fn turn(&mut self) {
        if let Some(least) = self.current.take() {
            self.previous = Some(least);
        }
    }
}

fn nanos(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    const OPENED: Duration = Duration::from_secs(1_000);

    /// An event that takes `took` ms to reach us, of an engine whose clock is `ahead` ms ahead of ours.
    fn come(lateness: &mut Lateness, at_ms: u64, took_ms: u64, ahead_ms: i64) -> Timing {
        let stamp = Timestamp::from_nanos((at_ms.cast_signed() + ahead_ms) * MS);
        lateness.judge(Duration::from_millis(at_ms + took_ms), OPENED, stamp)
    }

    #[test]
    fn what_is_late_by_more_than_eighty_milliseconds_is_suspicious_on_any_clock() {
        for ahead in [0, 3_600_000, -3_600_000] {
            let mut lateness = Lateness::default();
            assert_eq!(come(&mut lateness, 4_000_000, 5, ahead), Timing::Fine);
            assert_eq!(come(&mut lateness, 4_001_000, 80, ahead), Timing::Fine);
            assert_eq!(come(&mut lateness, 4_002_000, 90, ahead), Timing::Late);
            assert_eq!(come(&mut lateness, 4_003_000, 1, ahead), Timing::Fine);
        }
    }

    #[test]
    fn replay_is_not_late() {
        let mut lateness = Lateness::default();
        come(&mut lateness, 2_000_000, 1, 0);
        let opened = Duration::from_secs(3_000);
        let at = |ms: i64| Timestamp::from_nanos(ms * MS);
        assert_eq!(
            lateness.judge(opened + Duration::from_millis(3), opened, at(2_400_000)),
            Timing::Fine
        );
        assert_eq!(
            lateness.judge(opened + Duration::from_millis(300), opened, at(3_000_100)),
            Timing::Late
        );
        let later = opened + Duration::from_secs(2);
        assert_eq!(
            lateness.judge(later, opened, at(3_000_000)),
            Timing::Late,
            "no longer replay"
        );
    }

    #[test]
    fn the_first_replay_teaches_and_a_prompter_event_after_a_full_queue_puts_all_in_doubt() {
        for (lines, expected) in [(QUEUE - 10, Timing::Fine), (QUEUE, Timing::Early)] {
            let mut lateness = Lateness::default();
            let at = |ms: i64| Timestamp::from_nanos(ms * MS);
            for n in 0..lines {
                let (took, stamp) = if n < 256 {
                    (2, 900_000 + i64::from(n))
                } else {
                    (200, 1_000_050)
                };
                let timing = if n + 1 < QUEUE { Timing::Fine } else { Timing::Late };
                assert_eq!(
                    lateness.judge(OPENED + Duration::from_millis(took), OPENED, at(stamp)),
                    timing
                );
            }
            assert_eq!(
                come(&mut lateness, 1_002_000, 1, 0),
                expected,
                "after {lines} lines"
            );
            assert_eq!(come(&mut lateness, 1_003_000, 1, 0), Timing::Fine);
        }
    }

    #[test]
    fn the_first_live_event_is_in_time_however_old_the_replay_before_it_was() {
        let mut lateness = Lateness::default();
        let at = |ms: i64| Timestamp::from_nanos(ms * MS);
        for (took, stamp) in [(1, 5_000), (1, 400_000)] {
            lateness.judge(OPENED + Duration::from_millis(took), OPENED, at(stamp));
        }
        assert_eq!(
            come(&mut lateness, 1_060_000, 1, 0),
            Timing::Fine,
            "a minute later"
        );
        assert_eq!(come(&mut lateness, 1_061_000, 2, 0), Timing::Fine);
        assert_eq!(come(&mut lateness, 1_062_000, 90, 0), Timing::Late);
    }

    #[test]
    fn a_clock_that_was_set_is_told_once_and_learnt() {
        for ahead in [-3_600_000, 3_600_000] {
            let mut lateness = Lateness::default();
            come(&mut lateness, 7_200_000, 1, 0);
            lateness.turn();
            come(&mut lateness, 7_201_000, 1, 0);
            assert_eq!(come(&mut lateness, 7_202_000, 1, ahead), Timing::ClockSet);
            assert_eq!(come(&mut lateness, 7_203_000, 2, ahead), Timing::Fine);
        }
    }

    #[test]
    fn clocks_that_drift_apart_are_followed() {
        let mut lateness = Lateness::default();
        for second in 0..10_000u64 {
            if second % 30 == 0 {
                lateness.turn();
            }
            // 200 ppm: 80 ms in 400 s.
            let drift = -(second.cast_signed() / 5);
            assert_eq!(
                come(&mut lateness, 10_000_000 + second * 1_000, 1, drift),
                Timing::Fine,
                "{second}"
            );
        }
    }

    #[test]
    fn before_anything_is_known_of_the_clocks_so_many_new_lines_as_an_engine_lets_wait_are_suspicious() {
        let mut lateness = Lateness::of_queue(3);
        let opened = Duration::from_secs(4);
        let at = |n: i64| Timestamp::from_nanos(n * MS);
        for n in 10..12 {
            assert_eq!(lateness.judge(opened, opened, at(n)), Timing::Fine);
        }
        for n in 12..20 {
            assert_eq!(lateness.judge(opened, opened, at(n)), Timing::Late);
        }
        let next = opened + Duration::from_millis(500);
        assert_eq!(lateness.judge(next, next, at(20)), Timing::Fine, "another stream");
    }
}
