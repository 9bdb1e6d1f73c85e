//! `events`: what the engine remembers, or, followed, what happens from now on, through its restarts and ours.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use longshore_core::{EventFilter, EventType, Timestamp};
use longshore_engine::{Engine, EventsQuery};
use longshore_runtime::{FeedItem, RecordBody, Watch, WatchConfig};

use super::{BATCH, engine_now, span, tell};
use crate::{
    args,
    exit::Exit,
    failure::{Failure, chain},
    output::{Item, Marks, Output},
};

/// How far the output may be behind before it is told that it missed some: as many as are kept.
const CAPACITY: usize = 10_000;

pub(super) async fn show(engine: &Engine, args: args::Events, output: &mut Output) -> Result<(), Failure> {
    if args.follow {
        follow(engine, args, output).await
    } else {
        remembered(engine, args, output).await
    }
}

/// What the engine still holds, up to now.
async fn remembered(engine: &Engine, args: args::Events, output: &mut Output) -> Result<(), Failure> {
    let [since, mut until] = span(engine, [args.since, args.until]).await?;
    if until.is_none() {
        until = Some(engine_now(engine).await?);
    }
    // Without a start an engine tells nothing of the past; with it, all that it still holds.
    let mut query = EventsQuery::default().since(seconds(since.unwrap_or(Timestamp::from_secs(0))));
    if let Some(until) = until {
        query = query.until(seconds(until));
    }
    for (key, value) in args.filters {
        // The engine's own word for an action is `event`.
        query = query.filter(if key == "action" { "event".to_owned() } else { key }, value);
    }
    let mut events = engine.events(&query).await?.ready_chunks(BATCH);
    while let Some(batch) = events.next().await {
        for raw in batch {
            match raw?.event {
                Ok(event) => output.show(&Item::Event(event, Marks::default()))?,
                Err(error) => output.show(&Item::Warning(chain(&error)))?,
            }
        }
        output.flush()?;
    }
    Ok(())
}

/// What happens from now on, and nothing lost without a word.
async fn follow(engine: &Engine, args: args::Events, output: &mut Output) -> Result<(), Failure> {
    let mut filter = EventFilter::new();
    for (key, value) in &args.filters {
        filter = fitting(filter, key, value)?;
    }
    let now = engine_now(engine).await?;
    let [since, until] = [args.since, args.until].map(|end| end.map(|when| when.at(now)));
    if let Some(since) = since {
        filter = filter.since(since);
    }
    if let Some(until) = until {
        filter = filter.until(until);
    }
    let filter = filter.from_now(now);
    let left = until.map(|until| until.since(now).unwrap_or_default());
    let mut end = pin!(async {
        match left {
            // A moment more: what is stamped before the end may come after it.
            Some(left) => tokio::time::sleep(left + Duration::from_millis(200)).await,
            None => std::future::pending().await,
        }
    });
    let watch = Watch::start(engine.clone(), WatchConfig::default());
    let (mut reader, mut status) = (watch.feed().subscribe(CAPACITY, None), watch.status());
    let mut away = false;
    loop {
        let item = tokio::select! {
            item = reader.next() => item,
            Ok(()) = status.changed() => {
                tell(&status.borrow_and_update(), &mut away, output)?;
                continue;
            }
            () = &mut end => return Ok(()),
        };
        let Some(mut item) = item else {
            return Err(Failure::new(Exit::Failure, "the following of events has failed"));
        };
        loop {
            if let Some(shown) = fits(&filter, item) {
                output.show(&shown)?;
            }
            match reader.try_next() {
                Some(more) => item = more,
                None => break,
            }
        }
        output.flush()?;
    }
}

/// What of an item is to be shown.
fn fits(filter: &EventFilter, item: FeedItem) -> Option<Item> {
    match item {
        FeedItem::Lagged { missed } => Some(Item::Warning(format!(
            "{missed} events came faster than they could be written, and are left out"
        ))),
        FeedItem::Record(record) => match &record.body {
            RecordBody::Gap { from, to, reason } => Some(Item::Gap {
                from: *from,
                to: *to,
                reason: reason.as_str(),
            }),
            RecordBody::Event {
                event,
                synthetic,
                late,
            } => filter.matches(event).then(|| {
                let marks = Marks {
                    synthetic: *synthetic,
                    late: *late,
                };
                Item::Event(event.clone(), marks)
            }),
        },
    }
}

fn fitting(filter: EventFilter, key: &str, value: &str) -> Result<EventFilter, Failure> {
    Ok(match key {
        "type" => filter.event_type(EventType::from(value)),
        "action" | "event" => filter.action(value),
        "container" => filter.container(value),
        "image" => filter.image(value),
        "network" => filter.network(value),
        "volume" => filter.volume(value),
        "label" => filter.label(value),
        _ => {
            let text = format!("events that are followed cannot be chosen by {key:?}");
            let known = "by type, action, container, image, network, volume or label they can";
            return Err(Failure::new(Exit::Usage, text).hint(known));
        }
    })
}

/// A time as an engine reads it: seconds with nine digits behind the point.
fn seconds(at: Timestamp) -> String {
    format!("{}.{:09}", at.as_secs(), at.as_nanos().rem_euclid(1_000_000_000))
}
