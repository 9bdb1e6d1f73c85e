//! Points in time as engines state them: nanoseconds since the Unix epoch. No clock is read here.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Text that is no RFC 3339 time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidTimestamp;

impl fmt::Display for InvalidTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a time in RFC 3339 form, such as 2026-01-31T12:00:00Z")
    }
}

impl std::error::Error for InvalidTimestamp {}

/// Nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted. Reaches from 1677 to 2262.
///
/// Shown, and written in JSON, in RFC 3339 form in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds since the epoch; what does not fit is the nearest that does.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// Reads an RFC 3339 time of any offset and up to nanoseconds.
    ///
    /// # Errors
    /// [`InvalidTimestamp`] when it is none, or outside what nanoseconds reach.
    pub fn parse_rfc3339(text: &str) -> Result<Self, InvalidTimestamp> {
        let at: jiff::Timestamp = text.parse().map_err(|_| InvalidTimestamp)?;
        i64::try_from(at.as_nanosecond())
            .map(Self)
            .map_err(|_| InvalidTimestamp)
    }

    /// Reads a time as engines write it, where the year 1 means *never*: that, and what cannot be read, is `None`.
    pub fn parse_engine(text: &str) -> Option<Self> {
        if text.is_empty() || text.starts_with("0001-") {
            return None;
        }
        Self::parse_rfc3339(text).ok()
    }

    /// Reads a time as HTTP heads have it (`Sun, 06 Nov 1994 08:49:37 GMT`, RFC 9110); `None` for what is none.
    pub fn parse_http(text: &str) -> Option<Self> {
        let at = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(Self::from_secs(at.timestamp().as_second()))
    }

    /// Reads seconds since the epoch with up to nine digits behind a point, as engines are asked for events
    /// (`1790000000.000000001`); `None` for what is none.
    pub fn parse_seconds(text: &str) -> Option<Self> {
        let (secs, fraction) = text.split_once('.').unwrap_or((text, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if secs.is_empty() || !is_digits(secs) || !is_digits(fraction) || fraction.len() > 9 {
            return None;
        }
        let nanos: i64 = format!("{fraction:0<9}").parse().ok()?;
        let secs: i64 = secs.parse().ok()?;
        secs.checked_mul(1_000_000_000)?.checked_add(nanos).map(Self)
    }

    /// How long after `earlier` this is; `None` when it is not after it.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        let nanos = self.0.checked_sub(earlier.0)?;
        u64::try_from(nanos)
            .ok()
            .filter(|n| *n > 0)
            .map(Duration::from_nanos)
    }
}

impl From<std::time::SystemTime> for Timestamp {
    fn from(at: std::time::SystemTime) -> Self {
        let nanos = |d: Duration| i64::try_from(d.as_nanos()).unwrap_or(i64::MAX);
        match at.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => Self(nanos(after)),
            Err(before) => Self(-nanos(before.duration())),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(at) => fmt::Display::fmt(&at, f),
            Err(_) => write!(f, "{} ns", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse_rfc3339(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_survive_being_written_and_read() {
        let at = Timestamp::from_nanos(1_790_000_000_000_000_001);
        assert_eq!(at.to_string(), "2026-09-21T14:13:20.000000001Z");
        assert_eq!(Timestamp::parse_rfc3339(&at.to_string()), Ok(at));
    }

    #[test]
    fn times_of_heads_and_of_queries_are_read() {
        let at = Timestamp::parse_http("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at, Some(Timestamp::from_secs(784_111_777)));
        assert_eq!(Timestamp::parse_http("yesterday"), None);
        let nanos = |text| Timestamp::parse_seconds(text).map(Timestamp::as_nanos);
        assert_eq!(nanos("5"), Some(5_000_000_000));
        assert_eq!(nanos("5.5"), Some(5_500_000_000));
        assert_eq!(nanos("5.000000001"), Some(5_000_000_001));
        for rubbish in [
            "",
            ".5",
            "-5",
            "5.0000000001",
            "5m",
            "99999999999999999999",
            "9999999999",
        ] {
            assert_eq!(nanos(rubbish), None, "{rubbish}");
        }
    }

    #[test]
    fn offsets_are_read_and_never_is_none() {
        let utc = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").unwrap();
        assert_eq!(Timestamp::parse_rfc3339("2026-01-01T02:00:00+02:00"), Ok(utc));
        assert_eq!(Timestamp::parse_engine("0001-01-01T00:00:00Z"), None);
        assert_eq!(Timestamp::parse_engine("rubbish"), None);
        assert!(
            Timestamp::parse_rfc3339("9999-12-31T00:00:00Z").is_err(),
            "past what nanoseconds reach"
        );
    }

    #[test]
    fn a_span_is_only_ever_forward() {
        let (a, b) = (Timestamp::from_secs(1), Timestamp::from_secs(3));
        assert_eq!(b.since(a), Some(Duration::from_secs(2)));
        assert_eq!(a.since(b), None);
        assert_eq!(a.since(a), None);
    }
}
