//! A point in time as a person gives it: a date, seconds since the epoch, or how long ago.

use std::{str::FromStr, time::Duration};

use longshore_core::Timestamp;

/// What `--since` and `--until` take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Then.
    At(Timestamp),
    /// So long before now, by the engine's clock.
    Ago(Duration),
}

impl When {
    /// The point in time, where it is `now`.
    pub(crate) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(span) => {
                let nanos = i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
                Timestamp::from_nanos(now.as_nanos().saturating_sub(nanos))
            }
        }
    }
}

const EXPECTED: &str =
    "give how long ago (90s, 10m, 1h30m, 2d), a time (2026-01-31T12:00:00Z), or seconds since 1970";

impl FromStr for When {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(at) = Timestamp::parse_rfc3339(text) {
            return Ok(Self::At(at));
        }
        if let Some(at) = epoch(text) {
            return Ok(Self::At(at));
        }
        span(text).map(Self::Ago).ok_or(EXPECTED)
    }
}

/// Seconds since the epoch with up to nine digits behind the point, digit by digit: a float would lose some.
fn epoch(text: &str) -> Option<Timestamp> {
    let (secs, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 9 || !secs.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let secs: i64 = secs.parse().ok()?;
    let nanos: i64 = format!("{fraction:0<9}").parse().ok()?;
    secs.checked_mul(1_000_000_000)?
        .checked_add(nanos)
        .map(Timestamp::from_nanos)
}

/// `1h30m`, `90s`, `250ms`, `2d`.
fn span(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let unit = &after[..after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len())];
        let millis: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(
            number.parse::<u64>().ok()?.checked_mul(millis)?,
        ))?;
        rest = &after[unit.len()..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let at = |nanos| Ok(When::At(Timestamp::from_nanos(nanos)));
        let ago = |millis| Ok(When::Ago(Duration::from_millis(millis)));
        for (text, expected) in [
            ("1970-01-01T00:00:01.5Z", at(1_500_000_000)),
            ("1790000000", at(1_790_000_000_000_000_000)),
            ("1790000000.000000001", at(1_790_000_000_000_000_001)),
            ("90s", ago(90_000)),
            ("1h30m", ago(5_400_000)),
            ("2d", ago(172_800_000)),
            ("250ms", ago(250)),
            ("", Err(EXPECTED)),
            ("-5m", Err(EXPECTED)),
            ("5", at(5_000_000_000)),
            ("5x", Err(EXPECTED)),
            ("m5", Err(EXPECTED)),
            ("yesterday", Err(EXPECTED)),
            ("99999999999999999999d", Err(EXPECTED)),
            ("é", Err(EXPECTED)),
        ] {
            assert_eq!(text.parse::<When>(), expected, "{text:?}");
        }
    }

    #[test]
    fn long_ago_does_not_wrap() {
        let at = When::Ago(Duration::MAX).at(Timestamp::from_secs(0));
        assert!(at < Timestamp::from_secs(0));
    }
}
