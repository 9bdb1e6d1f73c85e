//! The engine's framing of output without a terminal: an 8-byte header (stream, three zeros, big-endian length),
//! then the payload.
//!
//! The decoder works on pieces cut anywhere. It passes payload on as slices of what came in and never allocates
//! what a header claims, so a frame of 4 GiB costs nothing until its bytes arrive. Whether output is framed at all is
//! not decided here, and never by looking at it.

use std::fmt;

use bytes::{Buf, Bytes};

use crate::error::ErrorKind;
use crate::{Error, LogFrame};

const HEADER: usize = 8;

/// Which of a process's streams output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StdStream {
    /// Standard output; with a terminal, everything.
    Stdout,
    /// Standard error.
    Stderr,
}

impl StdStream {
    /// `stdout` or `stderr`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Std(StdStream),
    /// The engine itself speaks: what follows is its own error.
    Engine,
}

/// A piece of a frame's payload.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Output(StdStream, Bytes),
    EngineError(Bytes),
}

/// Bytes that are no frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BadFrame {
    /// This is no header: the stream is lost.
    Header([u8; HEADER]),
    /// The stream ended inside a frame, so many bytes before its end.
    Cut(u64),
}

impl fmt::Display for BadFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(bytes) => write!(f, "{bytes:02x?} is no header of a frame"),
            Self::Cut(missing) => write!(f, "the stream ended {missing} bytes before its frame did"),
        }
    }
}

impl std::error::Error for BadFrame {}

/// Decodes frames from pieces cut anywhere.
#[derive(Debug, Default)]
pub(crate) struct FrameDecoder {
    input: Bytes,
    header: [u8; HEADER],
    have: usize,
    /// Payload of the current frame that is still to come, and whose it is.
    open: Option<(Source, u32)>,
    broken: bool,
}

impl FrameDecoder {
    /// Hands in the next piece. Everything of the last one must have been taken out by [`Self::next_frame`].
    pub(crate) fn push(&mut self, piece: Bytes) {
        debug_assert!(self.input.is_empty(), "a piece was not taken out");
        if !self.broken {
            self.input = piece;
        }
    }

    /// The next piece of payload; `None` when more input is needed. After an error it gives nothing more.
    fn next(&mut self) -> Option<Result<Piece, BadFrame>> {
        if self.broken {
            return None;
        }
        loop {
            if let Some((source, left)) = self.open {
                if left == 0 {
                    self.open = None;
                    continue;
                }
                if self.input.is_empty() {
                    return None;
                }
                let take = self.input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                let bytes = self.input.split_to(take);
                // `take` is at most `left`, which is a u32.
                let left = left - u32::try_from(take).unwrap_or(left);
                self.open = Some((source, left));
                return Some(Ok(match source {
                    Source::Std(stream) => Piece::Output(stream, bytes),
                    Source::Engine => Piece::EngineError(bytes),
                }));
            }
            let take = self.input.len().min(HEADER - self.have);
            if take == 0 {
                return None;
            }
            self.input
                .copy_to_slice(&mut self.header[self.have..self.have + take]);
            self.have += take;
            if self.have < HEADER {
                return None;
            }
            self.have = 0;
            let [kind, zero @ .., a, b, c, d] = self.header;
            let source = match kind {
                // 0 is stdin, echoed by engines as output.
                0 | 1 => Source::Std(StdStream::Stdout),
                2 => Source::Std(StdStream::Stderr),
                3 => Source::Engine,
                _ => return Some(Err(self.give_up())),
            };
            if zero != [0; 3] {
                return Some(Err(self.give_up()));
            }
            self.open = Some((source, u32::from_be_bytes([a, b, c, d])));
        }
    }

    /// As [`Self::next`], as a frame of a stream of output, or the error that ends it, which `error` begins.
    pub(crate) fn next_frame(
        &mut self,
        error: impl FnOnce(ErrorKind) -> Error,
    ) -> Option<Result<LogFrame, Error>> {
        Some(match self.next()? {
            Ok(Piece::Output(stream, bytes)) => Ok(LogFrame {
                stream,
                bytes,
                ends_entry: self.is_at_end(),
            }),
            Ok(Piece::EngineError(text)) => {
                let text = String::from_utf8_lossy(&text).trim().to_owned();
                Err(error(ErrorKind::Status).with_message(text))
            }
            Err(bad) => Err(error(ErrorKind::Protocol).with_source(bad)),
        })
    }

