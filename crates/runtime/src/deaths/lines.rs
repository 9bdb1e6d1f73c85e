//! The last lines of one run, out of a log that may hold others.
//!
//! Pure. Bounded by lines and bytes, whatever is put in.

use std::collections::VecDeque;

use longshore_core::{LastLine, LastLines, LogSource, Timestamp};
use longshore_engine::StdStream;

use crate::logs::LogLine;

/// The pieces into which an engine cuts a line, which it counts as lines.
const PIECE: usize = 16 * 1024;

/// From the end of the run before to the own end, as far as they are known.
pub(super) type RunSpan = (Option<Timestamp>, Option<Timestamp>);

/// The last lines of a run, and whether lines of the runs beside it may be among them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) lines: LastLines,
    /// Of the run before.
    pub(super) before: bool,
    /// Of the next one, where there is one.
    pub(super) after: bool,
}

/// Which run a line is of.
#[derive(Debug, PartialEq, Eq)]
enum Of {
    Before,
    This { before: bool, after: bool },
    After,
}

/// Podman stamps lines by whole seconds: such a stamp stands for any moment of its second.
fn of(at: Option<Timestamp>, (after, until): RunSpan) -> Of {
    let Some(at) = at else {
        return Of::This {
            before: false,
            after: false,
        };
    };
    let nanos = at.as_nanos();
    let latest = match nanos % 1_000_000_000 {
        0 => Timestamp::from_nanos(nanos.saturating_add(999_999_999)),
        _ => at,
    };
    if after.is_some_and(|after| latest <= after) {
        Of::Before
    } else if until.is_some_and(|until| at > until) {
        Of::After
    } else {
        Of::This {
            before: after.is_some_and(|after| at <= after),
            after: until.is_some_and(|until| latest > until),
        }
    }
}

impl Said {
    /// Those of a log that was followed which are of this run.
    pub(super) fn within(lines: LastLines, span: RunSpan) -> Self {
        let mut said = Self::default();
        said.lines.earlier = lines.earlier;
        for line in lines.lines {
            if let Of::This { before, after } = of(line.at, span) {
                said.before |= before;
                said.after |= after;
                said.lines.lines.push(line);
            }
        }
        said
    }
}

/// The lines of a run: after the end of the one before, up to its own.
#[derive(Debug)]
pub(super) struct EndOfLog {
    span: RunSpan,
    max_lines: usize,
    max_bytes: usize,
    doubt: (bool, bool),
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
    pub(super) fn new(span: RunSpan, max_lines: usize, max_bytes: usize) -> Self {
        Self {
            span,
            doubt: (false, false),
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
        match of(line.at, self.span) {
            Of::Before => {
                self.saw_before = true;
                return;
            }
            Of::After => {
                self.saw_after = true;
                return;
            }
            Of::This { before, after } => {
                self.doubt.0 |= before;
                self.doubt.1 |= after;
            }
        }
        // A byte that is no text becomes three.
        let text = String::from_utf8_lossy(&line.text).into_owned();
        self.bytes += text.len();
        self.lines.push_back(LastLine {
            stream: match line.stream {
                StdStream::Stdout => LogSource::Stdout,
                StdStream::Stderr => LogSource::Stderr,
            },
            at: line.at,
            text,
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

    /// Whether it wants more and has nothing: what this run said, if anything, lies behind what later ones have said.
    pub(super) fn is_buried(&self, tail: u64) -> bool {
        self.lines.is_empty() && self.wants_more(tail)
    }

    /// What there is, when `tail` were asked for.
    pub(super) fn finish(self, tail: u64) -> Said {
        let earlier = self.dropped || (!self.saw_before && self.came >= tail);
        let lines = self.lines.into();
        Said {
            lines: LastLines { lines, earlier },
            before: self.doubt.0,
            after: self.doubt.1,
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
            at: at(secs),
            text: Bytes::copy_from_slice(text.as_bytes()),
            cut: 0,
        }
    }

    fn texts(lines: &LastLines) -> Vec<&str> {
        lines.lines.iter().map(|line| &*line.text).collect()
    }

    /// Not a whole second, which would stand for all of it.
    fn at(secs: i64) -> Option<Timestamp> {
        Some(Timestamp::from_nanos(secs * 1_000_000_000 + 7))
    }

    #[test]
    fn the_lines_of_other_runs_are_left_out() {
        let mut end = EndOfLog::new((at(2), at(4)), 50, 1_000);
        for secs in 1..=6 {
            end.push(&line(secs, &secs.to_string()));
        }
        assert!(!end.wants_more(51));
        let lines = end.finish(51).lines;
        assert_eq!((texts(&lines), lines.earlier), (vec!["3", "4"], false));
    }

    #[test]
    fn a_later_run_that_filled_the_answer_is_noticed() {
        let mut end = EndOfLog::new((None, at(4)), 2, 1_000);
        for secs in 5..=7 {
            end.push(&line(secs, "later"));
        }
        assert!(end.wants_more(3) && end.is_buried(3));
        let lines = end.finish(3).lines;
        assert_eq!((texts(&lines).len(), lines.earlier), (0, true));
    }

    #[test]
    fn the_newest_are_kept_by_number_and_by_bytes() {
        let mut end = EndOfLog::new((None, None), 3, 10);
        for secs in 1..=5 {
            end.push(&line(secs, &secs.to_string()));
        }
        end.push(&line(6, "123456789"));
        let lines = end.finish(100).lines;
        assert_eq!((texts(&lines), lines.earlier), (vec!["5", "123456789"], true));
        let mut long = EndOfLog::new((None, None), 3, 10);
        long.push(&line(1, "longer than all of it"));
        assert_eq!(texts(&long.finish(4).lines).len(), 1);
        let mut whole = EndOfLog::new((None, None), 3, 10);
        whole.push(&line(1, "a"));
        assert!(!whole.finish(4).lines.earlier);
    }

    #[test]
    fn bytes_that_are_no_text_count_as_what_they_become() {
        let mut end = EndOfLog::new((None, None), 50, 1_000);
        for secs in 1..=20 {
            let mut line = line(secs, "");
            line.text = Bytes::from_static(&[0xff; 100]);
            end.push(&line);
        }
        let lines = end.finish(51).lines;
        let bytes: usize = lines.lines.iter().map(|line| line.text.len()).sum();
        assert_eq!((lines.lines.len(), bytes, lines.earlier), (3, 900, true));
    }

    #[test]
    fn a_stamp_of_whole_seconds_is_doubted_at_the_edges_of_a_run() {
        let span = (
            Some(Timestamp::from_nanos(2_500_000_000)),
            Some(Timestamp::from_nanos(4_500_000_000)),
        );
        let of = |secs| of(Some(Timestamp::from_secs(secs)), span);
        let this = |before, after| Of::This { before, after };
        assert_eq!([of(1), of(5)], [Of::Before, Of::After]);
        assert_eq!(
            [of(2), of(3), of(4)],
            [this(true, false), this(false, false), this(false, true)]
        );
        let mut end = EndOfLog::new(span, 50, 1_000);
        for secs in 1..=5 {
            let mut line = line(secs, &secs.to_string());
            line.at = Some(Timestamp::from_secs(secs));
            end.push(&line);
        }
        let said = end.finish(51);
        assert_eq!(
            texts(&said.lines),
            ["2", "3", "4"],
            "what may be its own is not withheld"
        );
        assert_eq!((said.before, said.after), (true, true));
        assert!(Said::within(said.lines, span).before);
    }
}
