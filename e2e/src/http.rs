//! A plain HTTP client that can send any header: a connection a call, bodies collected or read piece by piece.

use std::{io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request, StatusCode, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

/// No call of a test may take longer.
const LIMIT: Duration = Duration::from_secs(30);

/// A call to make.
#[derive(Debug, Clone)]
pub struct Call {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Call {
    /// A call without body.
    #[must_use]
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// With a header; `host` replaces the one that is otherwise sent.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With an API token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(mut self, body: &serde_json::Value) -> Self {
        self.body = body.to_string().into();
        self.header("content-type", "application/json")
    }

    /// Sends it and collects the answer.
    ///
    /// # Errors
    /// When there is no connection, or the answer does not come in time.
    pub async fn send(self, to: SocketAddr) -> io::Result<Answer> {
        let (head, mut body) = self.open(to).await?;
        let collect = async {
            let mut all = Vec::new();
            while let Some(piece) = body.next().await? {
                all.extend_from_slice(&piece);
            }
            io::Result::Ok(all)
        };
        let body = tokio::time::timeout(LIMIT, collect).await.map_err(|_| late())??;
        Ok(Answer {
            status: head.0,
            headers: head.1,
            body: body.into(),
        })
    }

    /// Sends it and leaves the body to be read.
    ///
    /// # Errors
    /// As [`Call::send`].
    pub async fn open(self, to: SocketAddr) -> io::Result<((StatusCode, HeaderMap), Body)> {
        tokio::time::timeout(LIMIT, self.open_untimed(to))
            .await
            .map_err(|_| late())?
    }

    async fn open_untimed(self, to: SocketAddr) -> io::Result<((StatusCode, HeaderMap), Body)> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(TcpStream::connect(to).await?))
            .await
            .map_err(io::Error::other)?;
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        let mut request = Request::builder().method(self.method).uri(self.path);
        if !self
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            request = request.header("host", to.to_string());
        }
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(self.body)).map_err(io::Error::other)?;
        let answer = sender.send_request(request).await.map_err(io::Error::other)?;
        let (head, body) = answer.into_parts();
        Ok(((head.status, head.headers), Body { body, _tasks: tasks }))
    }
}

fn late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no whole answer within 30 s")
}

/// A body that is still coming. Dropping it hangs up.
#[derive(Debug)]
pub struct Body {
    body: Incoming,
    _tasks: JoinSet<hyper::Result<()>>,
}

impl Body {
    /// The next piece; `None` at the end. Cancel-safe.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(piece) = frame.map_err(io::Error::other)?.into_data() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `Null` when it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The stable code of an error.
    #[must_use]
    pub fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }
}
