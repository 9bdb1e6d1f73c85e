//! The last lines of one run, out of a log that may hold others.
//!
//! Pure. Bounded by lines and bytes, whatever is put in.

use std::collections::VecDeque;

use longshore_core::{LastLine, LastLines, LogSource, Timestamp};
use longshore_engine::StdStream;

use crate::logs::LogLine;

/// The pieces into which an engine cuts a line, which it counts as lines.
const PIECE: usize = 16 * 1024;

/// The lines of a run: after the end of the one before, up to its own.
#[derive(Debug)]
pub(super) struct EndOfLog {
    after: Option<Timestamp>,
    until: Option<Timestamp>,
    max_lines: usize,
    max_bytes: usize,
    lines: VecDeque<LastLine>,
    bytes: usize,
    /// Pieces that came.
    came: u64,
    /// Some of the run's own lines were not kept.
    dropped: bool,
    saw_before: bool,
    saw_after: bool,
}

impl EndOfLog {
    pub(super) fn new(
        span: (Option<Timestamp>, Option<Timestamp>),
        max_lines: usize,
        max_bytes: usize,
    ) -> Self {
        Self {
            after: span.0,
            until: span.1,
            max_lines,
            max_bytes,
            lines: VecDeque::new(),
            bytes: 0,
            came: 0,
            dropped: false,
            saw_before: false,
            saw_after: false,
        }
    }

    pub(super) fn push(&mut self, line: &LogLine) {
        let length = line.text.len() as u64 + line.cut;
        self.came += 1 + length / PIECE as u64;
        if let Some(at) = line.at {
            if self.after.is_some_and(|after| at <= after) {
                self.saw_before = true;
                return;
            }
            if self.until.is_some_and(|until| at > until) {
                self.saw_after = true;
                return;
            }
        }
        self.bytes += line.text.len();
        self.lines.push_back(LastLine {
            stream: match line.stream {
                StdStream::Stdout => LogSource::Stdout,
                StdStream::Stderr => LogSource::Stderr,
            },
            at: line.at,
            text: String::from_utf8_lossy(&line.text).into_owned(),
            cut: line.cut,
        });
        while self.lines.len() > self.max_lines || self.bytes > self.max_bytes && self.lines.len() > 1 {
            let Some(old) = self.lines.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(old.text.len());
            self.dropped = true;
        }
    }

    /// Whether lines of a later run may have taken the places of this one's, when `tail` were asked for.
    pub(super) fn wants_more(&self, tail: u64) -> bool {
        self.saw_after && !self.saw_before && self.lines.len() < self.max_lines && self.came >= tail
    }

    /// What there is, when `tail` were asked for.
    pub(super) fn finish(self, tail: u64) -> LastLines {
        LastLines {
            earlier: self.dropped || (!self.saw_before && self.came >= tail),
            lines: self.lines.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn line(secs: i64, text: &str) -> LogLine {
        LogLine {
            stream: StdStream::Stdout,
            at: Some(Timestamp::from_secs(secs)),
            text: Bytes::copy_from_slice(text.as_bytes()),
            cut: 0,
        }
    }

    fn texts(lines: &LastLines) -> Vec<&str> {
        lines.lines.iter().map(|line| &*line.text).collect()
    }

    fn at(secs: i64) -> Option<Timestamp> {
        Some(Timestamp::from_secs(secs))
    }

    #[test]
    fn the_lines_of_other_runs_are_left_out() {
        let mut end = EndOfLog::new((at(2), at(4)), 50, 1_000);
        for secs in 1..=6 {
            end.push(&line(secs, &secs.to_string()));
        }
        assert!(!end.wants_more(51));
        let lines = end.finish(51);
        assert_eq!((texts(&lines), lines.earlier), (vec!["3", "4"], false));
    }

    #[test]
    fn a_later_run_that_filled_the_answer_is_noticed() {
        let mut end = EndOfLog::new((None, at(4)), 2, 1_000);
        for secs in 5..=7 {
            end.push(&line(secs, "later"));
        }
        assert!(end.wants_more(3));
        let lines = end.finish(3);
        assert_eq!((texts(&lines).len(), lines.earlier), (0, true));
    }

    #[test]
    fn the_newest_are_kept_by_number_and_by_bytes() {
        let mut end = EndOfLog::new((None, None), 3, 10);
        for secs in 1..=5 {
            end.push(&line(secs, &secs.to_string()));
        }
        end.push(&line(6, "123456789"));
        let lines = end.finish(100);
        assert_eq!((texts(&lines), lines.earlier), (vec!["5", "123456789"], true));
        let mut long = EndOfLog::new((None, None), 3, 10);
        long.push(&line(1, "longer than all of it"));
        assert_eq!(texts(&long.finish(4)).len(), 1);
        let mut whole = EndOfLog::new((None, None), 3, 10);
        whole.push(&line(1, "a"));
        assert!(!whole.finish(4).earlier);
    }
}
