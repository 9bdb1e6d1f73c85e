//! A connection that was switched from HTTP to raw bytes in both directions.
//!
//! Owns the stream behind attach and exec. What the bytes mean (frames, or a terminal's output) its users decide, by
//! the Tty flag.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Reads what the other side writes, writes what it reads. Shutting down the writing half is how a command's stdin
/// ends; reading goes on. Dropping it closes the connection.
pub(crate) struct Duplex {
    io: TokioIo<Upgraded>,
    reset_is_end: bool,
}

impl Duplex {
    pub(crate) fn new(io: Upgraded) -> Self {
        Self {
            io: TokioIo::new(io),
            reset_is_end: false,
        }
    }

    /// Takes a reset for the end where `is_unix_socket`. There it is no loss: the other side has closed with something of
    /// ours unread, and all that it had written was read before. Podman ends so when a command leaves its stdin.
    pub(crate) fn over(mut self, is_unix_socket: bool) -> Self {
        self.reset_is_end = is_unix_socket;
        self
    }
}

impl AsyncRead for Duplex {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_read(cx, buffer) {
            Poll::Ready(Err(error))
                if self.reset_is_end && error.kind() == io::ErrorKind::ConnectionReset =>
            {
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl AsyncWrite for Duplex {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

impl fmt::Debug for Duplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Duplex").finish_non_exhaustive()
    }
}
