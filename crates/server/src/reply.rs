//! Requests in, answers out: JSON bodies, path and query parameters, each with our own error where axum would
//! answer in plain text.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header, request::Parts};
use longshore_api::ErrorCode;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use crate::error::ApiError;

/// Largest body of a request, in bytes. Ours have some hundred.
pub(crate) const MAX_BODY: usize = 64 * 1024;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// A JSON answer.
pub(crate) fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => {
            let mut response = Response::new(Body::from(bytes));
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        // Our types have no maps with other keys than texts, so this does not happen.
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written as JSON");
            http::StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A value that is answered as JSON.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        json(&self.0)
    }
}

/// A JSON body. Asks for the JSON media type, which a form of a foreign page cannot send.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let media = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        let is_json = media
            .split(';')
            .next()
            .is_some_and(|m| m.trim().eq_ignore_ascii_case("application/json"));
        if !is_json {
            return Err(ApiError::invalid(
                "the body must be JSON, with Content-Type: application/json",
            ));
        }
        let bytes = tokio::time::timeout(BODY_TIMEOUT, to_bytes(request.into_body(), MAX_BODY))
            .await
            .map_err(|_| ApiError::invalid("the body did not arrive in time"))?
            .map_err(|_| {
                ApiError::new(
                    ErrorCode::TooLarge,
                    format!("the body is larger than {MAX_BODY} bytes, or was cut off"),
                )
            })?;
        // What serde says names fields and places, never values of ours.
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|e| ApiError::invalid(format!("the body: {e}")))
    }
}

/// Parameters from the path.
#[derive(Debug)]
pub(crate) struct InPath<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Path::from_request_parts(parts, state)
            .await
            .map(|Path(value)| Self(value))
            .map_err(|e| ApiError::invalid(format!("the path: {}", e.body_text())))
    }
}

/// Parameters after the question mark.
#[derive(Debug)]
pub(crate) struct InQuery<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for InQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(value)| Self(value))
            .map_err(|e| ApiError::invalid(format!("the query: {}", e.body_text())))
    }
}

/// A flag in a query: present alone, `1` and `true` are yes; `0` and `false` are no.
pub(crate) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    match text.as_deref() {
        None => Ok(None),
        Some("" | "1" | "true") => Ok(Some(true)),
        Some("0" | "false") => Ok(Some(false)),
        Some(other) => Err(serde::de::Error::custom(format!(
            "{other:?} is neither true (1) nor false (0)"
        ))),
    }
}
