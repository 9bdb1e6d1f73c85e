//! One log as it is read over many answers: cutter, place and lines put together.
//!
//! Owns what is carried from one answer to the next, and so the guarantee. Pure: no clock, no engine; the follower feeds
//! it, and the model test holds it against every cut.

use std::collections::VecDeque;

use longshore_core::Timestamp;
use longshore_engine::LogFrame;

use super::entry::{Cutter, Entry};
use super::lines::Lines;
use super::place::{Judged, Place, Seek};
use super::{LogItem, LogLine};

/// How much of a log is asked for to find the anchor: so many entries from its end, then more, then all.
const TAILS: [Option<u64>; 3] = [Some(1_000), Some(50_000), None];

/// What is known of a log across answers.
#[derive(Debug)]
pub(crate) struct Tape {
    place: Place,
    lines: Lines,
    max_line: usize,
    tails: [Option<u64>; 3],
    /// Which of `tails` is asked for next.
    reach: usize,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    cutter: Cutter,
    seek: Seek,
    entries: VecDeque<Entry>,
    /// What was passed over so far, as a place.
    passed: Place,
}

/// What a resumed read asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resume {
    pub(crate) tail: Option<u64>,
    /// From when on, where all is read: the anchor's stamp.
    pub(crate) since: Option<Timestamp>,
}

/// The answer does not reach back to the anchor: another is needed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooShort;

impl Tape {
    /// A log of which nothing was read; `is_whole` when it is to be read from its beginning.
    pub(crate) fn new(max_line: usize, is_whole: bool) -> Self {
        Self::with_tails(max_line, is_whole, TAILS)
    }

    pub(crate) fn with_tails(max_line: usize, is_whole: bool, tails: [Option<u64>; 3]) -> Self {
        Self {
            tails,
            place: Place::new(is_whole),
            lines: Lines::new(max_line),
            max_line,
            reach: 0,
        }
    }

    /// What to ask for; `None` while nothing was delivered: then it is what was asked for at first.
    pub(crate) fn resume(&self) -> Option<Resume> {
        let anchor = self.place.anchor()?;
        let tail = self.tails.get(self.reach).copied().flatten();
        Some(Resume {
            tail,
            since: tail.is_none().then_some(anchor),
        })
    }

    /// The stamp of the last entry delivered.
    pub(crate) fn anchor(&self) -> Option<Timestamp> {
        self.place.anchor()
    }

    /// Begins an answer to what [`resume`](Self::resume) asks for.
    pub(crate) fn begin(&self, tty: bool) -> Answer {
        let is_tail = self.resume().is_some_and(|resume| resume.tail.is_some());
        Answer {
            cutter: Cutter::new(tty, self.max_line),
            seek: self.place.seek(is_tail),
            entries: VecDeque::new(),
            passed: Place::new(true),
        }
    }

    /// Takes a piece of an answer. `Ok(true)` when it brought something new.
    pub(crate) fn push(
        &mut self,
        answer: &mut Answer,
        frame: &LogFrame,
        out: &mut VecDeque<LogItem>,
    ) -> Result<bool, TooShort> {
        answer.cutter.push(frame, &mut answer.entries);
        self.take(answer, out)
    }

    /// The answer ended as it should.
    pub(crate) fn finish(
        &mut self,
        answer: &mut Answer,
        out: &mut VecDeque<LogItem>,
    ) -> Result<bool, TooShort> {
        answer.cutter.finish(&mut answer.entries);
        let has_new = self.take(answer, out)?;
        // Stamps that are the same, or that fell, do not tell what is new: where the anchor is not, there may be some.
        if let (Seek::Seeking { is_tail, .. }, Some(_)) = (answer.seek, answer.passed.anchor()) {
            if is_tail {
                self.reach += 1;
                return Err(TooShort);
            }
            let from = self.place.anchor();
            self.reach = 0;
            self.lines.finish(|line| out.push_back(LogItem::Line(line)));
            self.place.lose(&answer.passed);
            out.push_back(LogItem::Gap { from, to: None });
        }
        Ok(has_new)
    }

