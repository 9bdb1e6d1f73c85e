//! A hand-written HTTP/1.1 client: one kept connection over a unix socket or TCP.
//!
//! Owns: writing a request, reading an answer (`Content-Length`, chunked, until close), streaming a body
//! chunk by chunk and raw bytes after an upgrade. Leaves to others: pools, retries, versions, timeouts and
//! every notion of what an engine is. It shares no code with the engine client on purpose: tests compare
//! the two, and the benchmarks take it as the floor.

mod body;
mod head;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use body::Framing;
pub use head::Head;

/// Where to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A unix socket.
    Unix(PathBuf),
    /// `host:port`.
    Tcp(String),
}

impl FromStr for Target {
    type Err = io::Error;

    fn from_str(text: &str) -> io::Result<Self> {
        if let Some(path) = text.strip_prefix("unix://") {
            return Ok(Self::Unix(path.into()));
        }
        for scheme in ["tcp://", "http://"] {
            if let Some(authority) = text.strip_prefix(scheme) {
                return Ok(Self::Tcp(authority.trim_end_matches('/').to_owned()));
            }
        }
        Err(invalid(format!(
            "{text:?} is neither unix:///path nor tcp://host:port"
        )))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(authority) => write!(f, "tcp://{authority}"),
        }
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status line and headers.
    pub head: Head,
    /// The body, with the transfer coding taken off.
    pub body: Bytes,
}

impl Answer {
    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// The body as text, for messages; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When the body is not JSON of this shape.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> io::Result<T> {
        serde_json::from_slice(&self.body).map_err(invalid)
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for T {}

/// One kept connection.
///
/// Not cancel-safe: a future dropped in the middle of a call leaves half an answer in the socket, so drop
/// the connection with it.
pub struct Connection {
    stream: Box<dyn Duplex>,
    buffer: BytesMut,
    out: Vec<u8>,
    framing: Framing,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("buffered", &self.buffer.len())
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn connect(target: &Target) -> io::Result<Self> {
        let stream: Box<dyn Duplex> = match target {
            Target::Unix(path) => Box::new(UnixStream::connect(path).await?),
            Target::Tcp(authority) => {
                let stream = TcpStream::connect(authority.as_str()).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
        };
        Ok(Self {
            stream,
            buffer: BytesMut::with_capacity(16 * 1024),
            out: Vec::with_capacity(1024),
            framing: Framing::Empty,
        })
    }

    /// Sends a request and reads its whole answer; the connection can be used again afterwards.
    ///
    /// `path` is sent as it is, query included. A body is announced as JSON.
    ///
    /// # Errors
    /// Those of the socket; `InvalidData` for an answer that is not HTTP/1.1; `UnexpectedEof` for one cut
    /// short.
    pub async fn call(&mut self, method: &str, path: &str, body: Option<&[u8]>) -> io::Result<Answer> {
        let head = self.open(method, path, body).await?;
        let body = self.rest().await?;
        Ok(Answer { head, body })
    }

    /// Sends a request and reads the head of its answer. The body follows with [`chunk`](Self::chunk).
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn open(&mut self, method: &str, path: &str, body: Option<&[u8]>) -> io::Result<Head> {
        self.send(method, path, &[], body).await?;
        self.head(method).await
    }

    /// Sends a request that asks for the connection itself (`Upgrade: tcp`), as exec and attach do.
    ///
    /// After a 101, use [`read_raw`](Self::read_raw) and [`write_raw`](Self::write_raw).
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn upgrade(&mut self, method: &str, path: &str, body: Option<&[u8]>) -> io::Result<Head> {
        self.send(
            method,
            path,
            &[("Connection", "Upgrade"), ("Upgrade", "tcp")],
            body,
        )
        .await?;
        self.head(method).await
    }

    async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> io::Result<()> {
        self.out.clear();
        head::write_request(&mut self.out, method, path, headers, body);
        self.stream.write_all(&self.out).await
    }

    async fn head(&mut self, method: &str) -> io::Result<Head> {
        loop {
            while let Some(head) = Head::take(&mut self.buffer)? {
                // 100 Continue and its like come before the answer proper; 101 is the answer.
                if (100..200).contains(&head.status()) && head.status() != 101 {
                    continue;
                }
                self.framing = Framing::of(method, &head)?;
                return Ok(head);
            }
            if self.fill().await? == 0 {
                return Err(cut("before the end of the answer's head"));
            }
        }
    }

    /// The next piece of the body, or `None` at its end.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub async fn chunk(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            match self.framing.step(&mut self.buffer)? {
                body::Step::Piece(bytes) => return Ok(Some(bytes)),
                body::Step::End => return Ok(None),
                body::Step::More => {
                    if self.fill().await? == 0 {
                        if matches!(self.framing, Framing::UntilClose) {
                            self.framing = Framing::Empty;
                            return Ok(None);
                        }
                        return Err(cut("in the middle of the body"));
                    }
                }
            }
        }
    }

    async fn rest(&mut self) -> io::Result<Bytes> {
        let Some(first) = self.chunk().await? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.chunk().await? else {
            return Ok(first);
        };
        let mut whole = BytesMut::with_capacity(2 * (first.len() + second.len()));
        whole.extend_from_slice(&first);
        whole.extend_from_slice(&second);
        while let Some(piece) = self.chunk().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// Bytes after an upgrade; an empty piece is the end.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn read_raw(&mut self) -> io::Result<Bytes> {
        if self.buffer.is_empty() {
            self.fill().await?;
        }
        Ok(self.buffer.split().freeze())
    }

    /// Sends bytes after an upgrade.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn write_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Closes our sending half: how stdin ends after an upgrade.
    ///
    /// # Errors
    /// Those of the socket.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    async fn fill(&mut self) -> io::Result<usize> {
        self.buffer.reserve(16 * 1024);
        self.stream.read_buf(&mut self.buffer).await
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn cut(place: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        format!("the connection was closed {place}"),
    )
}
