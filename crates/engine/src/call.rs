//! One call: what is sent, under which limits, and which failures mean what.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;

use crate::conn::Failure;
use crate::error::{Error, ErrorKind, Subject, TimeoutKind};
use crate::path::PathQuery;

/// How long the head of the response may take.
#[derive(Debug, Clone, Copy)]
pub(crate) enum HeadLimit {
    /// As configured.
    Configured,
    /// As configured, after a time that the engine was asked to wait.
    After(Duration),
    /// The engine answers when something happens.
    None,
}

/// A request before a connection is chosen.
pub(crate) struct Call<'a> {
    /// What is attempted, for errors.
    pub(crate) op: &'static str,
    /// On what, for errors.
    pub(crate) target: Option<&'a str>,
    pub(crate) method: Method,
    pub(crate) path: PathQuery,
    pub(crate) body: Option<Bytes>,
    /// Beside those that every call has.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) head_limit: HeadLimit,
    pub(crate) upgrade: bool,
    /// Sending it twice does no harm: a broken kept connection is no reason to fail, and it may be retried.
    pub(crate) idempotent: bool,
}

impl<'a> Call<'a> {
    fn new(method: Method, op: &'static str, path: PathQuery) -> Self {
        Self {
            op,
            target: None,
            idempotent: method == Method::GET,
            method,
            path,
            body: None,
            headers: Vec::new(),
            head_limit: HeadLimit::Configured,
            upgrade: false,
        }
    }

    pub(crate) fn get(op: &'static str, path: PathQuery) -> Self {
        Self::new(Method::GET, op, path)
    }

    pub(crate) fn post(op: &'static str, path: PathQuery) -> Self {
        Self::new(Method::POST, op, path)
    }

    pub(crate) fn put(op: &'static str, path: PathQuery) -> Self {
        Self::new(Method::PUT, op, path)
    }

    pub(crate) fn head(op: &'static str, path: PathQuery) -> Self {
        Self {
            idempotent: true,
            ..Self::new(Method::HEAD, op, path)
        }
    }

    pub(crate) fn delete(op: &'static str, path: PathQuery) -> Self {
        Self::new(Method::DELETE, op, path)
    }

    pub(crate) fn on(mut self, target: &'a str) -> Self {
        self.target = Some(target);
        self
    }

    pub(crate) fn head_limit(mut self, limit: HeadLimit) -> Self {
        self.head_limit = limit;
        self
    }

    /// Sending it twice does no harm, and what the second answer says is as true as the first.
    pub(crate) fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    pub(crate) fn upgrade(mut self) -> Self {
        self.upgrade = true;
        self
    }

