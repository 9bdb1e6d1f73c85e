//! One place in the histories of all hosts, as the opaque text that callers keep: `host=cursor`, joined by commas.

use std::{collections::BTreeMap, fmt, str::FromStr, sync::Arc};

use longshore_fleet::runtime::{Cursor, LineId};

/// The form of a place that says more than a cursor; that of a cursor is `1`.
const FORM: &str = "2";
/// Most lines that a place names: a place that had to name more is its cursor alone.
pub(crate) const MOST_SEEN: usize = 64;
/// Hexadecimal digits of a line.
const DIGITS: usize = 12;

/// What a line is known by in a place: enough of its hash to tell it from the few hundred that an engine holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineKey(u64);

impl LineKey {
    pub(crate) fn of(line: LineId) -> Self {
        let key = line.to_bytes().into_iter().take(DIGITS / 2);
        Self(key.fold(0, |key, byte| key << 8 | u64::from(byte)))
    }
}

/// A place in the history of one host: after a record. What of it was not written when it was given out is found again by
/// its lines, also by a server that has never told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) cursor: Cursor,
    /// So many records up to it were not written.
    pub(crate) unwritten: u64,
    /// The lines of those, and of what else was given out that may come again after it.
    pub(crate) seen: Arc<[LineKey]>,
}

impl Place {
    /// One that is its cursor alone.
    pub(crate) fn at(cursor: Cursor) -> Self {
        Self {
            cursor,
            unwritten: 0,
            seen: Arc::default(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.unwritten == 0 && self.seen.is_empty() {
            return self.cursor.fmt(f);
        }
        let Cursor { epoch, seq } = self.cursor;
        write!(f, "{FORM}.{epoch:x}.{seq}.{}.", self.unwritten)?;
        self.seen
            .iter()
            .try_for_each(|LineKey(key)| write!(f, "{key:0DIGITS$x}"))
    }
}

impl FromStr for Place {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let Some(text) = text.strip_prefix(FORM).and_then(|text| text.strip_prefix('.')) else {
            return text.parse().map(Self::at).map_err(|_| InvalidCursor);
        };
        let mut parts = text.splitn(4, '.');
        let mut part = || parts.next().ok_or(InvalidCursor);
        let (epoch, seq, unwritten, seen) = (part()?, part()?, part()?, part()?);
        let number = |text: &str| text.parse().map_err(|_| InvalidCursor);
        let is_hex = seen.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex || !seen.len().is_multiple_of(DIGITS) || seen.len() > MOST_SEEN * DIGITS {
            return Err(InvalidCursor);
        }
        let key = |at: usize| {
            let digits = seen.get(at..at + DIGITS).ok_or(InvalidCursor)?;
            let key = u64::from_str_radix(digits, 16).map_err(|_| InvalidCursor)?;
            Ok(LineKey(key))
        };
        Ok(Self {
            cursor: Cursor {
                epoch: u64::from_str_radix(epoch, 16).map_err(|_| InvalidCursor)?,
                seq: number(seq)?,
            },
            unwritten: number(unwritten)?,
            seen: (0..seen.len())
                .step_by(DIGITS)
                .map(key)
                .collect::<Result<_, _>>()?,
        })
    }
}

/// For each host the last record that was given out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FleetCursor(BTreeMap<String, Place>);

impl FleetCursor {
    pub(crate) fn get(&self, host: &str) -> Option<Place> {
        self.0.get(host).cloned()
    }

    pub(crate) fn set(&mut self, host: &str, place: Place) {
        match self.0.get_mut(host) {
            Some(kept) => *kept = place,
            None => {
                self.0.insert(host.to_owned(), place);
            }
        }
    }

    pub(crate) fn hosts(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Takes over the places of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.0
            .extend(other.0.iter().map(|(host, at)| (host.clone(), at.clone())));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for FleetCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (host, place)) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{host}={place}")?;
        }
        Ok(())
    }
}

/// Text that is no cursor of ours.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InvalidCursor;

impl FromStr for FleetCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let part = |part: &str| {
            let (host, place) = part.split_once('=')?;
            Some((host.to_owned(), place.parse().ok()?))
        };
        text.split(',')
            .map(part)
            .collect::<Option<_>>()
            .map(Self)
            .ok_or(InvalidCursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_survives_being_written_and_read() {
        let at = |epoch, seq| Place::at(Cursor { epoch, seq });
        let mut cursor = FleetCursor::default();
        cursor.set("local", at(10, 7));
        cursor.set("far", at(11, 1));
        cursor.set("far", at(11, 2));
        assert_eq!(cursor.to_string(), "far=1.b.2,local=1.a.7");
        assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
        assert_eq!(cursor.get("far"), Some(at(11, 2)));
        let unwritten = Place {
            unwritten: 3,
            seen: [[0; 16], [0xff; 16], *b"0123456789abcdef"]
                .map(|line| LineKey::of(LineId::from_bytes(line)))
                .into(),
            ..at(u64::MAX, u64::MAX)
        };
        cursor.set("local", unwritten);
        let text =
            "far=1.b.2,local=2.ffffffffffffffff.18446744073709551615.3.000000000000ffffffffffff303132333435";
        assert_eq!(cursor.to_string(), text);
        assert_eq!(text.parse(), Ok(cursor));
        let many = format!("far=2.a.1.1.{}", "0".repeat((MOST_SEEN + 1) * DIGITS));
        for bad in [
            "",
            "local",
            "local=",
            "=,",
            "x=y",
            "x=2.a.1",
            "x=2.a.1.1",
            "x=2.a.1.y.",
            "x=2.a.1.1.0",
            "x=2.a.1.1.00000000000g",
            "x=3.a.1",
            "x=2.a.1.1.+00000000000",
            &many,
        ] {
            assert_eq!(bad.parse::<FleetCursor>(), Err(InvalidCursor), "{bad}");
        }
    }
}
