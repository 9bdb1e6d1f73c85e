//! The few engine calls that the automation needs, over HTTP/1.0: one connection a call, no chunks, no client crate.
//! It takes nothing from the crates under test, so a broken one still lets the engines start.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpStream, UnixStream};

/// Of a body, at a time.
const CHUNK: usize = 256 * 1024;

/// An engine at an address.
#[derive(Debug, Clone)]
pub(crate) enum Api {
    Unix(PathBuf),
    Tcp(String),
}

/// What an engine answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).context("the engine's answer is not JSON")
    }

    /// The answer when its status is below 400, else an error with the engine's own message.
    pub(crate) fn ok(self) -> Result<Self> {
        if self.status < 400 {
            return Ok(self);
        }
        let message = self
            .json()
            .ok()
            .and_then(|json| json["message"].as_str().map(str::to_owned));
        let message = message.unwrap_or_else(|| String::from_utf8_lossy(&self.body).into_owned());
        Err(anyhow!("the engine answered {}: {}", self.status, message.trim()))
    }
}

impl Api {
    pub(crate) fn unix(socket: &Path) -> Self {
        Self::Unix(socket.to_path_buf())
    }

    pub(crate) async fn ping(&self) -> Result<()> {
        self.call("GET", "/_ping", "text/plain", b"", 5)
            .await?
            .ok()
            .map(drop)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer> {
        self.call("GET", path, "text/plain", b"", 30).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        let body = if body.is_null() {
            Vec::new()
        } else {
            serde_json::to_vec(body)?
        };
        self.call("POST", path, "application/json", &body, 60).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Answer> {
        self.call("DELETE", path, "text/plain", b"", 60).await
    }

    /// One call, done within `seconds` or an error.
    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: &[u8],
        seconds: u64,
    ) -> Result<Answer> {
        self.send(method, path, kind, body, body.len() as u64, seconds)
            .await
    }

    /// As [`call`](Self::call), with the `length` bytes that `body` gives, which need not be in memory.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: impl AsyncRead + Unpin,
        length: u64,
        seconds: u64,
    ) -> Result<Answer> {
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: engine\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n",
        );
        let exchange = async {
            match self {
                Self::Unix(socket) => exchange(UnixStream::connect(socket).await?, &head, body).await,
                Self::Tcp(address) => exchange(TcpStream::connect(address).await?, &head, body).await,
            }
        };
        match tokio::time::timeout(Duration::from_secs(seconds), exchange).await {
            Ok(answer) => answer.with_context(|| format!("{method} {path}")),
            Err(_) => bail!("{method} {path}: no answer within {seconds} s"),
        }
    }
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    head: &str,
    mut body: impl AsyncRead + Unpin,
) -> Result<Answer> {
    stream.write_all(head.as_bytes()).await?;
    tokio::io::copy_buf(&mut BufReader::with_capacity(CHUNK, &mut body), &mut stream).await?;
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await?;
    let end = all
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .context("the answer has no head")?;
    let body = all.split_off(end + 4);
    let status = std::str::from_utf8(&all)?
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok(Answer {
        status: status.context("the answer has no status")?,
        body,
    })
}
