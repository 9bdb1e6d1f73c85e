//! Entries out of what an engine sends of a log: frames, or the bytes of a terminal.
//!
//! Owns where an entry begins and ends, and its stamp. Leaves to [`lines`](super::lines) what entries make up a line, and
//! to [`place`](super::place) which of them are new. Pure; memory is bounded by the longest line.

use std::collections::VecDeque;

use bytes::{Buf, Bytes, BytesMut};
use longshore_core::Timestamp;
use longshore_engine::{LogFrame, StdStream};

/// How much of a line an engine puts into one entry: the buffer of its copier.
pub(crate) const PIECE: usize = 16 * 1024;
/// `2026-01-31T12:00:00.123456789Z` and a space: the form of engines.
const STAMP: usize = 30;
/// The longest text in which a stamp of another form is looked for: with an offset instead of the `Z`.
const STAMP_MAX: usize = 40;

/// One record of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) stream: StdStream,
    /// `None`: there was none to be read, so it goes on with what its stream said last.
    pub(crate) at: Option<Timestamp>,
    /// Without stamp and line's end.
    pub(crate) text: Bytes,
    /// Bytes beyond the longest line, which were not kept.
    pub(crate) cut: u64,
    pub(crate) ends_line: bool,
}

/// Cuts one answer into entries. What came in part when the answer breaks is dropped with it: it comes again.
#[derive(Debug)]
pub(crate) struct Cutter {
    tty: bool,
    max: usize,
    buffer: BytesMut,
    cut: u64,
}

impl Cutter {
    pub(crate) fn new(tty: bool, max_line: usize) -> Self {
        Self {
            tty,
            max: max_line + STAMP_MAX + 1,
            buffer: BytesMut::new(),
            cut: 0,
        }
    }

    /// Takes a piece and gives the entries that it completes.
    pub(crate) fn push(&mut self, frame: &LogFrame, out: &mut VecDeque<Entry>) {
        if self.tty {
            self.buffer.extend_from_slice(&frame.bytes);
            while let Some(entry) = self.raw(false) {
                out.push_back(entry);
            }
            return;
        }
        let room = self.max.saturating_sub(self.buffer.len()).min(frame.bytes.len());
        self.buffer.extend_from_slice(&frame.bytes[..room]);
        self.cut += (frame.bytes.len() - room) as u64;
        // The line's end counts even where the text before it is too long to keep.
        if frame.ends_entry {
            let ends_line = frame.bytes.last() == Some(&b'\n');
            let mut bytes = self.buffer.split().freeze();
            let mut cut = std::mem::take(&mut self.cut);
            if ends_line && cut > 0 {
                cut -= 1;
            } else if ends_line {
                bytes.truncate(bytes.len() - 1);
            }
            let at = stamp(&bytes).map(|(at, len)| {
                bytes.advance(len);
                at
            });
            let stream = frame.stream;
            out.push_back(Entry {
                stream,
                at,
                text: bytes,
                cut,
                ends_line,
            });
        }
    }

    /// The answer ended as it should: what a terminal has left without a line's end is an entry.
    pub(crate) fn finish(&mut self, out: &mut VecDeque<Entry>) {
        while let Some(entry) = self.raw(true) {
            out.push_back(entry);
        }
    }

    /// The next entry of a terminal's output. Its end is a line's end; or the 16,384th byte; or, where a run has ended in
    /// the middle of a line, a stamp that is later than its own.
    fn raw(&mut self, is_over: bool) -> Option<Entry> {
        if !self.tty || self.buffer.is_empty() {
            return None;
        }
        if !is_over && self.buffer.len() <= STAMP_MAX && !self.buffer.contains(&b'\n') {
            return None;
        }
        let found = stamp(&self.buffer);
        let (at, begin) = found.map_or((None, 0), |(at, len)| (Some(at), len));
        let text = &self.buffer[begin..];
        let newline = text.iter().take(PIECE + 1).position(|byte| *byte == b'\n');
        if newline.is_none() && !is_over && text.len() < PIECE + STAMP + 1 {
            return None;
        }
        let end = newline.unwrap_or(text.len().min(PIECE));
        let other = at.and_then(|at| stamp_inside(&text[..text.len().min(end + STAMP + 1)], end, at));
        let (end, ends_line) = other.map_or((end, newline.is_some()), |other| (other, false));
        self.buffer.advance(begin);
        let mut text = self.buffer.split_to(end).freeze();
        if ends_line {
            self.buffer.advance(1);
            if text.last() == Some(&b'\r') {
                text.truncate(text.len() - 1);
            }
        }
        Some(Entry {
            stream: StdStream::Stdout,
            at,
            text,
            cut: 0,
            ends_line,
        })
    }
}

