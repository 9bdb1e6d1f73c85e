//! The fake engine's clock, which can be stepped, and its seeded randomness.
//!
//! Owns: nanoseconds since the epoch, their RFC 3339 text, and a small generator whose runs can be repeated.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::lock;

/// What Go prints for a time that never was.
pub(super) const NEVER: &str = "0001-01-01T00:00:00Z";

#[derive(Debug, Default)]
pub(super) struct Clock {
    offset: AtomicI64,
}

impl Clock {
    /// Nanoseconds since the epoch, as this engine sees them.
    pub(super) fn now(&self) -> i64 {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(real.as_nanos())
            .unwrap_or(i64::MAX)
            .saturating_add(self.offset.load(Ordering::Relaxed))
    }

    pub(super) fn step(&self, by: i64) {
        self.offset.fetch_add(by, Ordering::Relaxed);
    }
}

/// RFC 3339 in UTC with nine digits.
pub(super) fn rfc3339(nanos: i64) -> String {
    let seconds = nanos.div_euclid(1_000_000_000);
    let fraction = nanos.rem_euclid(1_000_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days to a civil date, by Howard Hinnant's algorithm: eras of 400 years that start in March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:09}Z")
}

/// SplitMix64: small, seeded, good enough to shuffle.
#[derive(Debug)]
pub(super) struct Dice(Mutex<u64>);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    pub(super) fn roll(&self) -> u64 {
        let mut state = lock(&self.0);
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(*state)
    }

    /// A number below `n`; 0 when `n` is 0.
    pub(super) fn below(&self, n: u64) -> u64 {
        self.roll().checked_rem(n).unwrap_or(0)
    }

    /// Up to `most`.
    pub(super) fn pause(&self, most: Duration) -> Duration {
        Duration::from_nanos(self.below(u64::try_from(most.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// 64 hex digits, as the engine's ids have.
    pub(super) fn id(&self) -> String {
        (0..4).map(|_| format!("{:016x}", self.roll())).collect()
    }
}

pub(super) fn mix(value: u64) -> u64 {
    let a = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let b = (a ^ (a >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    b ^ (b >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(rfc3339(951_782_400_000_000_001), "2000-02-29T00:00:00.000000001Z");
        assert_eq!(
            rfc3339(1_790_000_000_123_456_789),
            "2026-09-21T14:13:20.123456789Z"
        );
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999999999Z");
    }

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let (a, b) = (Dice::new(7), Dice::new(7));
        let first = a.id();
        assert_eq!(first.len(), 64);
        assert_eq!(first, b.id());
        assert_ne!(first, a.id());
    }

    #[test]
    fn a_stepped_clock_moves() {
        let clock = Clock::default();
        let before = clock.now();
        clock.step(-3_600_000_000_000);
        assert!(clock.now() < before - 3_000_000_000_000);
    }
}
