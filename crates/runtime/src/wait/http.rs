//! One question over HTTP, for waiting: a request, a status, the beginning of a body.
//!
//! Owns the few bytes of HTTP/1.1 that this takes; an HTTP client of its own would be too much, and the engine's is the
//! engine crate's. What it reads is bounded and cannot make it fail but with a text.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Pattern;

/// Most of an answer that is read, head and body.
const MAX_ANSWER: usize = 64 * 1024;
/// For a call.
const CALL: Duration = Duration::from_secs(5);

/// What is asked over HTTP, and which answer is the right one. Without TLS.
///
/// ```
/// use longshore_runtime::wait::HttpCheck;
/// let check = HttpCheck::new(8080, "/health").status(204).header("Host", "shop.example");
/// assert_eq!(check.to_string(), "GET :8080/health");
/// ```
#[derive(Clone)]
pub struct HttpCheck {
    pub(super) port: u16,
    path: Arc<str>,
    method: Arc<str>,
    headers: Vec<(Arc<str>, Arc<str>)>,
    status: Arc<dyn Fn(u16) -> bool + Send + Sync>,
    body: Option<Pattern>,
}

impl HttpCheck {
    /// `GET` of a path at a port of the container. Right is a status from 200 to 399.
    pub fn new(port: u16, path: impl Into<Arc<str>>) -> Self {
        Self {
            port,
            path: path.into(),
            method: "GET".into(),
            headers: Vec::new(),
            status: Arc::new(|status| (200..400).contains(&status)),
            body: None,
        }
    }

    /// Another method.
    #[must_use]
    pub fn method(mut self, method: impl Into<Arc<str>>) -> Self {
        self.method = method.into();
        self
    }

    /// A header; `Host` replaces ours. Its value is in no error and no `Debug`.
    #[must_use]
    pub fn header(mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Right is this status alone.
    #[must_use]
    pub fn status(self, right: u16) -> Self {
        self.status_where(move |status| status == right)
    }

    /// Right is a status for which this holds.
    #[must_use]
    pub fn status_where(mut self, holds: impl Fn(u16) -> bool + Send + Sync + 'static) -> Self {
        self.status = Arc::new(holds);
        self
    }

    /// And its body has this in its first 64 KiB.
    #[must_use]
    pub fn body(mut self, pattern: impl Into<Pattern>) -> Self {
        self.body = Some(pattern.into());
        self
    }

    fn request(&self, host: &str) -> Result<Vec<u8>, String> {
        let is_token = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let is_text = |text: &str| {
            text.bytes()
                .all(|byte| byte == b'\t' || (b' '..0x7f).contains(&byte))
        };
        let path_is_right =
            self.path.starts_with('/') && self.path.bytes().all(|byte| (b'!'..0x7f).contains(&byte));
        let right = is_token(&self.method)
            && path_is_right
            && self
                .headers
                .iter()
                .all(|(name, value)| is_token(name) && is_text(value));
        if !right {
            return Err("its method, path or headers cannot be sent".to_owned());
        }
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        let mut line = |name: &str, value: &str| text.extend([name, ": ", value, "\r\n"]);
        if !self
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            line("Host", host);
        }
        line("User-Agent", "longshore");
        line("Accept", "*/*");
        line("Connection", "close");
        self.headers.iter().for_each(|(name, value)| line(name, value));
        text.push_str("\r\n");
        Ok(text.into_bytes())
    }

    /// Asks once; whether the answer was the right one, and what it was.
    pub(super) async fn ask(&self, host: &str, port: u16) -> (bool, String) {
        match self.asked(host, port).await {
            Ok(told) => told,
            Err(text) => (false, text),
        }
    }

    async fn asked(&self, host: &str, port: u16) -> Result<(bool, String), String> {
        let request = self.request(&format!("{host}:{port}"))?;
        let mut socket = TcpStream::connect((host, port))
            .await
            .map_err(|error| error.to_string())?;
        socket
            .write_all(&request)
            .await
            .map_err(|error| error.to_string())?;
        let mut answer = Vec::new();
        loop {
            if let Some(told) = self.judge(&answer, false) {
                return Ok(told);
            }
            if answer.len() >= MAX_ANSWER {
                break;
            }
            match socket.read_buf(&mut answer).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if answer.is_empty() => return Err(error.to_string()),
                Err(_) => break,
            }
        }
        Ok(self.judge(&answer, true).unwrap_or_else(|| {
            let text = if answer.is_empty() {
                "it closed without an answer"
            } else {
                "its answer is not HTTP"
            };
            (false, text.to_owned())
        }))
    }

    /// What an answer so far is worth; `None` when there must be more of it.
    fn judge(&self, answer: &[u8], is_over: bool) -> Option<(bool, String)> {
        let (status, head, rest) = head(answer)?;
        if (100..200).contains(&status) {
            return self.judge(rest, is_over);
        }
        if !(self.status)(status) {
            return Some((false, format!("it answered {status}")));
        }
        let Some(pattern) = &self.body else {
            return Some((true, format!("it answered {status}")));
        };
        let (body, is_whole) = body(head, rest);
        if pattern.is_in(&body) {
            return Some((true, format!("it answered {status} with {pattern}")));
        }
        (is_over || is_whole).then(|| (false, format!("it answered {status} without {pattern}")))
    }
}

