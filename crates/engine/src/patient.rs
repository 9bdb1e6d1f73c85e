//! A socket whose writing side may fail without hiding what the other side has still said.
//!
//! An engine may answer and close while we still send (a build context that it does not want, a disk that is full).
//! The write then fails before the answer was read. Here a failed write waits for ever instead, so that the reader
//! comes to the answer, or to the end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(crate) struct Patient<T> {
    io: T,
    is_broken: bool,
    frank: Frank,
}

/// Set once the connection is one of raw bytes: a write that fails then says so at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frank(Arc<AtomicBool>);

impl Frank {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl<T> Patient<T> {
    pub(crate) fn new(io: T, frank: Frank) -> Self {
        Self {
            io,
            is_broken: false,
            frank,
        }
    }
}

impl<T: AsyncWrite + Unpin> Patient<T> {
    fn writing<R>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if self.is_broken {
            if self.frank.is_set() {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            // Whoever writes reads too, and is woken by that.
            return Poll::Pending;
        }
        match write(Pin::new(&mut self.io), cx) {
            Poll::Ready(Err(error)) if is_hang_up(&error) && !self.frank.is_set() => {
                self.is_broken = true;
                // The reader may have looked before the answer came: it is to look once more.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            other => other,
        }
    }
}

fn is_hang_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted
    )
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writing(cx, |io, cx| io.poll_write(cx, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writing(cx, AsyncWrite::poll_flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_broken {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writing(cx, |io, cx| io.poll_write_vectored(cx, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
