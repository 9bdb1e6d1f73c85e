//! A container's output.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use longshore_core::{ObjectRef, Timestamp};

use crate::call::Call;
use crate::conn::{Body, ReadLimits};
use crate::error::ErrorKind;
use crate::frames::FrameDecoder;
use crate::path::PathQuery;
use crate::{Engine, Error, StdStream};

/// Which output to read.
///
/// ```
/// use longshore_engine::LogOptions;
/// let options = LogOptions::default().follow(true).tail(100);
/// assert!(options.stdout && options.stderr);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// Go on with what is written from now on, until the container ends. Default: false.
    pub follow: bool,
    /// Only so many lines from the end. Default: all.
    pub tail: Option<u64>,
    /// Only what was written at this time or later. Default: all.
    pub since: Option<Timestamp>,
    /// Only what was written before this time. Default: all.
    pub until: Option<Timestamp>,
    /// Put the time, in RFC 3339 form, and a space before each line. Default: false.
    pub timestamps: bool,
    /// Standard output. Default: true.
    pub stdout: bool,
    /// Standard error. Default: true.
    pub stderr: bool,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            follow: false,
            tail: None,
            since: None,
            until: None,
            timestamps: false,
            stdout: true,
            stderr: true,
        }
    }
}

impl LogOptions {
    /// Sets [`Self::follow`].
    #[must_use]
    pub fn follow(mut self, follow: bool) -> Self {
        self.follow = follow;
        self
    }

    /// Sets [`Self::tail`].
    #[must_use]
    pub fn tail(mut self, lines: impl Into<Option<u64>>) -> Self {
        self.tail = lines.into();
        self
    }

    /// Sets [`Self::since`].
    #[must_use]
    pub fn since(mut self, since: impl Into<Option<Timestamp>>) -> Self {
        self.since = since.into();
        self
    }

    /// Sets [`Self::until`].
    #[must_use]
    pub fn until(mut self, until: impl Into<Option<Timestamp>>) -> Self {
        self.until = until.into();
        self
    }

    /// Sets [`Self::timestamps`].
    #[must_use]
    pub fn timestamps(mut self, timestamps: bool) -> Self {
        self.timestamps = timestamps;
        self
    }
}

/// A piece of output: neither a line nor a frame, but what came in one read. Joined, the pieces of one stream are its
/// bytes.
///
/// An engine sends each entry of the log as a frame of its own: at most 16 KiB of a line, with its line feed where the
/// line ends, and with its time before it where times were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFrame {
    /// Where it was written; everything is standard output where the container has a terminal.
    pub stream: StdStream,
    /// What was written. Never empty; need not be UTF-8.
    pub bytes: Bytes,
    /// Whether the entry of the log ends here. Never where the container has a terminal: nothing tells then.
    pub ends_entry: bool,
}

const OP: &str = "read logs of the container";

impl Engine {
    /// Reads a container's output. Two calls: whether it is framed is decided by an inspect, since nothing in the
    /// output can tell.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container; [`ErrorKind::BadInput`] when neither stream is wanted;
    /// [`ErrorKind::Status`] when its log driver cannot be read. In the stream, an `Err` is the last item.
    pub async fn logs(&self, container: &ObjectRef, options: &LogOptions) -> Result<LogStream, Error> {
        if !(options.stdout || options.stderr) {
            return Err(neither(OP, container));
        }
        let tty = self.inspect_container(container).await?.tty;
        self.logs_framed(container, options, tty).await
    }

    /// [`logs`](Self::logs) of a container of which it is known whether it has a terminal, from an inspect at any time: one
    /// call. With the wrong `tty` the output is rubbish.
    ///
    /// # Errors
    /// As `logs`.
    pub async fn logs_framed(
        &self,
        container: &ObjectRef,
        options: &LogOptions,
        tty: bool,
    ) -> Result<LogStream, Error> {
        let path = PathQuery::object("/containers", container, "logs");
        self.log_stream(OP, path, container, options, tty).await
    }

    /// The logs at `path`, of what has a terminal or has none.
    pub(crate) async fn log_stream(
        &self,
        op: &'static str,
        path: PathQuery,
        target: &ObjectRef,
        options: &LogOptions,
        tty: bool,
    ) -> Result<LogStream, Error> {
        if !(options.stdout || options.stderr) {
            return Err(neither(op, target));
        }
        let path = path
            .flag("follow", options.follow)
            .flag("stdout", options.stdout)
            .flag("stderr", options.stderr)
            .flag("timestamps", options.timestamps)
            .query_opt("tail", options.tail.map(|lines| lines.to_string()).as_deref())
            .query_opt("since", options.since.map(seconds).as_deref())
            .query_opt("until", options.until.map(seconds).as_deref());
        let call = Call::get(op, path).on(target.as_str());
        let (_, body) = self.client.stream(&call).await?;
        // A followed log may be quiet for days; one that is only read may not.
        let limits = ReadLimits {
            idle: self.config().idle_timeout.filter(|_| !options.follow),
            total: None,
        };
        Ok(LogStream {
            body,
            frames: (!tty).then(FrameDecoder::default),
            op,
            target: target.clone(),
            limits,
            ended: false,
        })
    }
}

fn neither(op: &'static str, target: &ObjectRef) -> Error {
    Error::new(ErrorKind::BadInput, op)
        .with_target(target.as_str())
        .with_message("neither stdout nor stderr is wanted")
}

/// Seconds and nanoseconds, as engines read them. Times before 1970 are its beginning.
fn seconds(at: Timestamp) -> String {
    let nanos = at.as_nanos().max(0);
    format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}

/// Output as it comes. Dropping it closes its connection. See [`Engine::logs`].
pub struct LogStream {
    body: Body,
    /// `None`: the output is raw, of a terminal.
    frames: Option<FrameDecoder>,
    op: &'static str,
    target: ObjectRef,
    limits: ReadLimits,
    ended: bool,
}

impl LogStream {
    fn fail(&mut self, make: impl FnOnce(&Call<'_>) -> Error) -> Poll<Option<Result<LogFrame, Error>>> {
        self.ended = true;
        Poll::Ready(Some(Err(make(
            &Call::get(self.op, PathQuery::new("/")).on(self.target.as_str()),
        ))))
    }
}

impl Stream for LogStream {
    type Item = Result<LogFrame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if this.ended {
                return Poll::Ready(None);
            }
            let error = |kind| {
                Call::get(this.op, PathQuery::new("/"))
                    .on(this.target.as_str())
                    .error(kind)
            };
            if let Some(frame) = this.frames.as_mut().and_then(|frames| frames.next_frame(error)) {
                this.ended = frame.is_err();
                return Poll::Ready(Some(frame));
            }
            match ready!(this.body.poll_read(cx, this.limits)) {
                Ok(Some(bytes)) => match &mut this.frames {
                    Some(frames) => frames.push(bytes),
                    None if bytes.is_empty() => {}
                    None => {
                        return Poll::Ready(Some(Ok(LogFrame {
                            stream: StdStream::Stdout,
                            bytes,
                            ends_entry: false,
                        })));
                    }
                },
                Err(failure) => return this.fail(|call| call.failed(failure)),
                Ok(None) => {
                    this.ended = true;
                    if let Some(Err(cut)) = this.frames.as_ref().map(FrameDecoder::finish) {
                        return this.fail(|call| call.error(ErrorKind::Interrupted).with_source(cut));
                    }
                }
            }
        }
    }
}

impl fmt::Debug for LogStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogStream")
            .field("of", &self.target)
            .finish_non_exhaustive()
    }
}
