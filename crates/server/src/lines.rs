//! Lines out of a container's output: pieces cut anywhere, two streams mixed, a time stamp before each line.

use bytes::{Bytes, BytesMut};
use longshore_api::LogLine;
use longshore_fleet::engine::{LogFrame, StdStream};

/// A line longer than this is cut into several.
const MAX_LINE: usize = 64 * 1024;

/// Puts lines together. The engine must have been asked for time stamps.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    stdout: BytesMut,
    stderr: BytesMut,
}

impl Lines {
    /// Takes a piece and hands over every line that it completes.
    pub(crate) fn push(&mut self, frame: &LogFrame, mut line: impl FnMut(LogLine)) {
        let rest = match frame.stream {
            StdStream::Stdout => &mut self.stdout,
            StdStream::Stderr => &mut self.stderr,
        };
        let mut input: &[u8] = &frame.bytes;
        while !input.is_empty() {
            let end = input.iter().position(|byte| *byte == b'\n');
            let (piece, after) = input.split_at(end.unwrap_or(input.len()));
            let room = MAX_LINE - rest.len();
            if piece.len() > room {
                rest.extend_from_slice(&piece[..room]);
                line(read_line(frame.stream, &rest.split().freeze()));
                input = &input[room..];
                continue;
            }
            rest.extend_from_slice(piece);
            if end.is_some() {
                line(read_line(frame.stream, &rest.split().freeze()));
            }
            input = after.get(1..).unwrap_or_default();
        }
    }

    /// What is left without a line's end, when the stream is over.
    pub(crate) fn finish(&mut self, mut line: impl FnMut(LogLine)) {
        for (stream, rest) in [
            (StdStream::Stdout, &mut self.stdout),
            (StdStream::Stderr, &mut self.stderr),
        ] {
            if !rest.is_empty() {
                line(read_line(stream, &rest.split().freeze()));
            }
        }
    }
}

/// `2026-01-31T12:00:00.123456789Z text`. What has no such stamp (the second part of a cut line) is all text.
fn read_line(stream: StdStream, bytes: &Bytes) -> LogLine {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_suffix('\r').unwrap_or(&text);
    let stamped = text
        .split_once(' ')
        .or(Some((text, "")))
        .filter(|(stamp, _)| stamp.len() >= 20 && longshore_core::Timestamp::parse_rfc3339(stamp).is_ok());
    let (time, text) = stamped.map_or((None, text), |(stamp, text)| (Some(stamp.to_owned()), text));
    LogLine {
        time,
        stream: stream.as_str().to_owned(),
        text: text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[(StdStream, &str)]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        let show = |l: LogLine| {
            format!(
                "{} {} {}",
                &l.stream[3..],
                l.time.unwrap_or_else(|| "-".into()),
                l.text
            )
        };
        for (stream, text) in pieces {
            let frame = LogFrame {
                stream: *stream,
                bytes: Bytes::copy_from_slice(text.as_bytes()),
                ends_entry: false,
            };
            lines.push(&frame, |line| found.push(show(line)));
        }
        lines.finish(|line| found.push(show(line)));
        found
    }

    const OUT: StdStream = StdStream::Stdout;
    const ERR: StdStream = StdStream::Stderr;

    #[test]
    fn pieces_cut_anywhere_give_the_same_lines() {
        let got = read(&[
            (OUT, "2026-01-31T12:00:00.5Z one\n2026-01-31T12:00"),
            (ERR, "2026-01-31T12:00:02Z oops\r\n"),
            (OUT, ":01Z two words\n\n2026-01-31T12:00:03Z \nno stamp"),
        ]);
        assert_eq!(
            got,
            [
                "out 2026-01-31T12:00:00.5Z one",
                "err 2026-01-31T12:00:02Z oops",
                "out 2026-01-31T12:00:01Z two words",
                "out - ",
                "out 2026-01-31T12:00:03Z ",
                "out - no stamp",
            ]
        );
    }

    #[test]
    fn a_line_without_end_is_cut_and_takes_no_more_memory() {
        let long = "x".repeat(MAX_LINE * 2 + 10);
        let got = read(&[(OUT, &long)]);
        assert_eq!(
            got.iter().map(|l| l.len() - "out - ".len()).collect::<Vec<_>>(),
            [MAX_LINE, MAX_LINE, 10]
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        let mut lines = Lines::default();
        let frame = LogFrame {
            stream: OUT,
            bytes: Bytes::from_static(b"\xff\xfe\n"),
            ends_entry: false,
        };
        let mut found = Vec::new();
        lines.push(&frame, |line| found.push(line.text));
        assert_eq!(found, ["\u{fffd}\u{fffd}"]);
    }
}
