//! The tape against a model of an engine's log: two streams whose stamps cross, long lines in pieces, runs that end in the
//! middle of a line, clocks that are set back, rotation, answers cut at any byte, engines that filter by time differently.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use longshore_core::Timestamp;
use longshore_engine::{LogFrame, StdStream};
use proptest::prelude::*;

use super::LogItem;
use super::entry::PIECE;
use super::tape::Tape;

const MAX_LINE: usize = 3 * PIECE;

/// An entry as the engine holds it: which line it is of.
#[derive(Debug, Clone)]
struct Held {
    line: usize,
    stream: StdStream,
    at: i64,
    text: String,
    ends_line: bool,
}

#[derive(Debug, Clone)]
enum Act {
    /// A line: on standard error, nanoseconds since the one before, whole pieces before its end, has an end.
    Write(bool, i64, usize, bool),
    /// The oldest entries go.
    Rotate(usize),
    /// The engine's clock is set back.
    SetBack(i64),
    /// The answer is cut after so many bytes; the next one begins.
    Cut(usize),
    /// The answer is read to its end.
    Read,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (any::<bool>(), prop_oneof![4 => Just(7i64), 1 => -3i64..30], prop_oneof![9 => Just(0usize), 1 => 1usize..3], prop::bool::weighted(0.9))
            .prop_map(|(err, by, pieces, end)| Act::Write(err, by, pieces, end)),
        1 => (1usize..9).prop_map(Act::Rotate),
        1 => (1i64..100).prop_map(Act::SetBack),
        4 => (0usize..600).prop_map(Act::Cut),
        1 => (0usize..60_000).prop_map(Act::Cut),
        2 => Just(Act::Read),
    ]
}

struct Engine {
    file: VecDeque<Held>,
    clock: i64,
    newest: [i64; 2],
    lines: usize,
    tty: bool,
    is_gated: bool,
    /// Lines of which entries were rotated away.
    rotated: BTreeSet<usize>,
    was_set_back: bool,
}

impl Engine {
    fn write(&mut self, err: bool, by: i64, pieces: usize, ends_line: bool) {
        let err = err && !self.tty;
        let by = by * 1_000;
        self.clock += by.abs();
        // Between the streams stamps cross, within one they rise.
        let own = &mut self.newest[usize::from(err)];
        *own = (self.clock + by.min(0)).max(*own + 1_000);
        self.clock = self.clock.max(*own);
        let (line, at) = (self.lines, *own);
        self.lines += 1;
        let stream = if err { StdStream::Stderr } else { StdStream::Stdout };
        let held = |text: String, ends_line| Held {
            line,
            stream,
            at,
            text,
            ends_line,
        };
        for piece in 0..pieces {
            let x = ["x", "y"][piece % 2];
            self.file.push_back(held(x.repeat(PIECE), false));
        }
        self.file.push_back(held(format!("line {line}"), ends_line));
    }

    fn rotate(&mut self, entries: usize) {
        for _ in 0..entries {
            self.rotated.extend(self.file.pop_front().map(|held| held.line));
        }
    }

    fn set_back(&mut self, by: i64) {
        // An earlier stamp inside a terminal's line cannot be told from text.
        if self.tty && self.file.back().is_some_and(|held| !held.ends_line) {
            return;
        }
        self.was_set_back = true;
        // Never to the very nanosecond of an entry before.
        self.clock -= by * 1_000 - 1;
        self.newest = [self.clock; 2];
    }

    /// The bytes that answer a read, frame by frame.
    fn answer(&self, tail: Option<u64>, since: Option<Timestamp>) -> Vec<(StdStream, Vec<u8>)> {
        let tail = tail.map_or(self.file.len(), |tail| usize::try_from(tail).unwrap());
        let shown = self.file.iter().skip(self.file.len().saturating_sub(tail));
        let is_before = |held: &&Held| since.is_some_and(|since| held.at < since.as_nanos());
        let shown: Vec<&Held> = if self.is_gated {
            shown.skip_while(is_before).collect()
        } else {
            shown.filter(|held| !is_before(held)).collect()
        };
        let frame = |held: &Held| {
            let end = if !held.ends_line {
                ""
            } else if self.tty {
                "\r\n"
            } else {
                "\n"
            };
            let at = Timestamp::from_nanos(held.at);
            // With all nine digits, as engines write it.
            let stamp = format!(
                "{}.{:09}Z",
                &at.to_string()[..19],
                held.at.rem_euclid(1_000_000_000)
            );
            (held.stream, format!("{stamp} {}{end}", held.text).into_bytes())
        };
        shown.into_iter().map(frame).collect()
    }
}

