//! The event monitor over WebSockets: every event as a plain message, to any client.
//!
//! Owns the query, the messages' text (encoded once for all) and the connection. Leaves fan-out to the feed, what a
//! filter means to `longshore-core`, and the past to [`history`](crate::history). Design: `docs/design/monitor.md`.

mod connection;
mod press;
mod query;
mod speaker;

use axum::{
    Extension,
    extract::{Request, State},
    response::Response,
};
use longshore_api::ErrorBody;

use crate::{
    app::App,
    auth::{Peer, Principal},
    error::ApiResult,
    reply::InQuery,
    rest,
    stream::upgrade,
};

pub(crate) use press::Presses;
use query::{Asked, Params};

/// Every event of every host as a plain message (`MonitorMessage`), over a WebSocket. While connected, a client may say
/// `MonitorRequest` to change its filters.
#[utoipa::path(get, path = "/api/v1/events/ws", tag = "events", params(Params),
    responses((status = 101, description = "a WebSocket follows"), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
              (status = 403, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub(crate) async fn open(
    State(app): State<App>,
    Extension(who): Extension<Principal>,
    Extension(Peer(peer)): Extension<Peer>,
    InQuery(pairs): InQuery<Vec<(String, String)>>,
    request: Request,
) -> ApiResult<Response> {
    let asked = Asked::read(&pairs)?;
    rest::check_hosts(&app, "resume", &asked.resume)?;
    upgrade(&app, peer, request, |app, io| {
        connection::run(app, who, asked, io)
    })
}
