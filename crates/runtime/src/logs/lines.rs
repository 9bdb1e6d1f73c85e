//! Lines out of entries: an engine cuts a long line into pieces.
//!
//! Owns the joining and the bound of a line. It lives through broken connections: what an anchor counts as delivered is
//! in here.

use bytes::{Bytes, BytesMut};
use longshore_core::Timestamp;
use longshore_engine::StdStream;

use super::LogLine;
use super::entry::{Entry, PIECE};

#[derive(Debug, Default)]
struct Open {
    at: Option<Timestamp>,
    text: BytesMut,
    cut: u64,
    /// The last piece was a whole one, so the line goes on, whatever the next stamp.
    goes_on: bool,
    is_open: bool,
}

/// The unfinished line of each stream.
#[derive(Debug)]
pub(crate) struct Lines {
    max: usize,
    stdout: Open,
    stderr: Open,
}

impl Lines {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max,
            stdout: Open::default(),
            stderr: Open::default(),
        }
    }

    /// Takes the next entry and hands over the lines that end with it.
    pub(crate) fn push(&mut self, entry: Entry, mut line: impl FnMut(LogLine)) {
        let max = self.max;
        let stream = entry.stream;
        let open = self.of(stream);
        // Stamps of whole seconds are Podman's, which also takes what a line has so far, and stamps the rest anew.
        let is_other = entry.at != open.at && !(is_whole(entry.at) && is_whole(open.at));
        if open.is_open && !open.goes_on && entry.at.is_some() && is_other {
            // The last words of a run that has ended.
            line(open.take(stream));
        }
        if !open.is_open && entry.ends_line && entry.text.len() <= max {
            // Most lines are one entry, and are not copied.
            line(LogLine {
                stream,
                at: entry.at,
                text: entry.text,
                cut: entry.cut,
            });
            return;
        }
        if !open.is_open {
            open.at = entry.at;
            open.is_open = true;
        }
        let room = max.saturating_sub(open.text.len()).min(entry.text.len());
        open.text.extend_from_slice(&entry.text[..room]);
        open.cut += entry.cut + (entry.text.len() - room) as u64;
        open.goes_on = entry.text.len() as u64 + entry.cut == PIECE as u64;
        if entry.ends_line {
            line(open.take(stream));
        }
    }

    /// The run has ended: what is left without a line's end is a line.
    pub(crate) fn finish(&mut self, mut line: impl FnMut(LogLine)) {
        for stream in [StdStream::Stdout, StdStream::Stderr] {
            let open = self.of(stream);
            if open.is_open {
                line(open.take(stream));
            }
        }
    }

    fn of(&mut self, stream: StdStream) -> &mut Open {
        match stream {
            StdStream::Stdout => &mut self.stdout,
            StdStream::Stderr => &mut self.stderr,
        }
    }
}

fn is_whole(at: Option<Timestamp>) -> bool {
    at.is_some_and(|at| at.as_nanos().rem_euclid(1_000_000_000) == 0)
}

impl Open {
    fn take(&mut self, stream: StdStream) -> LogLine {
        let open = std::mem::take(self);
        let text: Bytes = open.text.freeze();
        LogLine {
            stream,
            at: open.at,
            text,
            cut: open.cut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(stream: StdStream, at: i64, text: &str, ends_line: bool) -> Entry {
        Entry {
            stream,
            at: Some(Timestamp::from_nanos(at)),
            text: Bytes::copy_from_slice(text.as_bytes()),
            cut: 0,
            ends_line,
        }
    }

    fn read(max: usize, entries: Vec<Entry>) -> Vec<(String, u64)> {
        let mut lines = Lines::new(max);
        let mut found = Vec::new();
        let mut take = |line: LogLine| {
            let at = line.at.map_or(0, Timestamp::as_nanos);
            let text = String::from_utf8_lossy(&line.text).into_owned();
            found.push((format!("{} {at} {text}", &line.stream.as_str()[3..]), line.cut));
        };
        for entry in entries {
            lines.push(entry, &mut take);
        }
        lines.finish(&mut take);
        found
    }

    const OUT: StdStream = StdStream::Stdout;
    const ERR: StdStream = StdStream::Stderr;

    #[test]
    fn pieces_are_joined_though_the_other_stream_comes_between() {
        let piece = "a".repeat(PIECE);
        let got = read(
            1 << 20,
            vec![
                entry(OUT, 1, &piece, false),
                entry(ERR, 2, "oops", true),
                entry(OUT, 1, "end", true),
                // Some engines stamp each piece anew.
                entry(OUT, 3, &piece, false),
                entry(OUT, 4, "end", true),
            ],
        );
        assert_eq!(
            got,
            [
                ("err 2 oops".to_owned(), 0),
                (format!("out 1 {piece}end"), 0),
                (format!("out 3 {piece}end"), 0)
            ]
        );
    }

    #[test]
    fn the_last_words_of_a_run_do_not_run_into_the_next() {
        let got = read(
            1 << 20,
            vec![
                entry(OUT, 1, "partial", false),
                entry(OUT, 2, "begin", true),
                entry(ERR, 3, "x", false),
            ],
        );
        assert_eq!(
            got,
            [
                ("out 1 partial".to_owned(), 0),
                ("out 2 begin".to_owned(), 0),
                ("err 3 x".to_owned(), 0)
            ]
        );
    }

    #[test]
    fn a_line_that_is_stamped_anew_to_the_second_is_one_line() {
        let second = |number: i64| number * 1_000_000_000;
        let got = read(
            1 << 20,
            vec![
                entry(OUT, second(1), "rea", false),
                entry(OUT, second(2), "dy", true),
                entry(OUT, second(2), "next", true),
            ],
        );
        assert_eq!(
            got,
            [
                (format!("out {} ready", second(1)), 0),
                (format!("out {} next", second(2)), 0)
            ]
        );
    }

    #[test]
    fn a_line_over_the_bound_keeps_its_beginning_and_says_what_was_cut() {
        let piece = "a".repeat(PIECE);
        let got = read(
            20_000,
            vec![
                entry(OUT, 1, &piece, false),
                entry(OUT, 1, &piece, false),
                entry(OUT, 1, "b", true),
            ],
        );
        assert_eq!(got.len(), 1);
        assert_eq!(
            (got[0].0.len() - "out 1 ".len(), got[0].1),
            (20_000, 2 * PIECE as u64 + 1 - 20_000)
        );
        assert_eq!(
            read(3, vec![entry(OUT, 1, "abcde", true)]),
            [("out 1 abc".to_owned(), 2)]
        );
    }
}
