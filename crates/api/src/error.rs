//! Errors as callers see them: one table of stable codes, and the body that carries one.
//!
//! A program matches `code`; a person reads `message` and, where something can be done about it, `hint`.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

macro_rules! error_codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal, $status:literal;)+) => {
        /// The stable codes. A code never changes its meaning or its status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
        pub enum ErrorCode {
            $($(#[doc = $doc])+ #[serde(rename = $text)] $variant,)+
        }

        impl ErrorCode {
            /// Every code, in the order of the table.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)+];

            /// The code as it goes over the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$variant => $text,)+ }
            }

            /// The HTTP status that it comes with. On the WebSocket there is none.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(ErrorCode::$variant => $status,)+ }
            }
        }
    };
}

error_codes! {
    /// No credential, or one that is wrong, expired or revoked.
    Unauthorized = "unauthorized", 401;
    /// There is no account yet: open the link that the server printed when it started.
    SetupRequired = "setup_required", 401;
    /// The credential is good, its role is too low.
    Forbidden = "forbidden", 403;
    /// The request comes from a page of another origin (`--allow-origin` adds one).
    ForeignOrigin = "foreign_origin", 403;
    /// The `Host` header names a host that this server does not answer for (`--allow-host` adds one).
    ForeignHost = "foreign_host", 403;
    /// No such path, host, container or image.
    NotFound = "not_found", 404;
    /// The method is not one that this path has.
    MethodNotAllowed = "method_not_allowed", 405;
    /// The prefix or name fits several containers.
    Ambiguous = "ambiguous", 409;
    /// A path, query, body or message that cannot be understood.
    InvalidRequest = "invalid_request", 400;
    /// The engine refuses because of the state that things are in.
    Conflict = "conflict", 409;
    /// The engine cannot be reached.
    EngineUnreachable = "engine_unreachable", 503;
    /// The engine answered with an error.
    EngineError = "engine_error", 502;
    /// The engine did not answer in time.
    EngineTimeout = "engine_timeout", 504;
    /// A body or message larger than the limit.
    TooLarge = "too_large", 413;
    /// Too many attempts, or too many connections: try again after the time in `Retry-After`.
    TooManyRequests = "too_many_requests", 429;
    /// A fault of the server; its log says more.
    Internal = "internal", 500;
    /// WebSocket only: there is no channel of that name.
    UnknownChannel = "unknown_channel", 400;
    /// WebSocket only: the reader was too slow and the subscription was ended.
    Lagged = "lagged", 409;
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The body of every answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorDetail {
    /// One of [`ErrorCode`]; a text here, so that a reader takes a code of a newer server.
    #[schema(value_type = ErrorCode)]
    pub code: String,
    /// What happened, for a person.
    pub message: String,
    /// What the person can do about it.
    #[serde(default)]
    #[schema(required = true)]
    pub hint: Option<String>,
}

impl ErrorBody {
    /// A body without a hint.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            error: ErrorDetail {
                code: code.as_str().to_owned(),
                message: message.into(),
                hint: None,
            },
        }
    }

    /// The same, saying what can be done.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.error.hint = Some(hint.into());
        self
    }
}

impl ErrorDetail {
    /// The code, where this build knows it.
    #[must_use]
    pub fn known_code(&self) -> Option<ErrorCode> {
        ErrorCode::ALL
            .iter()
            .copied()
            .find(|code| code.as_str() == self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_has_the_documented_form() {
        let body = ErrorBody::new(ErrorCode::NotFound, "no container web");
        assert_eq!(
            serde_json::to_string(&body).unwrap(),
            r#"{"error":{"code":"not_found","message":"no container web","hint":null}}"#
        );
    }

    #[test]
    fn every_code_reads_back_and_is_an_error_status() {
        for code in ErrorCode::ALL {
            let json = serde_json::to_string(code).unwrap();
            assert_eq!(json, format!("\"{code}\""));
            assert_eq!(serde_json::from_str::<ErrorCode>(&json).unwrap(), *code);
            assert!((400..600).contains(&code.status()), "{code}");
        }
    }

    #[test]
    fn a_code_of_a_newer_server_is_carried() {
        let body: ErrorBody =
            serde_json::from_str(r#"{"error":{"code":"brand_new","message":"m","extra":1}}"#).unwrap();
        assert_eq!(body.error.known_code(), None);
        assert_eq!(body.error.code, "brand_new");
        assert_eq!(body.error.hint, None);
    }
}