    /// Adds a header. Mark the value sensitive where it is a secret.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn json<T: Serialize>(mut self, body: &T) -> Result<Self, Error> {
        let text = serde_json::to_vec(body).map_err(|error| {
            self.error(ErrorKind::BadInput)
                .with_message("it has no JSON form")
                .with_source(error)
        })?;
        self.body = Some(text.into());
        Ok(self)
    }

    /// An error of this call.
    pub(crate) fn error(&self, kind: ErrorKind) -> Error {
        let error = Error::new(kind, self.op).with_subject(Subject::of_path(self.path.as_str()));
        match self.target {
            Some(target) => error.with_target(target),
            None => error,
        }
    }

    pub(crate) fn timed_out(&self, which: TimeoutKind) -> Error {
        self.error(ErrorKind::Timeout(which))
    }

    /// What a failure on the connection means.
    pub(crate) fn failed(&self, failure: Failure) -> Error {
        match failure {
            Failure::Broken(error) => self.broken(error),
            Failure::TimedOut(which) => self.timed_out(which),
        }
    }

    /// What an error of the connection means.
    pub(crate) fn broken(&self, error: hyper::Error) -> Error {
        if error.is_user() {
            // Only a body that is made while it is sent can fail on our side.
            return self
                .error(ErrorKind::BadInput)
                .with_message("what was to be sent could not be read")
                .with_source(error)
                .partly_sent();
        }
        if let Some(meaning) = crate::tls::meaning(&error) {
            return meaning.said_in(|kind| self.error(kind)).with_source(error);
        }
        let kind = if error.is_parse_too_large() {
            ErrorKind::TooLarge
        } else if error.is_parse() {
            ErrorKind::Protocol
        } else {
            ErrorKind::Interrupted
        };
        self.error(kind).with_source(error)
    }

    /// An answer whose JSON is not what it should be.
    pub(crate) fn malformed(&self, error: serde_json::Error) -> Error {
        self.error(ErrorKind::Protocol)
            .with_message("the answer has another form than expected")
            .with_source(error)
    }

    /// What an answer with a status of failure means.
    pub(crate) fn refused(&self, status: StatusCode, body: &[u8]) -> Error {
        let message = message(body);
        let text = message.as_deref().unwrap_or_default();
        let kind = match status.as_u16() {
            400 | 403 | 500 | 503 if is_said_of_state(text) => ErrorKind::Conflict,
            400 if crate::negotiate::refuses_version(text) => ErrorKind::Version,
            400 => ErrorKind::BadInput,
            401 | 403 => ErrorKind::Permission,
            // An engine without this route says so; an object may still exist.
            404 if is_no_route(text) => ErrorKind::Protocol,
            404 => ErrorKind::NotFound,
            409 => ErrorKind::Conflict,
            500 if is_podmans_conflict(text) => ErrorKind::Conflict,
            // Of a list of images, one of which is being removed, it says the same.
            500 if self.target.is_some() && text.ends_with("image not known") => ErrorKind::NotFound,
            status if status < 400 => ErrorKind::Protocol,
            _ => ErrorKind::Status,
        };
        let mut error = self.error(kind).with_status(status.as_u16());
        if status == StatusCode::INTERNAL_SERVER_ERROR
            && self.idempotent
            && self.target.is_none()
            && is_of_removal(text)
        {
            error = error.that_passes();
        }
        if text.contains("HTTP request to an HTTPS server") {
            error = error.with_hint(
                "this address wants TLS: set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, or use a context",
            );
        }
        match message {
            Some(message) => error.with_message(message),
            None => error,
        }
    }
}

/// What engines say with several statuses, none of them 409, when a state forbids it.
fn is_said_of_state(text: &str) -> bool {
    const SAID: [&str; 14] = [
        "has active endpoints",
        "already exists in network",
        "is not connected to",
        "overlaps with other one",
        "conflicts with network",
        "is ambiguous",
        "only one instance of",
        "pre-defined network",
        "in private (none) mode",
        "operation is already running",
        "not a swarm manager",
        "part of a swarm",
        "participating as a manager",
        "update out of sequence",
    ];
    SAID.iter().any(|said| text.contains(said))
}

/// What Podman says instead of a list or the disk usage, when something of it was removed while it looked.
fn is_of_removal(text: &str) -> bool {
    const SAID: [&str; 5] = [
        "image not known",
        "layer not known",
        "size is not known",
        "no such container",
        "no such volume",
    ];
    // Of a file that is missing for good an engine says that it cannot open it.
    let is_measured = text.starts_with("lstat ") && text.ends_with("no such file or directory");
    is_measured || SAID.iter().any(|said| text.ends_with(said))
}

/// Docker's words, and Podman's.
fn is_no_route(text: &str) -> bool {
    matches!(text, "page not found" | "Not Found")
}

/// Podman answers 500 where Docker answers 409; its words are those of its own list of errors.
fn is_podmans_conflict(text: &str) -> bool {
    const SAID: [&str; 10] = [
        "by ID with more than one tag",
        "container state improper",
        "already used on the host or by another config",
        "that name is already in use",
        "network already exists",
        "network is already connected",
        "network is being used",
        "default network",
        "invalid network mode",
        "volume already exists",
    ];
    SAID.iter().any(|said| text.contains(said)) || text.ends_with("volume is being used")
}

