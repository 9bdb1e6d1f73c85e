//! Toxiproxy: a proxy that makes a connection bad, and its API as typed calls.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use super::{Service, escaped};
use crate::wait::{HttpCheck, Wait, http_call};

/// The port of its API.
const API: u16 = 8474;

/// Toxiproxy, with these ports published for proxies. Image `ghcr.io/shopify/toxiproxy:2.12.0`.
///
/// Its URL is that of its API: give it to [`Toxiproxy::new`].
#[must_use]
pub fn toxiproxy(proxied: &[u16]) -> Service {
    let ready = Wait::http(HttpCheck::new(API, "/version"));
    let mut service = Service::new("ghcr.io/shopify/toxiproxy:2.12.0", API, "http", ready);
    for port in proxied {
        service.spec = service.spec.port(*port, None);
    }
    service
}

/// What a toxic does to a stream. Times in milliseconds, sizes in bytes, as Toxiproxy has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "type", content = "attributes")]
#[non_exhaustive]
pub enum Toxic {
    /// Everything comes later.
    Latency {
        /// By so long.
        latency: u64,
        /// Give or take so long.
        jitter: u64,
    },
    /// No more than so many kilobytes a second.
    Bandwidth {
        /// KB a second.
        rate: u64,
    },
    /// The connection's end is told later.
    SlowClose {
        /// By so long.
        delay: u64,
    },
    /// Nothing gets through, and the connection is closed after a time; never for 0.
    Timeout {
        /// After so long.
        timeout: u64,
    },
    /// The connection is reset after a time.
    ResetPeer {
        /// After so long.
        timeout: u64,
    },
    /// Data comes in small pieces.
    Slicer {
        /// Of so many bytes on average.
        average_size: u64,
        /// Give or take so many.
        size_variation: u64,
        /// Microseconds between two.
        delay: u64,
    },
    /// The connection is closed after so much data.
    LimitData {
        /// Bytes.
        bytes: u64,
    },
}

/// Which way of a connection is made bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// From the service to the client.
    #[default]
    Downstream,
    /// From the client to the service.
    Upstream,
}

/// A call to Toxiproxy failed: on the way, or by its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToxiproxyError {
    op: &'static str,
    text: String,
    status: Option<u16>,
}

impl ToxiproxyError {
    /// There is no such proxy or toxic.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.status == Some(404)
    }

    /// The name is taken.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.status == Some(409)
    }
}

impl fmt::Display for ToxiproxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.op, self.text)
    }
}

impl std::error::Error for ToxiproxyError {}

/// The API of one Toxiproxy. Each call is a connection of its own, at most 5 s.
///
/// ```no_run
/// # async fn example() -> Result<(), longshore_runtime::services::ToxiproxyError> {
/// use longshore_runtime::services::{Direction, Toxic, Toxiproxy};
/// let proxy = Toxiproxy::new("127.0.0.1", 8474);
/// proxy.create("db", "0.0.0.0:8666", "db:5432").await?;
/// proxy.add("db", "slow", Toxic::Latency { latency: 500, jitter: 50 }, Direction::Downstream, 1.0).await?;
/// proxy.enable("db", false).await?; // connections are refused
/// proxy.reset().await?;             // all well again
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Toxiproxy {
    host: String,
    port: u16,
}

impl Toxiproxy {
    /// The API at this address.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }

    async fn call(
        &self,
        op: &'static str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, ToxiproxyError> {
        let failed = |text: String, status| ToxiproxyError { op, text, status };
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let answer = http_call(&self.host, self.port, method, path, &body).await;
        let (status, body) = answer.map_err(|text| failed(text, None))?;
        let value: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status < 300 {
            return Ok(value);
        }
        let said = value["error"].as_str().map(str::to_owned);
        Err(failed(
            said.unwrap_or_else(|| format!("it answered {status}")),
            Some(status),
        ))
    }

