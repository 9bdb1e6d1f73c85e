//! The engine's events, each with the line that it came as.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use http::Response;
use longshore_core::{Event, Timestamp};

use crate::call::Call;
use crate::conn::Body;
use crate::lines::{Line, LineDecoder, MAX_LINE};
use crate::path::{Filters, PathQuery};
use crate::{Engine, Error, Ping, wire};

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
        let path = || PathQuery::new("/events").query_opt("since", query.since.as_deref());
        let whole = path().query_opt("until", query.until.as_deref());
        let call = Call::get(OP, whole.filters(&query.filters));
        let (head, mut body) = self.client.stream(&call).await?;
        let until = query.until.as_deref().and_then(Timestamp::parse_seconds);
        let until = until.filter(|until| is_past_on_podman(&head, *until));
        if until.is_some() {
            // All that it holds, without following; what is later is left out here.
            let held = path().query_opt("stream", Some("false"));
            let call = Call::get(OP, held.filters(&query.filters));
            body = self.client.stream(&call).await?.1;
        }
        Ok(EventStream {
            body,
            until,
            lines: LineDecoder::new(MAX_LINE),
            ready: VecDeque::new(),
            ended: false,
        })
    }
}

/// Whether this is an answer of Podman, which tells nothing at all when the end that was asked for is not ahead of its
/// clock. That clock is known to the second, so up to a second ahead counts.
fn is_past_on_podman(head: &Response<()>, until: Timestamp) -> bool {
    let date = head.headers().get("date").and_then(|date| date.to_str().ok());
    Ping::from_head(head).podman
        && date
            .and_then(Timestamp::parse_http)
            .is_some_and(|now| until.as_secs() <= now.as_secs())
}

/// Events as they come. See [`Engine::events`].
pub struct EventStream {
    body: Body,
    /// Later ones are left out, where the engine does not do it.
    until: Option<Timestamp>,
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
                let at = event.event.as_ref().ok().map(|event| event.at);
                if at > this.until && this.until.is_some() {
                    continue;
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_in_the_past_is_podmans_alone_to_be_asked_for_otherwise() {
        let head = |server: &str, date: &str| {
            let head = Response::builder().header("server", server).header("date", date);
            head.body(()).unwrap()
        };
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let at = |text| Timestamp::parse_seconds(text).unwrap();
        let podman = head("Libpod/4.3.1 (linux)", date);
        assert!(is_past_on_podman(&podman, at("784111776")));
        assert!(is_past_on_podman(&podman, at("784111777.999999999")));
        assert!(!is_past_on_podman(&podman, at("784111778")), "ahead");
        assert!(!is_past_on_podman(&head("Libpod/4.3.1 (linux)", "now"), at("5")));
        assert!(!is_past_on_podman(
            &head("Docker/28.5.2 (linux)", date),
            at("784111776")
        ));
    }
}
