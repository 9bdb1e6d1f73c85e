//! A container's own stdin and output, live.
//!
//! Attaching is done before the container starts, so that not a byte of it is missed; what was written before comes from
//! its logs.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use futures_util::Stream;
use longshore_core::ObjectRef;
use tokio::io::{AsyncWrite, ReadHalf, WriteHalf};

use crate::call::Call;
use crate::duplex::Duplex;
use crate::error::ErrorKind;
use crate::frames::FrameDecoder;
use crate::path::PathQuery;
use crate::{Engine, Error, LogFrame, StdStream};

const OP: &str = "attach to the container";
/// One read from the connection.
const READ: usize = 64 * 1024;

/// What to attach to.
///
/// ```
/// use longshore_engine::AttachOptions;
/// let options = AttachOptions::default().stdin(true).detach_keys("ctrl-p,ctrl-q");
/// assert!(options.stdout && options.stderr);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachOptions {
    /// Its stdin, which the container must have been made with. Default: false.
    pub stdin: bool,
    /// Its standard output. Default: true.
    pub stdout: bool,
    /// Its standard error. Default: true.
    pub stderr: bool,
    /// First what its log has. Default: false.
    pub logs: bool,
    /// Keys that, typed on its terminal, detach instead of reaching it. Default: the engine's `ctrl-p,ctrl-q`.
    pub detach_keys: Option<String>,
}

impl Default for AttachOptions {
    fn default() -> Self {
        Self {
            stdin: false,
            stdout: true,
            stderr: true,
            logs: false,
            detach_keys: None,
        }
    }
}

impl AttachOptions {
    /// Sets [`Self::stdin`].
    #[must_use]
    pub fn stdin(mut self, stdin: bool) -> Self {
        self.stdin = stdin;
        self
    }

    /// Sets [`Self::logs`].
    #[must_use]
    pub fn logs(mut self, logs: bool) -> Self {
        self.logs = logs;
        self
    }

    /// Sets [`Self::detach_keys`].
    #[must_use]
    pub fn detach_keys(mut self, keys: impl Into<String>) -> Self {
        self.detach_keys = Some(keys.into());
        self
    }
}

impl Engine {
    /// Attaches to a container. Two calls: whether its output is framed is decided by an inspect, since nothing in the
    /// output can tell.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container; [`Error::is_conflict`] when it is paused;
    /// [`ErrorKind::BadInput`] when nothing is wanted.
    pub async fn attach(&self, container: &ObjectRef, options: &AttachOptions) -> Result<Attached, Error> {
        let path = PathQuery::object("/containers", container, "attach")
            .query("stream", "1")
            .flag("stdin", options.stdin)
            .flag("stdout", options.stdout)
            .flag("stderr", options.stderr)
            .flag("logs", options.logs)
            .query_opt("detachKeys", options.detach_keys.as_deref());
        let call = Call::post(OP, path).on(container.as_str()).upgrade();
        if !(options.stdin || options.stdout || options.stderr) {
            return Err(call
                .error(ErrorKind::BadInput)
                .with_message("neither stdin nor any output is wanted"));
        }
        let tty = self.inspect_container(container).await?.tty;
        let duplex = self.client.upgrade(&call).await?;
        Ok(Attached::new(duplex, tty, OP, container))
    }

    /// Tells a container with a terminal how large that is, in characters.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container; [`Error::is_conflict`] or [`ErrorKind::Status`] when it
    /// does not run.
    pub async fn resize(&self, container: &ObjectRef, columns: u16, rows: u16) -> Result<(), Error> {
        let path = PathQuery::object("/containers", container, "resize")
            .query("h", &rows.to_string())
            .query("w", &columns.to_string());
        let call = Call::post("resize the container's terminal", path)
            .on(container.as_str())
            .idempotent();
        self.client.collect(&call).await.map(drop)
    }
}

