//! What the feed holds: events and gaps, each under a cursor of its own.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use longshore_core::{Event, Timestamp};

use crate::LineId;

/// A place in the feed of one engine: our own sequence, since nothing that the engine gives can serve as one.
///
/// `epoch` names the run of the follower; sequences of different runs have nothing to do with each other. Within an
/// epoch `seq` starts at 1 and grows by one with each record.
///
/// ```
/// use longshore_runtime::Cursor;
/// let cursor = Cursor { epoch: 0xabc, seq: 7 };
/// assert_eq!(cursor.to_string(), "1.abc.7");
/// assert_eq!("1.abc.7".parse(), Ok(cursor));
/// assert!("abc.7".parse::<Cursor>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cursor {
    /// Which run of the follower.
    pub epoch: u64,
    /// The record's number in it, from 1.
    pub seq: u64,
}

/// The version of a cursor's text form, its first field.
const CURSOR_FORM: &str = "1";

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{CURSOR_FORM}.{:x}.{}", self.epoch, self.seq)
    }
}

/// Text that is no cursor of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidCursor;

impl fmt::Display for InvalidCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a cursor: give back one that came with an event, unchanged")
    }
}

impl std::error::Error for InvalidCursor {}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let mut parts = text.splitn(3, '.');
        let (Some(CURSOR_FORM), Some(epoch), Some(seq)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(InvalidCursor);
        };
        match (u64::from_str_radix(epoch, 16), seq.parse()) {
            (Ok(epoch), Ok(seq)) => Ok(Self { epoch, seq }),
            _ => Err(InvalidCursor),
        }
    }
}

/// One entry of the feed.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its place.
    pub cursor: Cursor,
    /// What it says.
    pub body: RecordBody,
    /// What its line is known by to a later run; `None` when it was made of no line of the engine.
    pub line: Option<LineId>,
    /// Of so many of the newest lines, its own included, it was not sure when this was told that everything older in the
    /// engine's memory had been told before: what a later run may not rely on ([`KnownLine::sure`](crate::KnownLine::sure)).
    /// It is nearly always those of the last 50 ms. 0 without a line.
    pub unsure: u32,
    /// When we had it, by our clock. Not the engine's stamp, which is in the event.
    pub received: SystemTime,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
pub enum RecordBody {
    /// Something happened.
    Event {
        /// What.
        event: Event,
        /// Not told by the engine, but seen from the difference after a gap. Its time is the best known one.
        synthetic: bool,
        /// Its stamp is older than that of an event delivered before it; if it is synthetic, of one about the same object.
        late: bool,
    },
    /// Events may be missing here.
    Gap {
        /// By the engine's clock, the stamp of the last event that is surely before the missing ones. By ours, when
        /// we first looked, while the engine has told nothing at all.
        from: Timestamp,
        /// By the engine's clock, the stamp of the first event after them, or about the time of the telling. By ours
        /// where the engine's is not known.
        to: Timestamp,
        /// How we know.
        reason: GapReason,
    },
}

impl Record {
    /// The event, when it is one.
    pub fn event(&self) -> Option<&Event> {
        match &self.body {
            RecordBody::Event { event, .. } => Some(event),
            RecordBody::Gap { .. } => None,
        }
    }
}

/// Why there is a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum GapReason {
    /// The oldest event that the engine still holds is not one we had: its memory of 256 overflowed while we did not
    /// listen, or it restarted.
    Missed,
    /// The engine holds no event at all: it restarted.
    Restarted,
    /// Events came so late that the engine may have dropped some for us, and it no longer holds all of that time.
    Dropped,
    /// A line of the stream was no event that could be read.
    Unreadable,
    /// The feed no longer holds what the cursor asks for. Only in answers, never in the feed itself.
    Forgotten,
    /// The cursor is from another run, another engine, or the future. Only in answers, never in the feed itself.
    UnknownCursor,
    /// The history was not written: its store was slow, full or broken, or the event too large to keep. Only in what is
    /// kept, never in the feed itself.
    NotKept,
}

/// Text that is no reason for a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownReason;

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no reason for a gap that this version knows")
    }
}

impl std::error::Error for UnknownReason {}

impl FromStr for GapReason {
    type Err = UnknownReason;

    fn from_str(word: &str) -> Result<Self, UnknownReason> {
        let all = Self::COUNTED
            .into_iter()
            .chain([Self::Forgotten, Self::UnknownCursor, Self::NotKept]);
        { all }
            .find(|reason| reason.as_str() == word)
            .ok_or(UnknownReason)
    }
}

impl GapReason {
    /// All reasons that the feed itself counts.
    pub const COUNTED: [Self; 4] = [Self::Missed, Self::Restarted, Self::Dropped, Self::Unreadable];

    /// A stable word for it, for machines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Restarted => "restarted",
            Self::Dropped => "dropped",
            Self::Unreadable => "unreadable",
            Self::Forgotten => "forgotten",
            Self::UnknownCursor => "unknown_cursor",
            Self::NotKept => "not_kept",
        }
    }
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
