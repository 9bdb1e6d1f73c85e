//! Bodies of requests: nothing, one piece, or a stream of pieces.
//!
//! Owns the public [`Upload`], what build contexts, image archives and copies into a container are sent from, and the
//! form in which hyper takes it. What is in it (a tar, as a rule) is the caller's.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncReadExt};

/// One read from a reader: what an engine takes from its socket at a time is no more.
const READ: usize = 64 * 1024;

type Pieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// What is sent to an engine: bytes in memory, or pieces that are made while they are sent, so that nothing large is
/// held. An upload is sent once, never again.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use longshore_engine::Upload;
/// let small = Upload::from(vec![1, 2, 3]);
/// let large = Upload::from_reader(tokio::fs::File::open("image.tar").await?);
/// # Ok(())
/// # }
/// ```
pub struct Upload(Kind);

enum Kind {
    Whole(Bytes),
    Pieces(Pieces),
}

impl Upload {
    /// Everything that `reader` gives, read 64 KiB at a time while it is sent. An error of the reader ends the call
    /// with that error.
    pub fn from_reader(reader: impl AsyncRead + Send + 'static) -> Self {
        let pieces = stream::try_unfold(Box::pin(reader), |mut reader| async move {
            let mut piece = BytesMut::with_capacity(READ);
            let read = reader.read_buf(&mut piece).await?;
            Ok((read > 0).then(|| (piece.freeze(), reader)))
        });
        Self::from_stream(pieces)
    }

    /// Pieces as they come. An error of the stream ends the call with that error.
    pub fn from_stream(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self(Kind::Pieces(pieces.boxed()))
    }
}

impl<B: Into<Bytes>> From<B> for Upload {
    fn from(bytes: B) -> Self {
        Self(Kind::Whole(bytes.into()))
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Whole(bytes) => write!(f, "Upload({} bytes)", bytes.len()),
            Kind::Pieces(_) => f.write_str("Upload(..)"),
        }
    }
}

/// A request's body, as hyper takes it.
pub(crate) struct RequestBody {
    kind: Kind,
    progress: Progress,
}

/// How often a connection has asked for more of a body: it does when the other side has taken what was sent.
#[derive(Clone, Default)]
pub(crate) struct Progress(Arc<AtomicU64>);

impl Progress {
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl RequestBody {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self::of(Kind::Whole(bytes))
    }

    fn of(kind: Kind) -> Self {
        Self {
            kind,
            progress: Progress::default(),
        }
    }

    pub(crate) fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

impl From<Upload> for RequestBody {
    fn from(upload: Upload) -> Self {
        Self::of(upload.0)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        match &mut this.kind {
            Kind::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Pieces(pieces) => {
                let piece = ready!(pieces.as_mut().poll_next(cx));
                this.progress.0.fetch_add(1, Ordering::Relaxed);
                Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.kind, Kind::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Pieces(_) => SizeHint::default(),
        }
    }
}