/// The engine's message in the body of a failure: JSON, or plain text in front of proxies.
fn message(body: &[u8]) -> Option<Cow<'static, str>> {
    #[derive(serde::Deserialize)]
    struct Failure {
        message: String,
    }
    let text = match serde_json::from_slice::<Failure>(body) {
        Ok(failure) => failure.message,
        Err(_) => String::from_utf8_lossy(body.get(..1024).unwrap_or(body)).into_owned(),
    };
    let text = text.trim();
    (!text.is_empty()).then(|| Cow::Owned(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_one_meaning_each() {
        let call = Call::get("inspect the container", PathQuery::new("/x")).on("web");
        let kind = |status: u16, body: &str| {
            call.refused(StatusCode::from_u16(status).unwrap(), body.as_bytes())
                .kind()
        };
        assert_eq!(
            kind(404, r#"{"message":"No such container: web"}"#),
            ErrorKind::NotFound
        );
        assert_eq!(kind(404, r#"{"message":"page not found"}"#), ErrorKind::Protocol);
        assert_eq!(
            kind(404, "Not Found\n"),
            ErrorKind::Protocol,
            "Podman has no such route"
        );
        assert_eq!(kind(409, ""), ErrorKind::Conflict);
        assert_eq!(kind(400, r#"{"message":"bad parameter"}"#), ErrorKind::BadInput);
        let old = r#"{"message":"client version 1.24 is too old. Minimum supported API version is 1.44"}"#;
        assert_eq!(kind(400, old), ErrorKind::Version);
        assert_eq!(kind(500, "x"), ErrorKind::Status);
        let improper = "can only create exec sessions on running containers: container state improper";
        assert_eq!(kind(500, improper), ErrorKind::Conflict, "Podman's 409");
        let unknown =
            r#"{"cause":"image not known","message":"docker.io/x/y:1: image not known","response":500}"#;
        assert_eq!(kind(500, unknown), ErrorKind::NotFound, "Podman's 404 of a save");
        let list = Call::get("list images", PathQuery::new("/images/json"));
        let listed = |text: &str| list.refused(StatusCode::INTERNAL_SERVER_ERROR, text.as_bytes());
        assert_eq!(
            listed(unknown).kind(),
            ErrorKind::Status,
            "nothing was asked for by name"
        );
        assert!(listed(unknown).is_transient(), "one of them was being removed");
        assert!(!listed(r#"{"message":"broken"}"#).is_transient());
        assert!(
            listed(r#"{"message":"lstat /x/volumes/v/_data: no such file or directory"}"#).is_transient()
        );
        assert!(!listed(r#"{"message":"open /etc/x: no such file or directory"}"#).is_transient());
        let endpoints = r#"{"message":"error while removing network: network n has active endpoints"}"#;
        assert_eq!(kind(403, endpoints), ErrorKind::Conflict);
        let sequence = "rpc error: code = Unknown desc = update out of sequence";
        assert_eq!(kind(500, sequence), ErrorKind::Conflict);
        assert_eq!(
            kind(503, "This node is not a swarm manager."),
            ErrorKind::Conflict
        );
        assert_eq!(
            kind(403, "authorization denied by plugin x"),
            ErrorKind::Permission
        );
        assert_eq!(kind(500, "port 80 is already in use"), ErrorKind::Status);
        assert_eq!(kind(301, ""), ErrorKind::Protocol);
        assert_eq!(kind(403, "<html>"), ErrorKind::Permission);
    }

    #[test]
    fn the_engines_words_are_kept_and_rubbish_is_bounded() {
        assert_eq!(
            message(br#"{"message":" no such thing\n","cause":"x"}"#).as_deref(),
            Some("no such thing")
        );
        assert_eq!(message(b"  bad gateway\r\n").as_deref(), Some("bad gateway"));
        assert_eq!(message(&[b'x'; 100_000]).unwrap().len(), 1024);
        assert_eq!(message(b" "), None);
    }
}