    /// Makes a proxy: it listens at `listen` in the container and passes on to `upstream`.
    ///
    /// # Errors
    /// [`ToxiproxyError`]; a conflict when the name is taken.
    pub async fn create(&self, name: &str, listen: &str, upstream: &str) -> Result<(), ToxiproxyError> {
        let body = json!({ "name": name, "listen": listen, "upstream": upstream, "enabled": true });
        self.call("create the proxy", "POST", "/proxies", Some(body))
            .await
            .map(drop)
    }

    /// Removes a proxy with its toxics.
    ///
    /// # Errors
    /// [`ToxiproxyError`], as with every call here.
    pub async fn delete(&self, name: &str) -> Result<(), ToxiproxyError> {
        let path = format!("/proxies/{}", escaped(name));
        self.call("delete the proxy", "DELETE", &path, None)
            .await
            .map(drop)
    }

    /// Lets a proxy take connections, or refuse them and break those that are open.
    ///
    /// # Errors
    /// [`ToxiproxyError`].
    pub async fn enable(&self, name: &str, enabled: bool) -> Result<(), ToxiproxyError> {
        let path = format!("/proxies/{}", escaped(name));
        let body = json!({ "enabled": enabled });
        self.call("enable or disable the proxy", "POST", &path, Some(body))
            .await
            .map(drop)
    }

    /// The names of all proxies.
    ///
    /// # Errors
    /// [`ToxiproxyError`].
    pub async fn proxies(&self) -> Result<Vec<String>, ToxiproxyError> {
        let all = self.call("list proxies", "GET", "/proxies", None).await?;
        Ok(all
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .collect())
    }

    /// Makes a part of a proxy's connections bad. `toxicity`: which part, from 0 to 1.
    ///
    /// # Errors
    /// [`ToxiproxyError`]; a conflict when the toxic's name is taken.
    pub async fn add(
        &self,
        proxy: &str,
        name: &str,
        toxic: Toxic,
        direction: Direction,
        toxicity: f64,
    ) -> Result<(), ToxiproxyError> {
        let path = format!("/proxies/{}/toxics", escaped(proxy));
        let body = toxic_body(name, toxic, direction, toxicity);
        self.call("add the toxic", "POST", &path, Some(body))
            .await
            .map(drop)
    }

    /// Takes a toxic away.
    ///
    /// # Errors
    /// [`ToxiproxyError`].
    pub async fn remove(&self, proxy: &str, name: &str) -> Result<(), ToxiproxyError> {
        let path = format!("/proxies/{}/toxics/{}", escaped(proxy), escaped(name));
        self.call("remove the toxic", "DELETE", &path, None)
            .await
            .map(drop)
    }

    /// Enables all proxies and removes all toxics.
    ///
    /// # Errors
    /// [`ToxiproxyError`].
    pub async fn reset(&self) -> Result<(), ToxiproxyError> {
        self.call("reset", "POST", "/reset", None).await.map(drop)
    }
}

