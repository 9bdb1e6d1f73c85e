//! How an answer's body is delimited, as a state and a step over a buffer.

use std::io;

use bytes::{Buf, Bytes, BytesMut};

use super::{Head, invalid};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Empty,
    Length(usize),
    /// Before a chunk's size line.
    ChunkSize,
    /// Inside a chunk, this much to come.
    Chunk(usize),
    /// After a chunk's bytes, before its line end.
    ChunkEnd,
    /// After the last chunk: trailers until an empty line.
    Trailers,
    UntilClose,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Piece(Bytes),
    More,
    End,
}

impl Framing {
    pub(super) fn of(method: &str, head: &Head) -> io::Result<Self> {
        let status = head.status();
        if method == "HEAD" || status == 204 || status == 304 || status == 101 {
            return Ok(Self::Empty);
        }
        if head
            .header("transfer-encoding")
            .is_some_and(|v| v.eq_ignore_ascii_case("chunked"))
        {
            return Ok(Self::ChunkSize);
        }
        match head.header("content-length") {
            Some(length) => match length.parse() {
                Ok(0) => Ok(Self::Empty),
                Ok(length) => Ok(Self::Length(length)),
                Err(_) => Err(invalid(format!("content-length {length:?}"))),
            },
            None => Ok(Self::UntilClose),
        }
    }

    pub(super) fn step(&mut self, buffer: &mut BytesMut) -> io::Result<Step> {
        loop {
            match *self {
                Self::Empty => return Ok(Step::End),
                Self::UntilClose => return Ok(piece(buffer, usize::MAX)),
                Self::Length(left) => {
                    let step = piece(buffer, left);
                    if let Step::Piece(bytes) = &step {
                        *self = match left - bytes.len() {
                            0 => Self::Empty,
                            left => Self::Length(left),
                        };
                    }
                    return Ok(step);
                }
                Self::Chunk(left) => {
                    let step = piece(buffer, left);
                    if let Step::Piece(bytes) = &step {
                        *self = match left - bytes.len() {
                            0 => Self::ChunkEnd,
                            left => Self::Chunk(left),
                        };
                    }
                    return Ok(step);
                }
                Self::ChunkSize => {
                    let Some(line) = line(buffer)? else {
                        return Ok(Step::More);
                    };
                    let digits = line.as_ref().split(|b| *b == b';').next().unwrap_or_default();
                    let size = std::str::from_utf8(digits)
                        .ok()
                        .and_then(|digits| usize::from_str_radix(digits.trim(), 16).ok())
                        .ok_or_else(|| invalid(format!("chunk size {line:?}")))?;
                    *self = if size == 0 {
                        Self::Trailers
                    } else {
                        Self::Chunk(size)
                    };
                }
                Self::ChunkEnd => match line(buffer)? {
                    None => return Ok(Step::More),
                    Some(line) if line.is_empty() => *self = Self::ChunkSize,
                    Some(line) => return Err(invalid(format!("{line:?} after a chunk"))),
                },
                Self::Trailers => match line(buffer)? {
                    None => return Ok(Step::More),
                    Some(line) if line.is_empty() => *self = Self::Empty,
                    Some(_) => {}
                },
            }
        }
    }
}

fn piece(buffer: &mut BytesMut, most: usize) -> Step {
    if buffer.is_empty() {
        return Step::More;
    }
    Step::Piece(buffer.split_to(buffer.len().min(most)).freeze())
}

fn line(buffer: &mut BytesMut) -> io::Result<Option<BytesMut>> {
    match buffer.windows(2).position(|w| w == b"\r\n") {
        Some(end) => {
            let line = buffer.split_to(end);
            buffer.advance(2);
            Ok(Some(line))
        }
        None if buffer.len() > 1024 => Err(invalid("a chunk line of more than 1024 bytes")),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(mut framing: Framing, pieces: &[&[u8]]) -> io::Result<(Vec<u8>, bool)> {
        let mut buffer = BytesMut::new();
        let mut out = Vec::new();
        for bytes in pieces {
            buffer.extend_from_slice(bytes);
            loop {
                match framing.step(&mut buffer)? {
                    Step::Piece(bytes) => out.extend_from_slice(&bytes),
                    Step::More => break,
                    Step::End => return Ok((out, true)),
                }
            }
        }
        Ok((out, false))
    }

    #[test]
    fn chunked_at_every_split() {
        let wire = b"5\r\nhello\r\n1;x=y\r\n \r\n5\r\nworld\r\n0\r\nTrailer: z\r\n\r\n";
        for split in 0..=wire.len() {
            let (a, b) = wire.split_at(split);
            assert_eq!(
                decode(Framing::ChunkSize, &[a, b]).unwrap(),
                (b"hello world".to_vec(), true)
            );
        }
    }

    #[test]
    fn a_length_ends_by_itself() {
        assert_eq!(
            decode(Framing::Length(3), &[b"ab", b"cd"]).unwrap(),
            (b"abc".to_vec(), true)
        );
        assert_eq!(
            decode(Framing::Length(5), &[b"ab", b"cd"]).unwrap(),
            (b"abcd".to_vec(), false)
        );
    }

    #[test]
    fn rubbish_is_refused() {
        assert!(decode(Framing::ChunkSize, &[b"zz\r\n"]).is_err());
        assert!(decode(Framing::ChunkSize, &[b"1\r\naXX\r\n"]).is_err());
    }
}
