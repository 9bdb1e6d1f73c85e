//! One place in the histories of all hosts, as the opaque text that callers keep: `host=cursor`, joined by commas.

use std::{collections::BTreeMap, fmt, str::FromStr};

use longshore_fleet::runtime::Cursor;

/// For each host the last record that was given out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FleetCursor(BTreeMap<String, Cursor>);

impl FleetCursor {
    pub(crate) fn get(&self, host: &str) -> Option<Cursor> {
        self.0.get(host).copied()
    }

    pub(crate) fn set(&mut self, host: &str, cursor: Cursor) {
        match self.0.get_mut(host) {
            Some(kept) => *kept = cursor,
            None => {
                self.0.insert(host.to_owned(), cursor);
            }
        }
    }

    /// Takes over the places of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.0
            .extend(other.0.iter().map(|(host, at)| (host.clone(), *at)));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for FleetCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (host, cursor)) in self.0.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{host}={cursor}")?;
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
            let (host, cursor) = part.split_once('=')?;
            Some((host.to_owned(), cursor.parse().ok()?))
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
        let mut cursor = FleetCursor::default();
        cursor.set("local", Cursor { epoch: 10, seq: 7 });
        cursor.set("far", Cursor { epoch: 11, seq: 1 });
        cursor.set("far", Cursor { epoch: 11, seq: 2 });
        assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
        assert_eq!(cursor.get("far"), Some(Cursor { epoch: 11, seq: 2 }));
        for bad in ["", "local", "local=", "=,", "x=y"] {
            assert_eq!(bad.parse::<FleetCursor>(), Err(InvalidCursor), "{bad}");
        }
    }
}
