//! Statistics of one container: once, and as a stream.
//!
//! Gives counters as they were read; what is used a second is `longshore_core::Counters::usage`, from two of them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use longshore_core::{Counters, ObjectRef};

use crate::call::{Call, HeadLimit};
use crate::conn::Body;
use crate::error::ErrorKind;
use crate::lines::{Line, LineDecoder};
use crate::negotiate::ApiVersion;
use crate::path::PathQuery;
use crate::{Engine, Error, wire};

/// Longest line of statistics: with hundreds of processors and block devices they have some 10 kB.
const MAX_LINE: usize = 1024 * 1024;

const OP: &str = "read statistics of the container";

impl Engine {
    /// One reading of a container's counters. About 1.5 ms from API 1.41 on (one-shot); older engines, and some of
    /// Podman, take one to two seconds because they wait for a second reading.
    ///
    /// A container that does not run gives counters that are all unknown, with a time of 0.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container.
    pub async fn stats_once(&self, container: &ObjectRef) -> Result<Counters, Error> {
        // Asked before it is known to be understood: below 1.41 the engine would ignore it and take its time.
        let one_shot = self.client.version().await? >= ApiVersion::ONE_SHOT_STATS;
        let path = PathQuery::object("/containers", container, "stats")
            .query("stream", "0")
            .flag("one-shot", one_shot);
        let call = Call::get(OP, path).on(container.as_str());
        let answer = self.client.collect(&call).await?;
        wire::stats::counters(&answer.body).map_err(|error| call.malformed(error))
    }

    /// Readings about once a second, until the container is removed or the stream is dropped.
    ///
    /// Costs the engine about 0.27 % of a processor for each container: readers should share one, or use
    /// [`Engine::stats_once`]. Dropping the stream closes its connection.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container. Inside the stream: a reading that is not understood is
    /// one item, and the stream goes on; a broken connection is the last.
    pub async fn stats_stream(&self, container: &ObjectRef) -> Result<StatsStream, Error> {
        let path = PathQuery::object("/containers", container, "stats").query("stream", "1");
        // Podman answers only when it has two readings.
        let call = Call::get(OP, path)
            .on(container.as_str())
            .head_limit(HeadLimit::Configured);
        let (_, body) = self.client.stream(&call).await?;
        Ok(StatsStream {
            body,
            lines: LineDecoder::new(MAX_LINE),
            target: container.clone(),
            ended: false,
        })
    }
}

/// Counters as they come. See [`Engine::stats_stream`].
pub struct StatsStream {
    body: Body,
    lines: LineDecoder,
    target: ObjectRef,
    ended: bool,
}

impl StatsStream {
    fn read(&self, line: &Line) -> Result<Counters, Error> {
        let call = Call::get(OP, PathQuery::new("/")).on(self.target.as_str());
        match line {
            Line::Whole(text) => wire::stats::counters(text).map_err(|error| call.malformed(error)),
            Line::TooLong(_) => Err(call.error(ErrorKind::TooLarge)),
        }
    }
}

impl Stream for StatsStream {
    type Item = Result<Counters, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(line) = this.lines.next() {
                return Poll::Ready(Some(this.read(&line)));
            }
            if this.ended {
                return Poll::Ready(None);
            }
            match ready!(this.body.poll_data(cx)) {
                Some(Ok(piece)) => this.lines.push(piece),
                None => {
                    this.ended = true;
                    if let Some(line) = this.lines.finish() {
                        return Poll::Ready(Some(this.read(&line)));
                    }
                }
                Some(Err(error)) => {
                    this.ended = true;
                    let call = Call::get(OP, PathQuery::new("/")).on(this.target.as_str());
                    return Poll::Ready(Some(Err(call.broken(error))));
                }
            }
        }
    }
}

impl std::fmt::Debug for StatsStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatsStream")
            .field("container", &self.target)
            .finish_non_exhaustive()
    }
}
