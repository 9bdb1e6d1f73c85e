//! Cutting a stream of bytes into lines, for JSON that comes as one object a line.
//!
//! A line ends with a line feed; a record separator (RFC 7464) also begins a new one. Empty lines are left out. A line
//! over the cap is given up to there, marked, and skipped to its end: one bad line never ends the stream, and memory
//! stays bounded by the cap.

use bytes::{Buf, Bytes, BytesMut};

/// Longest line: an event carries its object's labels, and engines take labels of several 100 kB.
pub(crate) const MAX_LINE: usize = 4 * 1024 * 1024;
/// How much of a line over the cap is kept to show.
const SHOWN: usize = 1024;

/// One line, without what separated it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    Whole(Bytes),
    /// It was longer than the cap; this is its beginning.
    TooLong(Bytes),
}

/// Cuts lines from pieces cut anywhere.
#[derive(Debug)]
pub(crate) struct LineDecoder {
    /// The beginning of a line whose end has not come.
    partial: BytesMut,
    input: Bytes,
    max: usize,
    /// The rest of a line over the cap is being thrown away.
    skipping: bool,
}

impl LineDecoder {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            partial: BytesMut::new(),
            input: Bytes::new(),
            max,
            skipping: false,
        }
    }

    /// Hands in the next piece. Everything of the last one must have been taken out by [`Self::next`].
    pub(crate) fn push(&mut self, piece: Bytes) {
        debug_assert!(self.input.is_empty(), "a piece was not taken out");
        self.input = piece;
    }

    /// The next line; `None` when more input is needed.
    pub(crate) fn next(&mut self) -> Option<Line> {
        loop {
            let Some(end) = memchr::memchr2(b'\n', 0x1e, &self.input) else {
                let rest = std::mem::take(&mut self.input);
                if self.skipping {
                    return None;
                }
                if self.partial.len() + rest.len() > self.max {
                    self.skipping = true;
                    return Some(self.cut_short(rest));
                }
                self.partial.extend_from_slice(&rest);
                return None;
            };
            let piece = self.input.split_to(end);
            self.input.advance(1);
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if self.partial.len() + piece.len() > self.max {
                return Some(self.cut_short(piece));
            }
            // A line inside one piece is not copied.
            let line = if self.partial.is_empty() {
                piece
            } else {
                self.partial.extend_from_slice(&piece);
                self.partial.split().freeze()
            };
            if let Some(line) = trimmed(&line) {
                return Some(Line::Whole(line));
            }
        }
    }

    /// What is left at the end of the stream: a last line without an end.
    pub(crate) fn finish(&mut self) -> Option<Line> {
        trimmed(&self.partial.split().freeze()).map(Line::Whole)
    }

    fn cut_short(&mut self, mut piece: Bytes) -> Line {
        let mut shown = self.partial.split();
        shown.truncate(SHOWN);
        piece.truncate(SHOWN - shown.len());
        shown.extend_from_slice(&piece);
        Line::TooLong(shown.freeze())
    }
}

fn trimmed(line: &Bytes) -> Option<Bytes> {
    let text = line.trim_ascii();
    (!text.is_empty()).then(|| line.slice_ref(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(pieces: impl IntoIterator<Item = Bytes>, max: usize) -> Vec<Line> {
        let mut decoder = LineDecoder::new(max);
        let mut lines = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            lines.extend(std::iter::from_fn(|| decoder.next()));
            assert!(decoder.partial.len() <= max);
        }
        lines.extend(decoder.finish());
        lines
    }

    fn whole(text: &'static str) -> Line {
        Line::Whole(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn separators_of_all_kinds_cut() {
        let wire = Bytes::from_static(b"\x1e{\"a\":1}\n\x1e{\"b\":2}\r\n\n{\"c\":3}");
        assert_eq!(
            cut([wire], 100),
            [whole("{\"a\":1}"), whole("{\"b\":2}"), whole("{\"c\":3}")]
        );
    }

    #[test]
    fn a_line_over_the_cap_is_told_and_the_next_one_comes() {
        let long = "x".repeat(5000);
        let wire = Bytes::from(format!("one\n{long}\ntwo\n"));
        let expected = [
            whole("one"),
            Line::TooLong(Bytes::from(long[..SHOWN].to_owned())),
            whole("two"),
        ];
        assert_eq!(cut([wire.clone()], 2000), expected);
        let pieces: Vec<_> = wire.chunks(7).map(Bytes::copy_from_slice).collect();
        assert_eq!(cut(pieces, 2000), expected);
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_lines(
            lines in prop::collection::vec("[a-z{}\":, ]{0,30}", 0..10),
            cuts in prop::collection::vec(1usize..9, 1..40),
        ) {
            let mut wire = Bytes::from(lines.iter().map(|line| format!("{line}\n")).collect::<String>());
            let mut pieces = Vec::new();
            for cut in cuts.iter().cycle() {
                if wire.is_empty() { break; }
                pieces.push(wire.split_to((*cut).min(wire.len())));
            }
            let expected: Vec<_> = lines.iter().map(|line| line.trim_ascii()).filter(|line| !line.is_empty())
                .map(|line| Line::Whole(Bytes::copy_from_slice(line.as_bytes()))).collect();
            prop_assert_eq!(cut(pieces, 64), expected);
        }

        #[test]
        fn rubbish_never_panics_and_stays_bounded(
            pieces in prop::collection::vec(prop::collection::vec(prop_oneof![Just(b'\n'), Just(0x1eu8), any::<u8>()], 0..40), 0..30),
        ) {
            cut(pieces.into_iter().map(Bytes::from), 16);
        }
    }
}