    fn give_up(&mut self) -> BadFrame {
        self.broken = true;
        self.input = Bytes::new();
        BadFrame::Header(self.header)
    }

    /// Whether the piece that [`Self::next`] gave last was the end of its frame.
    pub(crate) fn is_at_end(&self) -> bool {
        self.have == 0 && self.open.is_none_or(|(_, left)| left == 0)
    }

    /// Whether the stream may end here.
    pub(crate) fn finish(&self) -> Result<(), BadFrame> {
        match self.open {
            _ if self.broken => Ok(()),
            Some((_, left)) if left > 0 => Err(BadFrame::Cut(left.into())),
            _ if self.have > 0 => Err(BadFrame::Cut((HEADER - self.have) as u64)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 0, 0, 0];
        bytes.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    fn decode(pieces: impl IntoIterator<Item = Bytes>) -> (Vec<u8>, Vec<u8>, Result<(), BadFrame>) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut decoder = FrameDecoder::default();
        for piece in pieces {
            decoder.push(piece);
            while let Some(item) = decoder.next() {
                match item {
                    Ok(Piece::Output(StdStream::Stdout, bytes)) => out.extend(bytes),
                    Ok(Piece::Output(StdStream::Stderr, bytes)) => err.extend(bytes),
                    Ok(Piece::EngineError(bytes)) => panic!("engine error {bytes:?}"),
                    Err(error) => return (out, err, Err(error)),
                }
            }
        }
        let end = decoder.finish();
        (out, err, end)
    }

    #[test]
    fn a_header_that_lies_allocates_nothing() {
        let mut decoder = FrameDecoder::default();
        decoder.push(Bytes::from_static(&[1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, b'x']));
        assert_eq!(
            decoder.next(),
            Some(Ok(Piece::Output(StdStream::Stdout, Bytes::from_static(b"x"))))
        );
        assert_eq!(decoder.next(), None);
        assert_eq!(decoder.finish(), Err(BadFrame::Cut(0xffff_fffe)));
    }

    #[test]
    fn what_is_no_header_ends_the_stream() {
        for header in [*b"plain te", [4, 0, 0, 0, 0, 0, 0, 1], [1, 0, 1, 0, 0, 0, 0, 1]] {
            let mut decoder = FrameDecoder::default();
            decoder.push(Bytes::copy_from_slice(&header));
            assert_eq!(decoder.next(), Some(Err(BadFrame::Header(header))));
            decoder.push(Bytes::from_static(b"more"));
            assert_eq!(decoder.next(), None);
        }
    }

    #[test]
    fn the_engines_own_error_is_told_apart() {
        let mut decoder = FrameDecoder::default();
        decoder.push(frame(3, b"disk full").into());
        assert_eq!(
            decoder.next(),
            Some(Ok(Piece::EngineError(Bytes::from_static(b"disk full"))))
        );
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_streams(
            frames in prop::collection::vec((1u8..=2, prop::collection::vec(any::<u8>(), 0..40)), 0..12),
            cuts in prop::collection::vec(1usize..12, 1..60),
        ) {
            let mut wire = Bytes::from(frames.iter().flat_map(|(kind, payload)| frame(*kind, payload)).collect::<Vec<_>>());
            let of = |wanted: u8| frames.iter().filter(|(kind, _)| *kind == wanted).flat_map(|(_, p)| p.clone()).collect::<Vec<_>>();
            let mut pieces = Vec::new();
            for cut in cuts.iter().cycle() {
                if wire.is_empty() { break; }
                pieces.push(wire.split_to((*cut).min(wire.len())));
            }
            prop_assert_eq!(decode(pieces), (of(1), of(2), Ok(())));
        }

        #[test]
        fn rubbish_never_panics(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 0..30)) {
            let given: usize = pieces.iter().map(Vec::len).sum();
            let mut decoder = FrameDecoder::default();
            let mut got = 0;
            for piece in pieces {
                decoder.push(piece.into());
                while let Some(Ok(Piece::Output(_, bytes) | Piece::EngineError(bytes))) = decoder.next() {
                    prop_assert!(!bytes.is_empty());
                    got += bytes.len();
                }
            }
            prop_assert!(got <= given);
            let _ = decoder.finish();
        }
    }
}
