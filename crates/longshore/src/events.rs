//! `client.events()`.

use std::fmt;

use futures_util::Stream;
use longshore_core::{DockerEvent, EventFilter, Timestamp};
use longshore_engine::{EventStream, EventsQuery};
use longshore_runtime::{EventStats, FeedItem, FeedReader, GapReason, RecordBody, Watch, WatchConfig};

use crate::{DockerClient, DockerError};

/// How far a reader may be behind before it is told that it missed some.
const CAPACITY: usize = 10_000;

/// What happens on the engine.
#[derive(Debug, Clone)]
pub struct Events(pub(crate) DockerClient);

impl Events {
    /// The events that fit, without silent loss: through restarts of the engine and broken connections each comes
    /// once, and where some may be missing a [`Gap`](EventItem::Gap) says from when to when. Begins now, unless the
    /// filter says otherwise, by the engine's clock; ends after the filter's `until`, or never.
    ///
    /// ```no_run
    /// # async fn example(client: longshore::DockerClient) -> Result<(), longshore::DockerError> {
    /// use longshore::prelude::*;
    /// let filter = EventFilter::new().event_type(EventType::Container).action("start").action("die");
    /// let mut events = client.events().stream(filter).await?;
    /// while let Some(item) = events.next().await {
    ///     match item {
    ///         EventItem::Event { event: DockerEvent::Container(container), .. } => {
    ///             println!("{}: {}", container.container_name().unwrap_or("?"), container.action);
    ///         }
    ///         EventItem::Gap { from, to, reason } => println!("from {from} to {to} some may be missing: {reason}"),
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the engine does not answer now; afterwards it is waited for.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn stream(&self, filter: EventFilter) -> Result<DockerEvents, DockerError> {
        let clock = self.0.run(self.0.engine().info()).await?.system_time;
        let now = clock.unwrap_or_else(|| Timestamp::from(std::time::SystemTime::now()));
        let watch = self.watch();
        Ok(DockerEvents {
            reader: watch.feed().subscribe(CAPACITY, None),
            filter: filter.from_now(now),
            watch,
        })
    }

    /// Follows the engine through its restarts and ours: events without silent loss, and a live mirror of its
    /// containers. One watch an engine is enough, however many listen. Never fails: an engine that is not there is a
    /// status.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use = "a watch ends when it is dropped"]
    pub fn watch(&self) -> Watch {
        Watch::start(self.0.engine().clone(), WatchConfig::default())
    }

    /// The bare stream of one connection: it ends when the connection breaks, and an engine drops events for who does
    /// not read at once. For a look at the past, or where [`stream`](Self::stream) is too much.
    ///
    /// # Errors
    /// As every call. In the stream, an `Err` is the last item.
    pub async fn bare_stream(&self, query: &EventsQuery) -> Result<EventStream, DockerError> {
        self.0.run(self.0.engine().events(query)).await
    }
}

/// What a stream of events tells.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EventItem {
    /// Something that fits has happened.
    Event {
        /// What.
        event: DockerEvent,
        /// Not told by the engine, but seen from the difference after a gap.
        synthetic: bool,
        /// Its stamp is older than that of an event told before it; if it is synthetic, of one about the same object.
        late: bool,
    },
    /// Events may be missing, whether they fit or not.
    Gap {
        /// The last event that is surely before the missing ones.
        from: Timestamp,
        /// The first after them, or about when this was found out.
        to: Timestamp,
        /// How that is known.
        reason: GapReason,
    },
    /// So many events came while nobody read, whether they fit or not, and will not come again.
    Lagged {
        /// How many, exactly.
        missed: u64,
    },
}

/// Events that fit a filter. Made by [`Events::stream`]; dropping it ends the following.
pub struct DockerEvents {
    reader: FeedReader,
    filter: EventFilter,
    watch: Watch,
}

impl DockerEvents {
    /// How many events the engine has told since this began, by type, action and second, whether they fit or not.
    pub fn stats(&self) -> EventStats {
        self.watch.feed().stats()
    }

    /// What comes next; `None` after the filter's `until`, as soon as an event of the engine or a gap is later than it.
    ///
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<EventItem> {
        loop {
            let record = match self.reader.next().await? {
                FeedItem::Lagged { missed } => return Some(EventItem::Lagged { missed }),
                FeedItem::Record(record) => record,
            };
            let ended = |at: Timestamp| self.filter.ends().is_some_and(|until| at > until);
            match &record.body {
                RecordBody::Gap { from, .. } if ended(*from) => return None,
                RecordBody::Gap { from, to, reason } => {
                    let (from, to, reason) = (*from, *to, *reason);
                    return Some(EventItem::Gap { from, to, reason });
                }
                RecordBody::Event {
                    event,
                    synthetic,
                    late,
                } => {
                    if ended(event.at) {
                        return None;
                    }
                    if self.filter.matches(event) {
                        return Some(EventItem::Event {
                            event: DockerEvent::from(event.clone()),
                            synthetic: *synthetic,
                            late: *late,
                        });
                    }
                }
            }
        }
    }

    /// The same as a [`Stream`], for combinators.
    pub fn into_stream(self) -> impl Stream<Item = EventItem> + Send {
        futures_util::stream::unfold(self, |mut events| async move {
            events.next().await.map(|item| (item, events))
        })
    }
}

impl fmt::Debug for DockerEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerEvents")
            .field("reader", &self.reader)
            .field("filter", &self.filter)
            .finish_non_exhaustive()
    }
}