    /// The run has ended: what has no line's end is a line.
    pub(crate) fn end_run(&mut self, out: &mut VecDeque<LogItem>) {
        self.lines.finish(|line| out.push_back(LogItem::Line(line)));
    }

    fn take(&mut self, answer: &mut Answer, out: &mut VecDeque<LogItem>) -> Result<bool, TooShort> {
        let mut has_new = false;
        while let Some(entry) = answer.entries.pop_front() {
            match self.place.judge(&mut answer.seek, &entry) {
                Judged::Old => {
                    answer.passed.pass(&entry);
                    continue;
                }
                Judged::TooShort => {
                    self.reach += 1;
                    return Err(TooShort);
                }
                Judged::Gap(from) => {
                    self.lines.finish(|line| out.push_back(LogItem::Line(line)));
                    out.push_back(LogItem::Gap {
                        from: Some(from),
                        to: entry.at,
                    });
                }
                Judged::New => {}
            }
            has_new = true;
            self.reach = 0;
            self.lines
                .push(entry, |line: LogLine| out.push_back(LogItem::Line(line)));
        }
        if answer.is_found() {
            self.reach = 0;
        }
        Ok(has_new)
    }
}

impl Answer {
    /// Whether everything that comes is new.
    fn is_found(&self) -> bool {
        matches!(self.seek, Seek::Found)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use longshore_engine::StdStream;

    use super::*;

    /// Lines with stamps to the second, as Podman writes them: how each answer to them is shown.
    fn read(tape: &mut Tape, lines: impl IntoIterator<Item = (u32, u32)>) -> Result<Vec<String>, TooShort> {
        let (mut answer, mut out) = (tape.begin(false), VecDeque::new());
        for (second, number) in lines {
            let text = format!("2026-11-29T19:09:{second}Z line {number}\n");
            let frame = LogFrame {
                stream: StdStream::Stdout,
                bytes: Bytes::from(text),
                ends_entry: true,
            };
            tape.push(&mut answer, &frame, &mut out)?;
        }
        tape.finish(&mut answer, &mut out)?;
        let show = |item| match item {
            LogItem::Line(line) => String::from_utf8_lossy(&line.text).into_owned(),
            LogItem::Gap { from, to } => format!("gap {} {}", from.is_some(), to.is_some()),
            other => format!("{other:?}"),
        };
        Ok(out.into_iter().map(show).collect())
    }

    #[test]
    fn lines_of_one_stamp_whose_beginning_was_rotated_away_are_a_gap_and_not_silence() {
        let mut tape = Tape::new(1 << 20, true);
        let at = |numbers: std::ops::Range<u32>| numbers.map(|number| (10, number));
        assert_eq!(read(&mut tape, at(0..5)).unwrap().len(), 5);
        // Of the five before it four are gone, and three came.
        for _ in 0..2 {
            assert_eq!(read(&mut tape, at(4..8)), Err(TooShort), "asked for more first");
        }
        assert_eq!(tape.resume().unwrap().tail, None);
        assert_eq!(read(&mut tape, at(4..8)).unwrap(), ["gap true false"]);
        // Told once, and what comes then is told.
        assert!(tape.resume().unwrap().tail.is_some());
        while tape.resume().unwrap().tail.is_some() {
            assert_eq!(
                read(&mut tape, at(4..8)),
                Err(TooShort),
                "its beginning may be missing"
            );
        }
        assert_eq!(read(&mut tape, at(4..8)).unwrap(), [""; 0]);
        assert_eq!(read(&mut tape, at(4..8).chain([(11, 8)])), Err(TooShort));
        while tape.resume().unwrap().tail.is_some() {
            assert_eq!(read(&mut tape, at(4..8)), Err(TooShort));
        }
        assert_eq!(read(&mut tape, at(4..8).chain([(11, 8)])).unwrap(), ["line 8"]);
    }
}
