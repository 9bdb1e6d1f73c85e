//! gRPC's framing over HTTP/2: the messages of a call, both ways, and how it ends.
//!
//! Owns lengths, limits, flow control and status codes. What is asked and answered the methods' own modules know.

use std::borrow::Cow;
use std::future::poll_fn;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue};

/// gRPC's codes that we give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    Cancelled = 1,
    InvalidArgument = 3,
    NotFound = 5,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    Unimplemented = 12,
    Unavailable = 14,
}

/// Why a call is not answered. The engine may put its words into the error of the build: there is no secret in them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    code: Code,
    message: Cow<'static, str>,
}

impl Refusal {
    pub(super) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(super) fn code(&self) -> Code {
        self.code
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }
}

/// The engine has given up the call, or the whole session.
impl From<h2::Error> for Refusal {
    fn from(error: h2::Error) -> Self {
        Self::new(Code::Cancelled, error.to_string())
    }
}

/// What the engine sends in one call.
pub(super) struct Asked {
    body: RecvStream,
    held: BytesMut,
}

impl Asked {
    pub(super) fn new(body: RecvStream) -> Self {
        Self {
            body,
            held: BytesMut::new(),
        }
    }

    /// The next message, which may have `limit` bytes; `None` after the last. Loses nothing when it is dropped.
    pub(super) async fn next(&mut self, limit: usize) -> Result<Option<Bytes>, Refusal> {
        loop {
            if let Some([compressed, length @ ..]) = self.held.first_chunk::<5>() {
                let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
                if *compressed != 0 {
                    let message = "a compressed message, which was not offered";
                    return Err(Refusal::new(Code::Unimplemented, message));
                }
                if length > limit {
                    let message = format!("a message of {length} bytes, of which {limit} are taken");
                    return Err(Refusal::new(Code::ResourceExhausted, message));
                }
                if self.held.len() - 5 >= length {
                    self.held.advance(5);
                    return Ok(Some(self.held.split_to(length).freeze()));
                }
            }
            match self.body.data().await {
                Some(piece) => {
                    let piece = piece?;
                    self.body.flow_control().release_capacity(piece.len())?;
                    self.held.extend_from_slice(&piece);
                }
                None if self.held.is_empty() => return Ok(None),
                None => {
                    let message = "a message that ends in the middle";
                    return Err(Refusal::new(Code::InvalidArgument, message));
                }
            }
        }
    }

    /// The message of a call that has just one.
    pub(super) async fn only(&mut self, limit: usize) -> Result<Bytes, Refusal> {
        match (self.next(limit).await?, self.next(limit).await?) {
            (Some(message), None) => Ok(message),
            _ => Err(Refusal::new(Code::InvalidArgument, "not one message")),
        }
    }
}

/// What we send in one call.
pub(super) struct Told(SendStream<Bytes>);

impl Told {
    pub(super) fn new(stream: SendStream<Bytes>) -> Self {
        Self(stream)
    }

    /// Sends a message, as fast as the engine takes it.
    pub(super) async fn send(&mut self, message: &[u8]) -> Result<(), Refusal> {
        let mut frame = BytesMut::with_capacity(5 + message.len());
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
        frame.put_slice(message);
        while !frame.is_empty() {
            self.0.reserve_capacity(frame.len());
            let gone = || Refusal::new(Code::Cancelled, "the call is closed");
            let room = poll_fn(|cx| self.0.poll_capacity(cx)).await.ok_or_else(gone)??;
            let piece = frame.split_to(room.min(frame.len()));
            self.0.send_data(piece.freeze(), false)?;
        }
        Ok(())
    }

    /// Resolves when the engine has given up the call.
    pub(super) async fn gone(&mut self) {
        // Whether it says so or is away itself.
        let _ = poll_fn(|cx| self.0.poll_reset(cx)).await;
    }

    /// Ends the call.
    pub(super) fn end(mut self, ended: Result<(), Refusal>) -> Result<(), h2::Error> {
        let mut trailers = HeaderMap::new();
        let code = ended.as_ref().map_or_else(|refusal| refusal.code as u16, |()| 0);
        trailers.insert(HeaderName::from_static("grpc-status"), HeaderValue::from(code));
        if let Err(Refusal { message, .. }) = ended {
            // Bytes outside of printable ASCII would have to be escaped; ours have none worth it.
            let plain = message.replace(|c: char| !matches!(c, ' '..='~') || c == '%', "?");
            if let Ok(plain) = HeaderValue::try_from(plain) {
                trailers.insert(HeaderName::from_static("grpc-message"), plain);
            }
        }
        self.0.send_trailers(trailers)
    }
}
