//! The error of a request: what the caller is told, what the log is told, and the code that decides the status.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use longshore_api::{ErrorBody, ErrorCode};
use longshore_fleet::engine;
use longshore_store::{ErrorKind as StoreErrorKind, StoreError};

use crate::reply::json;

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct ApiError {
    code: ErrorCode,
    message: String,
    hint: Option<String>,
    log: Option<String>,
    retry_after: Option<Duration>,
}

pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            log: None,
            retry_after: None,
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }

    /// A fault of ours: the caller learns that there was one, the log learns which.
    pub(crate) fn internal(log: impl Into<String>) -> Self {
        let mut error = Self::new(ErrorCode::Internal, "the server failed; its log says more");
        error.log = Some(log.into());
        error
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    pub(crate) fn code(&self) -> ErrorCode {
        self.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Message and hint in one line, for where there is only one.
    pub(crate) fn text(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}; {hint}", self.message),
            None => self.message.clone(),
        }
    }
}

impl From<engine::Error> for ApiError {
    fn from(error: engine::Error) -> Self {
        use engine::ErrorKind;
        let code = match error.kind() {
            ErrorKind::NotFound => ErrorCode::NotFound,
            ErrorKind::Conflict => ErrorCode::Conflict,
            ErrorKind::BadInput => ErrorCode::InvalidRequest,
            ErrorKind::Timeout(_) => ErrorCode::EngineTimeout,
            ErrorKind::Connect | ErrorKind::NotInstalled | ErrorKind::Permission | ErrorKind::Interrupted => {
                ErrorCode::EngineUnreachable
            }
            _ => ErrorCode::EngineError,
        };
        Self {
            hint: error.hint().map(str::to_owned),
            ..Self::new(code, error.to_string())
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let code = match error.kind() {
            StoreErrorKind::Invalid => ErrorCode::InvalidRequest,
            StoreErrorKind::Exists => ErrorCode::Conflict,
            StoreErrorKind::Busy => {
                return Self::new(
                    ErrorCode::TooManyRequests,
                    "the server is busy with the same for others",
                )
                .retry_after(Duration::from_secs(1));
            }
            _ => return Self::internal(format!("{error:?}")),
        };
        Self {
            hint: error.hint().map(str::to_owned),
            ..Self::new(code, error.to_string())
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(log) = &self.log {
            tracing::error!(code = %self.code, error = %log, "a request failed");
        }
        let mut body = ErrorBody::new(self.code, self.message);
        body.error.hint = self.hint;
        let mut response = json(&body);
        *response.status_mut() =
            StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if matches!(self.code, ErrorCode::Unauthorized | ErrorCode::SetupRequired) {
            // A scheme for which browsers have no dialog of their own.
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs().max(1);
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
