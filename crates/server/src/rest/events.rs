//! The history of events of all hosts.

use std::sync::Arc;

use axum::extract::State;
use longshore_api::{ContainerEventsReply, ErrorBody, EventRecord, EventsReply};
use longshore_fleet::{Host, runtime::Record};
use serde::Deserialize;

use crate::{
    app::App,
    convert::{self, FleetCursor},
    error::{ApiError, ApiResult},
    history::{self, Had},
    reply::{InPath, InQuery, Json},
};

/// Events in one answer unless told otherwise, and at most.
const LIMIT: u32 = 100;
pub(crate) const MAX_LIMIT: u32 = 1_000;

/// Parameters of the history.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsParams {
    /// A cursor that came with an event or as `next`: what came after it.
    since: Option<String>,
    /// At most so many, 100 when not given and never more than 1,000.
    limit: Option<u32>,
}

/// Events and gaps, oldest first: after `since`, or without it the newest.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(EventsParams),
    responses((status = 200, body = EventsReply), (status = 400, body = ErrorBody)))]
pub(crate) async fn list_events(
    State(app): State<App>,
    InQuery(params): InQuery<EventsParams>,
) -> ApiResult<Json<EventsReply>> {
    let since = params
        .since
        .as_deref()
        .map(|text| read_cursor("since", text))
        .transpose()?;
    if let Some(since) = &since {
        check_hosts(&app, "since", since)?;
    }
    let (events, next) = history(&app, since, params.limit.unwrap_or(LIMIT)).await;
    Ok(Json(EventsReply {
        events,
        next: (!next.is_empty()).then(|| next.to_string()),
    }))
}

/// Parameters of the events of one container.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ContainerEventsParams {
    /// Only what happened at or after this time, RFC 3339 or seconds since 1970.
    since: Option<String>,
    /// At most so many, the newest: 100 when not given and never more than 1,000.
    limit: Option<u32>,
}

/// What happened to one container, oldest first, and gaps: what is remembered, without the commands that were run inside it.
/// Also of one that was removed, as far as it is remembered how it ended.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/containers/{id}/events", tag = "events",
    params(("host" = String, Path, description = "name of a host"),
           ("id" = String, Path, description = "id, unique prefix of one, or name"), ContainerEventsParams),
    responses((status = 200, body = ContainerEventsReply), (status = 400, body = ErrorBody),
              (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(crate) async fn container_events(
    State(app): State<App>,
    InPath((host, id)): InPath<(String, String)>,
    InQuery(params): InQuery<ContainerEventsParams>,
) -> ApiResult<Json<ContainerEventsReply>> {
    let since = params
        .since
        .as_deref()
        .map(super::read_time)
        .transpose()?
        .unwrap_or_default();
    let (host, container) = super::meant(&app, &host, &id).await?;
    let limit = params.limit.unwrap_or(LIMIT).min(MAX_LIMIT) as usize;
    let records = history::of(&app, &host, &container, since, limit).await;
    let mut place = FleetCursor::default();
    Ok(Json(ContainerEventsReply {
        container: container.to_string(),
        events: records
            .iter()
            .map(|record| {
                let after = history::place(&app, &host, record.cursor, &Had::default());
                place.set(host.name(), after);
                convert::event_record(host.name(), record, &place)
            })
            .collect(),
    }))
}

/// Reads a cursor that a caller gave back under that name.
pub(crate) fn read_cursor(name: &str, text: &str) -> ApiResult<FleetCursor> {
    let wrong = || format!("{name} is no cursor: give back one that came with an event, unchanged");
    text.parse().map_err(|_| ApiError::invalid(wrong()))
}

/// Refuses a cursor that is of no host which is watched: nothing would be told after it.
pub(crate) fn check_hosts(app: &App, name: &str, cursor: &FleetCursor) -> ApiResult<()> {
    let is_ours = |host: &str| app.fleet.host(host).is_some();
    if cursor.is_empty() || cursor.hosts().any(is_ours) {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "{name} is a cursor of no host that is watched here"
    )))
}

/// History of all hosts in the order in which it was received, and the place after it.
pub(crate) async fn history(
    app: &App,
    since: Option<FleetCursor>,
    limit: u32,
) -> (Vec<EventRecord>, FleetCursor) {
    let limit = limit.min(MAX_LIMIT) as usize;
    let mut found: Vec<(&Host, Arc<Record>, Had)> = Vec::new();
    for host in app.fleet.hosts() {
        let page = match since.as_ref().and_then(|cursor| cursor.get(host.name())) {
            Some(from) => history::after(app, host, &from, limit).await,
            None => history::newest(app, host, limit).await,
        };
        let records = page.records.into_iter();
        found.extend(records.map(|(record, had)| (&**host, record, had)));
    }
    if app.fleet.hosts().len() > 1 {
        found.sort_by_key(|(_, record, _)| record.received);
    }
    // After a cursor the oldest come first and the rest with the next call; without one the newest are wanted.
    if since.is_some() {
        found.truncate(limit);
    } else {
        found.drain(..found.len().saturating_sub(limit));
    }
    let mut place = since.unwrap_or_default();
    let mut events = Vec::with_capacity(found.len());
    for (host, record, had) in &found {
        place.set(host.name(), history::place(app, host, record.cursor, had));
        events.push(convert::event_record(host.name(), record, &place));
    }
    (events, place)
}