/// Reads one answer, cut after `cut` bytes. Whether it must be asked for again.
fn read(engine: &Engine, tape: &mut Tape, cut: Option<usize>, told: &mut Vec<LogItem>) -> bool {
    let resume = tape.resume();
    let since = resume.and_then(|resume| resume.since).filter(|_| engine.is_gated);
    let frames = engine.answer(resume.and_then(|resume| resume.tail), since);
    let mut answer = tape.begin(engine.tty);
    let mut out = VecDeque::new();
    let mut left = cut.unwrap_or(usize::MAX);
    let mut is_short = false;
    for (stream, bytes) in frames {
        let here = bytes.len().min(left);
        left -= here;
        for (piece, is_last) in [(0..here / 2, false), (here / 2..here, here == bytes.len())] {
            let frame = LogFrame {
                stream,
                bytes: Bytes::copy_from_slice(&bytes[piece]),
                ends_entry: is_last && !engine.tty,
            };
            is_short |= !frame.bytes.is_empty() && tape.push(&mut answer, &frame, &mut out).is_err();
        }
        if left == 0 || is_short {
            break;
        }
    }
    if !is_short && left > 0 {
        is_short = tape.finish(&mut answer, &mut out).is_err();
    }
    told.extend(out);
    is_short
}

fn check(engine: &Engine, told: &[LogItem]) -> Result<(), TestCaseError> {
    let mut next = 0;
    // What went before the first line was read is nobody's loss.
    let mut has_gap = true;
    for item in told {
        match item {
            LogItem::Gap { .. } => has_gap = true,
            LogItem::Line(line) => {
                let text = String::from_utf8_lossy(&line.text);
                let Some((_, number)) = text.rsplit_once("line ") else {
                    prop_assert!(
                        has_gap || text.bytes().all(|byte| matches!(byte, b'x' | b'y')),
                        "{text:?} is no line"
                    );
                    continue;
                };
                let number: usize = number.parse().unwrap();
                prop_assert!(number >= next, "line {number} again, or out of order");
                let missing = (next..number)
                    .filter(|line| !engine.rotated.contains(line))
                    .count();
                prop_assert!(
                    missing == 0 || has_gap,
                    "lines {next} to {number} are missing without a word"
                );
                if !engine.was_set_back {
                    prop_assert_eq!(
                        missing,
                        0,
                        "lines before {} are missing though the log holds them",
                        number
                    );
                }
                prop_assert!(
                    number == next || has_gap,
                    "lines {} to {} went without a word",
                    next,
                    number
                );
                next = number + 1;
                has_gap = false;
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }
    let are_held = (next..engine.lines).any(|line| !engine.rotated.contains(&line));
    prop_assert!(
        !are_held || engine.was_set_back,
        "the end is missing: {next} of {}",
        engine.lines
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: longshore_testkit::sized(400, 40_000), ..ProptestConfig::default() })]

    /// Whatever happens, every line that the log still holds comes once and in order, or after a gap.
    #[test]
    fn every_line_once_or_inside_a_gap(
        acts in prop::collection::vec(act(), 1..60),
        tty in any::<bool>(),
        is_gated in any::<bool>(),
    ) {
        let mut engine = Engine {
            file: VecDeque::new(),
            clock: 1_790_000_000_000_000_000,
            newest: [0; 2],
            lines: 0,
            tty,
            is_gated,
            rotated: BTreeSet::new(),
            was_set_back: false,
        };
        let mut tape = Tape::with_tails(MAX_LINE, true, [Some(3), Some(8), None]);
        let mut told = Vec::new();
        for act in acts {
            match act {
                // With two streams an unfinished line is told after later ones of the other.
                Act::Write(err, by, pieces, end) => engine.write(err, by, pieces, end || !tty),
                Act::Rotate(entries) => engine.rotate(entries),
                Act::SetBack(by) => engine.set_back(by),
                Act::Cut(bytes) => { read(&engine, &mut tape, Some(bytes), &mut told); }
                Act::Read => while read(&engine, &mut tape, None, &mut told) {},
            }
        }
        while read(&engine, &mut tape, None, &mut told) {}
        let mut out = VecDeque::new();
        tape.end_run(&mut out);
        told.extend(out);
        check(&engine, &told)?;
    }
}
