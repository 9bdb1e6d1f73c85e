//! Frames: a header, a payload, and a decoder for pieces of any size. What a payload means is in `request` and `reply`,
//! how its fields are written in `fields`.

mod fields;
mod reply;
mod request;
#[cfg(test)]
mod tests;

use std::fmt;

pub use reply::{Exit, Reply, Stage, Status, Total};
pub use request::{Request, Rlimit, Spawn};

/// The version of this wire. `Hello` carries it first of all; any other version is another language.
pub const VERSION: u16 = 1;

/// Bytes of a header.
pub const HEADER_LEN: usize = 13;

/// Bytes of a payload, at most: what a Linux pipe holds unless told otherwise.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// Bytes of a command's stdin that may be under way: sent, and not yet given back by [`Reply::Took`].
///
/// A runner that was sent more ends everything, since it will not hold more.
pub const STDIN_WINDOW: usize = 128 * 1024;

/// Commands that one runner has at once. The next one is answered by [`Reply::SpawnErr`] with `EAGAIN`.
pub const MAX_COMMANDS: usize = 32;

/// The types of frames.
pub mod kind {
    /// To the runner: start a command.
    pub const SPAWN: u8 = 1;
    /// To the runner: bytes for a command.
    pub const STDIN: u8 = 2;
    /// To the runner: no more bytes will come for a command.
    pub const EOF: u8 = 3;
    /// To the runner: end a command's tree.
    pub const END: u8 = 4;
    /// From the runner: it is there.
    pub const HELLO: u8 = 65;
    /// From the runner: a command runs.
    pub const STARTED: u8 = 66;
    /// From the runner: a command could not be started.
    pub const SPAWN_ERR: u8 = 67;
    /// From the runner: bytes of a command's stdout.
    pub const OUT: u8 = 68;
    /// From the runner: bytes of a command's stderr.
    pub const ERR: u8 = 69;
    /// From the runner: a command is over.
    pub const EXIT: u8 = 70;
    /// From the runner: so many bytes of stdin are no longer under way.
    pub const TOOK: u8 = 71;
}

/// What stands before each payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the payload, at most [`MAX_PAYLOAD`].
    pub len: u32,
    /// One of [`kind`].
    pub kind: u8,
    /// The command that it is about; 0 for `Hello`.
    pub id: u64,
}

impl Header {
    /// As it goes over the wire.
    #[must_use]
    pub fn to_bytes(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..4].copy_from_slice(&self.len.to_be_bytes());
        bytes[4] = self.kind;
        bytes[5..].copy_from_slice(&self.id.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: [u8; HEADER_LEN]) -> Result<Self, WireError> {
        let [a, b, c, d, kind, id @ ..] = bytes;
        let len = u32::from_be_bytes([a, b, c, d]);
        if len as usize > MAX_PAYLOAD {
            return Err(WireError::TooLarge { bytes: len as usize });
        }
        Ok(Self {
            len,
            kind,
            id: u64::from_be_bytes(id),
        })
    }

    fn whole(self) -> usize {
        HEADER_LEN + self.len as usize
    }
}

/// A whole frame, borrowed from the piece that it came in or from the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// One of [`kind`]; not checked yet.
    pub kind: u8,
    /// The command that it is about.
    pub id: u64,
    /// Not checked yet.
    pub payload: &'a [u8],
}

/// Puts frames together from pieces of any size.
///
/// It holds at most one frame, and never more than has really come: what a header claims is checked against
/// [`MAX_PAYLOAD`] first and allocated as it arrives. A frame that lies whole in its piece is not copied.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The beginning of a frame; whole only until the next call, which its borrower is done with by then.
    held: Vec<u8>,
    whole: bool,
}

impl Decoder {
    /// One that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a frame has begun and not ended: a stream that ends now was cut.
    #[must_use]
    pub fn is_inside_a_frame(&self) -> bool {
        !self.whole && !self.held.is_empty()
    }

    /// The next whole frame, taken off the front of `input`; `None` once `input` is empty.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] when a header claims more than a frame may hold. Nothing after it can be understood:
    /// end the stream.
    #[allow(
        clippy::should_implement_trait,
        reason = "it lends: an iterator cannot, and takes no input"
    )]
    pub fn next<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Result<Option<Frame<'a>>, WireError> {
        if self.whole {
            self.held.clear();
            self.whole = false;
        }
        if self.held.is_empty()
            && let Some(bytes) = input.first_chunk()
        {
            let header = Header::from_bytes(*bytes)?;
            if let Some((frame, rest)) = input.split_at_checked(header.whole()) {
                *input = rest;
                return Ok(Some(frame_of(header, frame)));
            }
        }
        self.take(HEADER_LEN, input);
        let Some(bytes) = self.held.first_chunk() else {
            return Ok(None);
        };
        let header = Header::from_bytes(*bytes)?;
        self.take(header.whole(), input);
        if self.held.len() < header.whole() {
            return Ok(None);
        }
        self.whole = true;
        Ok(Some(frame_of(header, &self.held)))
    }

    /// Moves bytes over until `wanted` are held, as far as there are any.
    fn take(&mut self, wanted: usize, input: &mut &[u8]) {
        let missing = wanted.saturating_sub(self.held.len()).min(input.len());
        let (now, rest) = input.split_at(missing);
        self.held.extend_from_slice(now);
        *input = rest;
    }
}

fn frame_of(header: Header, bytes: &[u8]) -> Frame<'_> {
    Frame {
        kind: header.kind,
        id: header.id,
        payload: bytes.get(HEADER_LEN..).unwrap_or_default(),
    }
}

/// Writes one frame after what is in `out`, which is as before when it does not fit.
fn put_frame(
    out: &mut Vec<u8>,
    kind: u8,
    id: u64,
    payload: impl FnOnce(&mut Vec<u8>),
) -> Result<(), WireError> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_LEN]);
    payload(out);
    let bytes = out.len() - start - HEADER_LEN;
    if bytes > MAX_PAYLOAD {
        out.truncate(start);
        return Err(WireError::TooLarge { bytes });
    }
    let len = u32::try_from(bytes).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..start + HEADER_LEN) {
        place.copy_from_slice(&Header { len, kind, id }.to_bytes());
    }
    Ok(())
}

/// Why bytes are no message, or a message cannot become bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireError {
    /// A payload above [`MAX_PAYLOAD`], sent or to be sent.
    TooLarge {
        /// Bytes of the payload.
        bytes: usize,
    },
    /// A type that this direction does not have.
    UnknownKind(u8),
    /// A payload that is not what its type says: too short, too long, or a value that does not exist.
    Broken {
        /// The field that was read.
        field: &'static str,
    },
    /// No command, or a NUL byte where the system's calls cannot carry one.
    NotACommand {
        /// The field that holds it.
        field: &'static str,
    },
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes } => write!(f, "a payload of {bytes} bytes; a frame holds {MAX_PAYLOAD}"),
            Self::UnknownKind(kind) => write!(f, "a frame of unknown type {kind}"),
            Self::Broken { field } => write!(f, "a payload whose {field} cannot be read"),
            Self::NotACommand { field } => {
                write!(f, "{field} is empty, or holds a NUL byte or a misplaced =")
            }
        }
    }
}

impl std::error::Error for WireError {}