/// A stamp at the beginning, and how many bytes it takes with the space after it.
fn stamp(bytes: &[u8]) -> Option<(Timestamp, usize)> {
    if bytes.get(4) != Some(&b'-') || bytes.get(10) != Some(&b'T') {
        return None;
    }
    let end = bytes.iter().take(STAMP_MAX).position(|byte| *byte == b' ')?;
    let text = std::str::from_utf8(&bytes[..end]).ok()?;
    Some((Timestamp::parse_rfc3339(text).ok()?, end + 1))
}

/// Where in a terminal's text the next entry's stamp stands, before `end`: later than `at` anywhere, the same only after
/// a whole piece.
fn stamp_inside(text: &[u8], end: usize, at: Timestamp) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = text.get(from..)?.iter().position(|byte| *byte == b'Z') {
        let z = from + found;
        from = z + 1;
        let Some(begin) = (z + 1).checked_sub(STAMP).filter(|begin| *begin <= end) else {
            continue;
        };
        match stamp(&text[begin..]) {
            Some((other, len)) if len == STAMP + 1 && (other > at || (other == at && begin == PIECE)) => {
                return Some(begin);
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "2026-11-25T17:42:00.761482073Z";
    const LATER: &str = "2026-11-25T17:42:00.762066341Z";

    fn frame(bytes: &[u8], ends_entry: bool) -> LogFrame {
        LogFrame {
            stream: StdStream::Stdout,
            bytes: Bytes::copy_from_slice(bytes),
            ends_entry,
        }
    }

    /// Every cut of a terminal's output into two gives these: stamp's last digits, text's length, whether the line ends.
    fn raw(wire: &str) -> Vec<(i64, usize, bool)> {
        let mut all = Vec::new();
        for at in (0..=wire.len()).step_by(1 + wire.len() / 300) {
            let mut cutter = Cutter::new(true, 1 << 20);
            let mut entries = VecDeque::new();
            cutter.push(&frame(&wire.as_bytes()[..at], false), &mut entries);
            cutter.push(&frame(&wire.as_bytes()[at..], false), &mut entries);
            cutter.finish(&mut entries);
            let entries: Vec<_> = entries
                .iter()
                .map(|e| {
                    (
                        e.at.map_or(0, |at| at.as_nanos() % 1_000_000),
                        e.text.len(),
                        e.ends_line,
                    )
                })
                .collect();
            assert!(
                all.is_empty() || all == entries,
                "cut at {at}: {entries:?} for {all:?}"
            );
            all = entries;
        }
        all
    }

    #[test]
    fn a_terminals_long_line_is_pieces_of_one_stamp() {
        let (a, b) = ("a".repeat(PIECE), "a".repeat(7_232));
        // As engines 20.10 and 28.5 send it.
        assert_eq!(
            raw(&format!("{AT} {a}{AT} {a}{AT} {b}\r\n{LATER} hi\r\n")),
            [
                (482_073, PIECE, false),
                (482_073, PIECE, false),
                (482_073, 7_232, true),
                (66_341, 2, true)
            ]
        );
        assert_eq!(
            raw(&format!("{AT} {a}{AT} \r\n")),
            [(482_073, PIECE, false), (482_073, 0, true)]
        );
    }

    #[test]
    fn the_last_words_of_a_run_are_an_entry_of_their_own() {
        assert_eq!(
            raw(&format!("{AT} partial{LATER} begin\r\n")),
            [(482_073, 7, false), (66_341, 5, true)]
        );
        assert_eq!(raw(&format!("{AT} partial")), [(482_073, 7, false)]);
    }

    #[test]
    fn an_earlier_time_inside_a_line_is_text() {
        assert_eq!(
            raw(&format!("{LATER} at {AT} it began\r\n")),
            [(66_341, 3 + STAMP + 9, true)]
        );
    }

    #[test]
    fn a_frame_is_an_entry_however_it_is_cut_and_keeps_no_more_than_a_line() {
        let long = format!("{AT} {}\n", "x".repeat(500));
        for cut in [1, 40, 300, long.len() - 1] {
            let mut cutter = Cutter::new(false, 100);
            let mut entries = VecDeque::new();
            cutter.push(&frame(&long.as_bytes()[..cut], false), &mut entries);
            assert!(entries.is_empty() && cutter.buffer.len() <= 141);
            cutter.push(&frame(&long.as_bytes()[cut..], true), &mut entries);
            let entry = entries.pop_front().unwrap();
            assert_eq!(entry.text.len() as u64 + entry.cut, 500);
            assert!(entry.ends_line && entry.at.is_some());
        }
    }

    #[test]
    fn what_has_no_stamp_is_text() {
        let mut entries = VecDeque::new();
        Cutter::new(false, 100).push(&frame(b"no stamp\n", true), &mut entries);
        let entry = entries.pop_front().unwrap();
        assert_eq!((entry.at, &entry.text[..]), (None, &b"no stamp"[..]));
        assert_eq!(raw("no stamp\nx"), [(0, 8, true), (0, 1, false)]);
    }
}