/// One call with a JSON body, for [`Toxiproxy`](crate::services::Toxiproxy): its status and the first 64 KiB of its body.
pub(crate) async fn call(
    host: &str,
    port: u16,
    method: &str,
    path: &str,
    body: &str,
) -> Result<(u16, Vec<u8>), String> {
    let check = HttpCheck::new(port, path)
        .method(method)
        .header("Content-Type", "application/json")
        .header("Content-Length", body.len().to_string());
    let mut request = check.request(&format!("{host}:{port}"))?;
    request.extend_from_slice(body.as_bytes());
    let exchange = async {
        let mut socket = TcpStream::connect((host, port)).await?;
        socket.write_all(&request).await?;
        let mut answer = Vec::new();
        loop {
            if let Some((status, head, rest)) = head(&answer)
                && let (body, true) = self::body(head, rest)
            {
                return Ok((status, body));
            }
            if answer.len() >= MAX_ANSWER || socket.read_buf(&mut answer).await? == 0 {
                let (status, head, rest) =
                    head(&answer).ok_or_else(|| std::io::Error::other("its answer is not HTTP"))?;
                return Ok((status, self::body(head, rest).0));
            }
        }
    };
    match timeout(CALL, exchange).await {
        Ok(answer) => answer.map_err(|error: std::io::Error| error.to_string()),
        Err(_) => Err(format!("no answer within {CALL:?}")),
    }
}

/// The status, the head and what follows it; `None` while the head is not whole, or when it is none.
fn head(answer: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let end = memchr::memmem::find(answer, b"\r\n\r\n")?;
    let line = answer.strip_prefix(b"HTTP/1.")?;
    let status = std::str::from_utf8(line.get(2..5)?).ok()?.parse().ok()?;
    Some((status, &answer[..end + 2], &answer[end + 4..]))
}

/// What is there of a body, and whether that is all.
fn body(head: &[u8], rest: &[u8]) -> (Vec<u8>, bool) {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let header = |name: &str| {
        let mut lines = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        lines
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value.trim())
    };
    if header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        return unchunked(rest);
    }
    let length = header("content-length").and_then(|length| length.parse::<usize>().ok());
    (rest.to_vec(), length.is_some_and(|length| rest.len() >= length))
}

fn unchunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = memchr::memmem::find(rest, b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).unwrap_or_default();
        let size = size.split(';').next().unwrap_or_default().trim();
        let Ok(size) = usize::from_str_radix(size, 16) else {
            return (body, true);
        };
        let data = &rest[end + 2..];
        body.extend_from_slice(&data[..size.min(data.len())]);
        match data.get(size.saturating_add(2)..) {
            _ if size == 0 => return (body, true),
            Some(after) => rest = after,
            None => break,
        }
    }
    (body, false)
}

impl fmt::Display for HttpCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A query may hold a token.
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{} :{}{}", self.method, self.port, path)
    }
}

impl fmt::Debug for HttpCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpCheck({self}, {} headers)", self.headers.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(check: &HttpCheck, answer: &str) -> (bool, String) {
        // However little of it is there, nothing panics, and what is decided early is not taken back.
        let mut early = None;
        for end in 0..answer.len() {
            let now = check.judge(&answer.as_bytes()[..end], false);
            if let (Some((before, _)), Some((now, _))) = (&early, &now) {
                assert_eq!(before, now, "at {end}");
            }
            early = early.or(now);
        }
        check
            .judge(answer.as_bytes(), true)
            .unwrap_or((false, "nothing".to_owned()))
    }

    #[test]
    fn an_answer_is_judged_by_status_and_body() {
        let check = HttpCheck::new(80, "/");
        assert!(judged(&check, "HTTP/1.1 200 OK\r\n\r\n").0);
        assert!(!judged(&check, "HTTP/1.1 503 No\r\n\r\n").0);
        assert!(
            judged(
                &check,
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
            )
            .0
        );
        assert_eq!(judged(&check, "SSH-2.0-OpenSSH\r\n\r\n").1, "nothing");
        let check = check.body("hello");
        assert!(judged(&check, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").0);
        assert!(judged(&check, "HTTP/1.0 200 OK\r\n\r\nsay hello").0);
        assert!(
            judged(
                &check,
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n"
            )
            .0
        );
        assert_eq!(
            judged(&check, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbye").1,
            "it answered 200 without \"hello\""
        );
        assert!(
            !judged(
                &check,
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx"
            )
            .0
        );
    }

    #[test]
    fn what_would_smuggle_a_line_is_not_sent() {
        for check in [
            HttpCheck::new(80, "/a b"),
            HttpCheck::new(80, "/\r\nX: y"),
            HttpCheck::new(80, "a"),
            HttpCheck::new(80, "/").method("GET /x"),
            HttpCheck::new(80, "/").header("X", "y\r\nZ: 1"),
            HttpCheck::new(80, "/").header("X:", "y"),
        ] {
            assert!(check.request("h").is_err(), "{check:?}");
        }
        let request = HttpCheck::new(80, "/a?b=c")
            .header("host", "shop")
            .request("h:80")
            .unwrap();
        let request = String::from_utf8(request).unwrap();
        assert!(
            request.starts_with("GET /a?b=c HTTP/1.1\r\n") && !request.contains("h:80"),
            "{request}"
        );
        assert!(
            !HttpCheck::new(80, "/?token=secret")
                .to_string()
                .contains("secret")
        );
    }
}
