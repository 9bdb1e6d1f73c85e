//! Bytes that an engine sends as they are: archives, exports, saved images.
//!
//! Owns the stream of them under its time limits. What they are is the call's business.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;

use crate::call::Call;
use crate::conn::{Body, ReadLimits};
use crate::path::PathQuery;
use crate::{Engine, Error};

/// Bytes as they come; nothing is held but the piece at hand. Under the idle limit between two pieces, no other.
///
/// An `Err` is the last item: what came before it is a part and not the whole. Dropping it closes its connection.
pub struct Download {
    body: Body,
    limits: ReadLimits,
    op: &'static str,
    target: Option<String>,
    ended: bool,
}

impl Download {
    /// The same bytes for what reads instead of polling. An error is an [`io::Error`] with this crate's inside.
    #[must_use]
    pub fn into_reader(self) -> impl AsyncRead + Send + Unpin {
        StreamReader::new(self.map(|piece| piece.map_err(io::Error::other)))
    }
}

impl Engine {
    /// Sends a call and gives the bytes that answer it.
    pub(crate) async fn download(&self, call: &Call<'_>) -> Result<Download, Error> {
        let (_, body) = self.client.stream(call).await?;
        Ok(self.downloaded(call, body))
    }

    pub(crate) fn downloaded(&self, call: &Call<'_>, body: Body) -> Download {
        Download {
            body,
            limits: ReadLimits {
                idle: self.config().idle_timeout,
                total: None,
            },
            op: call.op,
            target: call.target.map(str::to_owned),
            ended: false,
        }
    }
}

impl Stream for Download {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        match ready!(this.body.poll_read(cx, this.limits)) {
            Ok(Some(piece)) => Poll::Ready(Some(Ok(piece))),
            Ok(None) => {
                this.ended = true;
                Poll::Ready(None)
            }
            Err(failure) => {
                this.ended = true;
                let call = Call::get(this.op, PathQuery::new("/"));
                let call = match &this.target {
                    Some(target) => call.on(target),
                    None => call,
                };
                Poll::Ready(Some(Err(call.failed(failure))))
            }
        }
    }
}

impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("op", &self.op)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}
