//! `events`: some history, then what happens. Each line bears the cursor to go on from.

use std::sync::Arc;

use futures_util::{StreamExt, stream::select_all};
use longshore_api::stream::{EventsData, EventsParams};
use longshore_fleet::runtime::FollowItem;

use crate::{app::App, convert, history, rest};

use super::{
    channels::STOPPING,
    outlet::{Outlet, Stop},
};

/// History that comes first unless told otherwise.
const HISTORY: u32 = 100;

pub(super) async fn run(app: &App, outlet: &Outlet, params: EventsParams) -> Result<&'static str, Stop> {
    let since = params
        .since
        .as_deref()
        .map(|text| rest::read_cursor("since", text))
        .transpose()?;
    if let Some(since) = &since {
        rest::check_hosts(app, "since", since)?;
    }
    outlet.subscribed().await?;
    // Without a cursor the newest history comes first. With one, the readers themselves begin there.
    let mut place = since.clone().unwrap_or_default();
    // Readers that begin now, taken before the history is read: what comes meanwhile is theirs.
    let from_now: Vec<_> = app
        .fleet
        .hosts()
        .iter()
        .map(|host| history::follow(app, host, None))
        .collect();
    if since.is_none() {
        let (events, newest) = rest::history(app, None, params.limit.unwrap_or(HISTORY)).await;
        place = newest;
        outlet.data(EventsData::Events(events)).await?;
    }
    let readers = app.fleet.hosts().iter().zip(from_now).map(|(host, from_now)| {
        let reader = match place.get(host.name()) {
            Some(place) => history::follow(app, host, Some(place)),
            None => from_now,
        };
        let host = Arc::clone(host);
        reader.map(move |items| (Arc::clone(&host), items)).boxed()
    });
    let mut chunks = select_all(readers);
    while let Some((host, items)) = chunks.next().await {
        let mut events = Vec::with_capacity(items.len());
        for history::Told { item, had } in items {
            match item {
                FollowItem::Record(record) => {
                    place.set(host.name(), history::place(app, &host, record.cursor, &had));
                    events.push(convert::event_record(host.name(), &record, &place));
                }
                FollowItem::Lagged { missed } => {
                    // Told at the place where they are missing.
                    if !events.is_empty() {
                        outlet
                            .data(EventsData::Events(std::mem::take(&mut events)))
                            .await?;
                    }
                    app.metrics.missed.inc_by(missed);
                    outlet.data(EventsData::Lagged(missed)).await?;
                }
                // The page is told by the hosts' states.
                _ => {}
            }
        }
        if !events.is_empty() {
            outlet.data(EventsData::Events(events)).await?;
        }
    }
    Ok(STOPPING)
}
