//! One container as it is, followed by its own events.
//!
//! Owns the subscription to one container's events and the inspect after each that matters. For who cares about one
//! container and has no [`Watch`](crate::Watch); an inspect is the authority, so an event that is lost costs at most
//! [`NET`]. Leaves to others what to make of it.

use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use longshore_core::{Container, ContainerId, ObjectRef};
use longshore_engine::{Backoff, Engine, Error, EventStream, EventsQuery};
use tokio::time::{sleep, timeout};

use crate::mirror::touched_by;

/// How often a container is looked at without any event.
const NET: Duration = Duration::from_secs(5);

/// What was seen.
#[derive(Debug)]
pub(crate) enum Sight {
    /// As it is now; and the exit code of a run that has ended since the last sight, where an event told it.
    Is(Box<Container>, Option<i64>),
    /// It was removed; and the exit code of its last run, where an event told it.
    Gone(Option<i64>),
    /// The engine could not be asked. It will be, after a pause.
    Unknown(Error),
}

/// What is seen of a container: at once, then after every change, until it is gone. Dropping it ends everything.
pub(crate) fn sights(engine: Engine, id: &ContainerId, backoff: Backoff) -> BoxStream<'static, Sight> {
    let watch = ContainerWatch {
        engine,
        reference: ObjectRef::from(id),
        backoff,
        events: None,
        failures: 0,
        ended: None,
        is_gone: false,
    };
    stream::unfold(watch, |mut watch| async {
        let sight = watch.next().await?;
        Some((sight, watch))
    })
    .boxed()
}

struct ContainerWatch {
    engine: Engine,
    reference: ObjectRef,
    backoff: Backoff,
    events: Option<EventStream>,
    failures: u32,
    ended: Option<i64>,
    is_gone: bool,
}

impl ContainerWatch {
    async fn next(&mut self) -> Option<Sight> {
        if self.is_gone {
            return None;
        }
        if self.failures > 0 {
            sleep(self.backoff.pause(self.failures)).await;
        } else {
            self.changed().await;
        }
        Some(match self.look().await {
            Ok(container) => {
                self.failures = 0;
                Sight::Is(Box::new(container), self.ended.take())
            }
            Err(error) if error.is_not_found() => {
                self.is_gone = true;
                Sight::Gone(self.ended.take())
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                self.events = None;
                Sight::Unknown(error)
            }
        })
    }

    /// Subscribes first, so that nothing happens between the look and the first event.
    async fn look(&mut self) -> Result<Container, Error> {
        if self.events.is_none() {
            let query = EventsQuery::default()
                .filter("type", "container")
                .filter("container", self.reference.as_str());
            self.events = Some(self.engine.events(&query).await?);
        }
        self.engine.inspect_container(&self.reference).await
    }

    /// Waits for a reason to look: an event, the end of the stream, or the net. At first there is one.
    async fn changed(&mut self) {
        let Some(events) = &mut self.events else { return };
        let ended = &mut self.ended;
        let reason = async {
            while let Some(Ok(raw)) = events.next().await {
                let Ok(event) = raw.event else { return true };
                if event.verb() == "die" {
                    let code = ["exitCode", "containerExitCode"]
                        .into_iter()
                        .find_map(|key| event.attributes.get(key)?.parse().ok());
                    *ended = code.or(*ended);
                }
                if touched_by(&event).is_some() {
                    return true;
                }
            }
            false
        };
        if timeout(NET, reason).await == Ok(false) {
            self.events = None;
        }
    }
}