/// Stdin and output of a container, or of a command in one. Write to it what it shall read, and shut the writing side
/// down to end its stdin
/// (where it was made with [`ContainerSpec::stdin`](longshore_core::ContainerSpec::stdin)); as a stream it gives what the
/// container or the command writes, until that ends or detaches.
///
/// Whoever writes much should read at the same time, by [`Attached::split`]: a container that is not read stands still.
/// Stop writing when the output ends: an engine keeps the connection open and takes no more, so that a write may wait for
/// ever.
/// Dropping it detaches; the container lives on.
#[derive(Debug)]
pub struct Attached {
    input: AttachedInput,
    output: AttachedOutput,
}

impl Attached {
    pub(crate) fn new(duplex: Duplex, tty: bool, op: &'static str, container: &ObjectRef) -> Self {
        let (read, write) = tokio::io::split(duplex);
        Self {
            input: AttachedInput { io: write },
            output: AttachedOutput {
                io: read,
                buffer: BytesMut::new(),
                frames: (!tty).then(FrameDecoder::default),
                op,
                container: container.clone(),
                ended: false,
            },
        }
    }

    /// Both directions apart. The connection lives until both are dropped.
    #[must_use]
    pub fn split(self) -> (AttachedInput, AttachedOutput) {
        (self.input, self.output)
    }

    /// Whether the output is a terminal's: raw, and all on stdout.
    #[must_use]
    pub fn is_tty(&self) -> bool {
        self.output.frames.is_none()
    }
}

/// A container's stdin. See [`Attached`].
pub struct AttachedInput {
    io: WriteHalf<Duplex>,
}

/// A container's output. See [`Attached`].
///
/// An `Err` is the last item: [`ErrorKind::Interrupted`] when the connection broke, also inside a frame.
pub struct AttachedOutput {
    io: ReadHalf<Duplex>,
    buffer: BytesMut,
    /// `None`: the output is raw, of a terminal.
    frames: Option<FrameDecoder>,
    op: &'static str,
    container: ObjectRef,
    ended: bool,
}

impl AttachedOutput {
    fn fail(&mut self, make: impl FnOnce(&Call<'_>) -> Error) -> Poll<Option<Result<LogFrame, Error>>> {
        self.ended = true;
        let call = Call::post(self.op, PathQuery::new("/containers"));
        Poll::Ready(Some(Err(make(&call.on(self.container.as_str())))))
    }
}

impl Stream for AttachedOutput {
    type Item = Result<LogFrame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if this.ended {
                return Poll::Ready(None);
            }
            let error = |kind| {
                Call::post(this.op, PathQuery::new("/containers"))
                    .on(this.container.as_str())
                    .error(kind)
            };
            if let Some(frame) = this.frames.as_mut().and_then(|frames| frames.next_frame(error)) {
                this.ended = frame.is_err();
                return Poll::Ready(Some(frame));
            }
            this.buffer.reserve(READ);
            let read = ready!(tokio_util::io::poll_read_buf(
                Pin::new(&mut this.io),
                cx,
                &mut this.buffer
            ));
            match (read, &mut this.frames) {
                (Err(error), _) => {
                    return this.fail(|call| call.error(ErrorKind::Interrupted).with_source(error));
                }
                (Ok(0), frames) => {
                    this.ended = true;
                    if let Some(Err(cut)) = frames.as_ref().map(FrameDecoder::finish) {
                        return this.fail(|call| call.error(ErrorKind::Interrupted).with_source(cut));
                    }
                }
                (Ok(_), Some(frames)) => frames.push(this.buffer.split().freeze()),
                (Ok(_), None) => {
                    let bytes = this.buffer.split().freeze();
                    return Poll::Ready(Some(Ok(LogFrame {
                        stream: StdStream::Stdout,
                        bytes,
                        ends_entry: false,
                    })));
                }
            }
        }
    }
}

impl AsyncWrite for AttachedInput {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl Stream for Attached {
    type Item = Result<LogFrame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.output).poll_next(cx)
    }
}

impl AsyncWrite for Attached {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.input).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.input).poll_shutdown(cx)
    }
}

impl fmt::Debug for AttachedInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachedInput").finish_non_exhaustive()
    }
}

impl fmt::Debug for AttachedOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachedOutput")
            .field("container", &self.container)
            .finish_non_exhaustive()
    }
}
