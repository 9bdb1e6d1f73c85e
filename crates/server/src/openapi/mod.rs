//! The description of the API. What is served is the committed file; it is made from the handlers and types themselves,
//! and a test fails when the two differ.

#[cfg(test)]
mod description;

use axum::response::Response;
use http::{HeaderValue, header};

/// The committed description.
const COMMITTED: &str = include_str!("../../openapi.json");

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "server", responses((status = 200)))]
pub(crate) async fn show() -> Response {
    let mut response = Response::new(COMMITTED.into());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
