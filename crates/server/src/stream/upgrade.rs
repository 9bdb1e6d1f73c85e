//! From a request to a WebSocket. Done here rather than by the web framework, so that buffers can be small and a
//! message that is too large can be answered before the connection is closed.

use std::net::SocketAddr;

use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use longshore_api::{ErrorBody, ErrorCode};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{
    app::App,
    auth::{Peer, Principal},
    error::{ApiError, ApiResult},
};

use super::connection;

/// Whether a request asks for a WebSocket.
pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    let has = |name, word: &str| {
        let values = headers
            .get_all(name)
            .iter()
            .filter_map(|v: &HeaderValue| v.to_str().ok());
        values
            .flat_map(|value| value.split(','))
            .any(|token| token.trim().eq_ignore_ascii_case(word))
    };
    has(header::UPGRADE, "websocket") && has(header::CONNECTION, "upgrade")
}

/// Opens the live stream. Its messages are `ClientMessage` and `ServerMessage`, its channels `Channel`.
#[utoipa::path(get, path = "/api/v1/stream", tag = "stream",
    responses((status = 101, description = "a WebSocket follows"), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
              (status = 403, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub(crate) async fn open(
    State(app): State<App>,
    Extension(who): Extension<Principal>,
    Extension(Peer(peer)): Extension<Peer>,
    request: Request,
) -> ApiResult<Response> {
    let serve = |app, io| connection::run(app, who, io);
    upgrade(&app, peer, request, serve)
}

/// Takes a place, answers the handshake, and serves what follows on a task of the server's.
pub(crate) fn upgrade<F: Future<Output = ()> + Send>(
    app: &App,
    peer: SocketAddr,
    mut request: Request,
    serve: impl FnOnce(App, TokioIo<Upgraded>) -> F + Send + 'static,
) -> ApiResult<Response> {
    let accept = handshake(request.headers())?;
    let place = app.streams.clone().try_acquire_owned().map_err(|_| {
        ApiError::new(ErrorCode::TooManyRequests, "too many live streams are open").hint("close other pages")
    })?;
    let upgrade = hyper::upgrade::on(&mut request);
    let shared = App::clone(app);
    app.spawn(async move {
        let _place = place;
        match upgrade.await {
            Ok(upgraded) => serve(shared, TokioIo::new(upgraded)).await,
            Err(error) => tracing::debug!(%peer, %error, "a WebSocket did not come about"),
        }
    });
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

fn handshake(headers: &HeaderMap) -> ApiResult<HeaderValue> {
    if !is_upgrade(headers) {
        return Err(ApiError::invalid(
            "this is a WebSocket: connect with a WebSocket client",
        ));
    }
    if headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .map(HeaderValue::as_bytes)
        != Some(b"13")
    {
        return Err(ApiError::invalid(
            "only version 13 of the WebSocket protocol is spoken",
        ));
    }
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .filter(|key| key.len() == 24);
    let key = key.ok_or_else(|| ApiError::invalid("Sec-WebSocket-Key is missing or wrong"))?;
    HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
        .map_err(|_| ApiError::internal("an accept key is no header"))
}
