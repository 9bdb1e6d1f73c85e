//! Whether the server lives, and whether it knows what it shows.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use longshore_api::{ErrorBody, ErrorCode};
use longshore_fleet::runtime::Status;

use crate::{app::App, error::ApiError};

/// The process answers. Says nothing else, so it needs no credential.
#[utoipa::path(get, path = "/healthz", tag = "server", security(()), responses((status = 200, body = str)))]
pub(crate) async fn healthz() -> Response {
    plain("ok\n")
}

/// Every host is followed.
#[utoipa::path(get, path = "/readyz", tag = "server",
    responses((status = 200, body = str), (status = 503, body = ErrorBody)))]
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    let lost = app
        .fleet
        .hosts()
        .iter()
        .find(|h| !matches!(h.state().status, Status::Live { .. }));
    match lost {
        None => plain("ready\n"),
        Some(host) => ApiError::new(
            ErrorCode::EngineUnreachable,
            format!("host {} is not followed now", host.name()),
        )
        .into_response(),
    }
}

fn plain(text: &'static str) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
