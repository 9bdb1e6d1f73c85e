//! How long to wait before trying again: a value handed in, never a loop written in place.
//!
//! Owns the arithmetic and the jitter. Leaves to others what is tried again and when it counts as healthy.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Pauses that double from [`first`](Self::first) to [`longest`](Self::longest), each shortened by a random part, so
/// that many followers of one engine do not come back in step.
///
/// ```
/// use std::time::Duration;
/// use longshore_engine::Backoff;
/// let backoff = Backoff::default();
/// assert!(backoff.pause(1) <= Duration::from_millis(100));
/// assert!(backoff.pause(60) > Duration::from_secs(4));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// The first pause. Default: 100 ms, what an engine needs to reopen its socket.
    pub first: Duration,
    /// No pause is longer. Default: 10 s, so that an engine that is back is seen while its person still looks.
    pub longest: Duration,
    /// The part of a pause that is random, from 0 to 1. Default: 0.5.
    pub jitter: f64,
    /// After so long without failure the next pause is the first again. Default: 10 s.
    pub healthy_after: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(10),
            jitter: 0.5,
            healthy_after: Duration::from_secs(10),
        }
    }
}

impl Backoff {
    /// The pause after the `attempt`-th failure in a row, from 1.
    #[must_use]
    pub fn pause(&self, attempt: u32) -> Duration {
        // A hasher with fresh keys is the randomness that the standard library gives; jitter needs no more.
        let random = RandomState::new().hash_one(attempt);
        self.pause_at(attempt, random as f64 / u64::MAX as f64)
    }

    /// [`pause`](Self::pause) with the random part given, from 0 (longest) to 1 (shortest).
    #[must_use]
    pub fn pause_at(&self, attempt: u32, random: f64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let full = self.first.saturating_mul(1 << doublings).min(self.longest);
        full.mul_f64(1.0 - self.jitter.clamp(0.0, 1.0) * random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let backoff = Backoff::default();
        let pauses: Vec<u128> = (1..=9).map(|n| backoff.pause_at(n, 0.0).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
        assert_eq!(backoff.pause_at(u32::MAX, 0.0), Duration::from_secs(10));
        assert_eq!(backoff.pause_at(1, 1.0), Duration::from_millis(50));
    }

    #[test]
    fn two_followers_do_not_pause_alike() {
        let backoff = Backoff::default();
        let pauses: std::collections::HashSet<Duration> = (0..20).map(|_| backoff.pause(5)).collect();
        assert!(pauses.len() > 10, "{pauses:?}");
        assert!(
            pauses
                .iter()
                .all(|pause| (800..=1_600).contains(&pause.as_millis()))
        );
    }
}
