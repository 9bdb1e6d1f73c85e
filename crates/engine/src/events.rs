//! The engine's events, each with the line that it came as.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use longshore_core::Event;

use crate::call::Call;
use crate::conn::Body;
use crate::lines::{Line, LineDecoder, MAX_LINE};
use crate::path::{Filters, PathQuery};
use crate::{Engine, Error, wire};

const OP: &str = "follow the engine's events";

/// Which events to follow.
///
/// ```
/// use longshore_engine::EventsQuery;
/// let whole_ring = EventsQuery::default().since("0");
/// assert_eq!(whole_ring.since.as_deref(), Some("0"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventsQuery {
    /// Replay what the engine still holds (its last 256 events) from this time on: `0`, or
    /// `seconds.nanoseconds` with nine digits. Default: only what happens from now on.
    pub since: Option<String>,
    /// End when the engine's clock gets there, in the same form. Default: never.
    pub until: Option<String>,
    /// Only those that fit, chosen by the engine. Default: no filter.
    pub filters: Filters,
}

impl EventsQuery {
    /// Sets [`Self::since`].
    #[must_use]
    pub fn since(mut self, since: impl Into<String>) -> Self {
        self.since = Some(since.into());
        self
    }

    /// Sets [`Self::until`].
    #[must_use]
    pub fn until(mut self, until: impl Into<String>) -> Self {
        self.until = Some(until.into());
        self
    }

    /// Adds a filter, such as `type` and `container`.
    #[must_use]
    pub fn filter(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.filters.entry(key.into()).or_default().push(value.into());
        self
    }
}

/// One line of the stream, and what it says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RawEvent {
    /// The text as the engine sent it, without separators: the same event has the same text on every subscription.
    /// Of a line over the limit (4 MiB), its first kilobyte.
    pub line: Bytes,
    /// The event; an error when the line is none, after which the stream goes on.
    pub event: Result<Event, BadEvent>,
}

/// A line that is no event.
#[derive(Debug)]
#[non_exhaustive]
pub enum BadEvent {
    /// It is not the JSON of an event.
    Malformed(serde_json::Error),
    /// It was longer than 4 MiB.
    TooLong,
}

impl Clone for BadEvent {
    fn clone(&self) -> Self {
        match self {
            Self::Malformed(error) => Self::Malformed(serde::de::Error::custom(error)),
            Self::TooLong => Self::TooLong,
        }
    }
}

impl fmt::Display for BadEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(_) => f.write_str("the line is no event"),
            Self::TooLong => write!(f, "the line has more than {MAX_LINE} bytes"),
        }
    }
}

impl std::error::Error for BadEvent {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Malformed(error) => Some(error),
            Self::TooLong => None,
        }
    }
}

impl Engine {
    /// Follows the engine's events over a connection of its own. Under no time limit but the head's.
    ///
    /// Read it at once and hand over to a queue: while nobody reads, an engine delays every caller by 100 ms and then
    /// drops events without a word. A stream that breaks must be resumed by its reader (`longshore-runtime` does).
    ///
    /// # Errors
    /// As [`Engine::ping`]; a `since` that the engine cannot read is [`ErrorKind::Status`](crate::ErrorKind::Status)
    /// (it answers 500). In the stream, an `Err` is the last item: the connection broke. A clean end has none.
    pub async fn events(&self, query: &EventsQuery) -> Result<EventStream, Error> {
        let path = PathQuery::new("/events")
            .query_opt("since", query.since.as_deref())
            .query_opt("until", query.until.as_deref())
            .filters(&query.filters);
        let (_, body) = self.client.stream(&Call::get(OP, path)).await?;
        Ok(EventStream {
            body,
            lines: LineDecoder::new(MAX_LINE),
            ready: VecDeque::new(),
            ended: false,
        })
    }
}

/// Events as they come. See [`Engine::events`].
pub struct EventStream {
    body: Body,
    lines: LineDecoder,
    /// More events of the line that was read last.
    ready: VecDeque<RawEvent>,
    ended: bool,
}

impl EventStream {
    fn read(&mut self, line: Line) {
        match line {
            Line::Whole(line) => wire::event::read_line(&line, &mut self.ready),
            Line::TooLong(line) => self.ready.push_back(RawEvent {
                line,
                event: Err(BadEvent::TooLong),
            }),
        }
    }
}

impl Stream for EventStream {
    type Item = Result<RawEvent, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(event) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if let Some(line) = this.lines.next() {
                this.read(line);
                continue;
            }
            if this.ended {
                return Poll::Ready(None);
            }
            match ready!(this.body.poll_data(cx)) {
                Some(Ok(piece)) => this.lines.push(piece),
                None => {
                    this.ended = true;
                    if let Some(line) = this.lines.finish() {
                        this.read(line);
                    }
                }
                Some(Err(error)) => {
                    this.ended = true;
                    let call = Call::get(OP, PathQuery::new("/"));
                    return Poll::Ready(Some(Err(call.broken(error))));
                }
            }
        }
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
