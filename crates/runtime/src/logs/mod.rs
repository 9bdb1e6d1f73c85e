//! A container's output, line by line, through everything that breaks a followed log.
//!
//! Owns what is asked for ([`LogQuery`]), what comes ([`LogItem`]) and the follower behind it. The guarantee, the states and
//! what is bounded stand in `docs/design/logs.md`. The bytes of one answer are `longshore-engine`'s business.

mod entry;
mod follow;
mod lines;
#[cfg(test)]
mod model;
mod place;
mod query;
pub(crate) mod tape;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::BoxStream;
use longshore_core::{ContainerId, Timestamp};
use longshore_engine::{Engine, Error, StdStream};

use follow::Follower;
pub use query::{AfterExit, LogQuery};

/// One line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Where it was written; everything is standard output where the container has a terminal.
    pub stream: StdStream,
    /// When the engine took it, by its clock; of a long line, its first piece. `None` where the engine does not tell.
    pub at: Option<Timestamp>,
    /// The line without its end. Need not be UTF-8.
    pub text: Bytes,
    /// Bytes beyond [`LogQuery::max_line`], which were not kept.
    pub cut: u64,
}

/// What a followed log tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogItem {
    /// A line.
    Line(LogLine),
    /// Lines may be missing here: they were rotated away, or removed with the container, before they could be read.
    Gap {
        /// The stamp of the last line before it; `None` when no line was read.
        from: Option<Timestamp>,
        /// The stamp of the first line after it; `None` when there is none yet, or none to come, because the container was
        /// removed.
        to: Option<Timestamp>,
    },
    /// The container's run has ended, and all of its lines were told.
    Ended {
        /// Its exit code; `None` when the next run has begun already.
        exit_code: Option<i64>,
        /// When, by the engine's clock.
        at: Option<Timestamp>,
    },
    /// The container was started, again.
    Started {
        /// When, by the engine's clock.
        at: Timestamp,
    },
    /// Nothing can be read for now. Told once an outage; the next other item ends it.
    Interrupted(Arc<str>),
    /// The last item of a log that is over.
    Over(LogEnd),
}

/// Why a log is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogEnd {
    /// It was read to its end, as asked.
    Read,
    /// The container's run has ended, and [`AfterExit`] says that this is the end.
    Exited,
    /// The container was removed.
    Removed,
    /// The line that was looked for has come; it is the item before.
    Matched,
    /// The time asked for has come.
    Until,
}

/// Reads a container's output, as [`LogQuery`] says. Makes no call before it is polled.
///
/// ```no_run
/// # async fn example(engine: longshore_engine::Engine, id: longshore_core::ContainerId) -> Result<(), longshore_engine::Error> {
/// use futures_util::StreamExt;
/// use longshore_runtime::logs::{LogItem, LogQuery, follow};
/// let mut log = follow(engine, id, LogQuery::follow().tail(100));
/// while let Some(item) = log.next().await {
///     match item? {
///         LogItem::Line(line) => println!("{}", String::from_utf8_lossy(&line.text)),
///         other => println!("-- {other:?}"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub fn follow(engine: Engine, container: ContainerId, query: LogQuery) -> LogFollow {
    LogFollow {
        inner: follow::stream(Follower::new(engine, container, query)),
    }
}

/// As [`follow`], but comes back when the engine has begun to answer: what is written from then on is in the log, also with
/// a tail of 0. Comes back as well where the container was never started, or the engine is away.
///
/// Cancel safe: dropped, it has done nothing.
///
/// # Errors
/// When the log can never be read: no such container, a driver that does not allow it, a request that is refused.
pub async fn open(engine: Engine, container: ContainerId, query: LogQuery) -> Result<LogFollow, Error> {
    let mut follower = Follower::new(engine, container, query);
    follower.begin().await?;
    Ok(LogFollow {
        inner: follow::stream(follower),
    })
}

/// The items of a log. See [`follow`] and [`open`].
///
/// The last is [`LogItem::Over`], or an `Err` when the log can never be read (its driver does not allow it, the request is
/// refused). What may pass, an engine that is away, is [`LogItem::Interrupted`] and tried again. Nothing is read from the
/// engine while nobody polls; dropping it closes its connection, and nothing is lost by dropping a `next()`.
pub struct LogFollow {
    inner: BoxStream<'static, Result<LogItem, Error>>,
}

impl Stream for LogFollow {
    type Item = Result<LogItem, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inner.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for LogFollow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogFollow").finish_non_exhaustive()
    }
}