fn toxic_body(name: &str, toxic: Toxic, direction: Direction, toxicity: f64) -> Value {
    let mut body = json!(toxic);
    body["name"] = json!(name);
    body["toxicity"] = json!(toxicity.clamp(0.0, 1.0));
    body["stream"] = json!(match direction {
        Direction::Downstream => "downstream",
        Direction::Upstream => "upstream",
    });
    body
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn a_toxic_is_said_as_toxiproxy_reads_it() {
        let toxic = Toxic::Latency {
            latency: 500,
            jitter: 50,
        };
        assert_eq!(
            toxic_body("slow", toxic, Direction::Upstream, 2.0),
            json!({
                "name": "slow", "type": "latency", "stream": "upstream", "toxicity": 1.0,
                "attributes": { "latency": 500, "jitter": 50 },
            })
        );
        for (toxic, name) in [
            (Toxic::SlowClose { delay: 1 }, "slow_close"),
            (Toxic::ResetPeer { timeout: 1 }, "reset_peer"),
            (Toxic::LimitData { bytes: 1 }, "limit_data"),
        ] {
            assert_eq!(json!(toxic)["type"], name);
        }
    }

    /// Answers one call with this, and tells the call's first line and body.
    async fn answer(listener: &TcpListener, status: &str, body: &str) -> (String, Value) {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        let (head, length) = loop {
            assert_ne!(socket.read_buf(&mut asked).await.unwrap(), 0, "a whole head");
            let text = String::from_utf8_lossy(&asked).into_owned();
            if let Some((head, _)) = text.split_once("\r\n\r\n") {
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("Content-Length: "));
                break (
                    head.to_owned(),
                    length.map_or(0, |length| length.parse().unwrap()),
                );
            }
        };
        while asked.len() < head.len() + 4 + length {
            assert_ne!(socket.read_buf(&mut asked).await.unwrap(), 0, "a whole body");
        }
        let text = format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(text.as_bytes()).await.unwrap();
        let first = head.lines().next().unwrap_or_default().to_owned();
        let sent = serde_json::from_slice(&asked[head.len() + 4..]).unwrap_or_default();
        (first, sent)
    }

    #[tokio::test]
    async fn every_call_is_the_one_of_toxiproxys_api() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Toxiproxy::new("127.0.0.1", listener.local_addr().unwrap().port());
        let toxic = Toxic::Timeout { timeout: 0 };
        let calls = async {
            proxy.create("db", "0.0.0.0:1", "db:2").await?;
            proxy.add("db", "cut", toxic, Direction::Downstream, 0.5).await?;
            proxy.remove("db", "cut/").await?;
            proxy.enable("a b", false).await?;
            proxy.delete("db").await?;
            proxy.reset().await?;
            proxy.proxies().await
        };
        let serve = async {
            let mut asked = Vec::new();
            for body in ["{}", "{}", "", "{}", "", "", r#"{"db":{},"mq":{}}"#] {
                let status = if body.is_empty() {
                    "204 No Content"
                } else {
                    "200 OK"
                };
                asked.push(answer(&listener, status, body).await);
            }
            asked
        };
        let (names, asked) = tokio::join!(calls, serve);
        assert_eq!(names.unwrap(), ["db", "mq"]);
        let created = json!({ "name": "db", "listen": "0.0.0.0:1", "upstream": "db:2", "enabled": true });
        let wanted = [
            ("POST /proxies", created),
            (
                "POST /proxies/db/toxics",
                toxic_body("cut", toxic, Direction::Downstream, 0.5),
            ),
            ("DELETE /proxies/db/toxics/cut%2F", Value::Null),
            ("POST /proxies/a%20b", json!({ "enabled": false })),
            ("DELETE /proxies/db", Value::Null),
            ("POST /reset", Value::Null),
            ("GET /proxies", Value::Null),
        ];
        for ((first, sent), (call, body)) in asked.iter().zip(&wanted) {
            assert_eq!((first, sent), (&format!("{call} HTTP/1.1"), body));
        }
        assert_eq!(asked.len(), wanted.len());
    }

    #[tokio::test]
    async fn an_error_has_toxiproxys_words_or_the_status_or_why_nobody_answered() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let proxy = Toxiproxy::new("127.0.0.1", port);
        let body = r#"{"error":"proxy already exists","status":409}"#;
        let (created, _) = tokio::join!(
            proxy.create("db", "0.0.0.0:1", "db:2"),
            answer(&listener, "409 Conflict", body)
        );
        let error = created.unwrap_err();
        assert!(error.is_conflict());
        assert_eq!(error.to_string(), "cannot create the proxy: proxy already exists");
        let (removed, _) = tokio::join!(
            proxy.remove("db", "none"),
            answer(&listener, "404 Not Found", "no JSON")
        );
        let error = removed.unwrap_err();
        assert!(error.is_not_found());
        assert_eq!(error.to_string(), "cannot remove the toxic: it answered 404");
        drop(listener);
        let error = proxy.reset().await.unwrap_err();
        assert!(!error.is_not_found() && !error.is_conflict());
        assert!(error.to_string().starts_with("cannot reset: "), "{error}");
    }
}
