//! The fake engine's side of HTTP/1.1: one connection, its requests, and answers that can be cut at any byte.
//!
//! Owns: reading requests off the socket, writing answers and chunks, applying a [`Fault`] to what is written, standing
//! still while the engine is frozen. Leaves to others: what an answer says.

use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use super::fault::Fault;
use super::request::{Request, parse_target};

pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Socket for T {}

/// What stands between the engine and its socket for one answer.
#[derive(Debug, Clone, Copy)]
enum Wire {
    Whole,
    Cut(usize),
    Stall(usize),
    Dribble(usize),
}

pub(super) struct Conn {
    socket: Box<dyn Socket>,
    inbox: BytesMut,
    frozen: watch::Receiver<bool>,
    wire: Wire,
    head: String,
}

impl Conn {
    pub(super) fn new(socket: Box<dyn Socket>, frozen: watch::Receiver<bool>, head: String) -> Self {
        Self {
            socket,
            inbox: BytesMut::new(),
            frozen,
            wire: Wire::Whole,
            head,
        }
    }

    pub(super) fn apply(&mut self, fault: Option<&Fault>) {
        self.wire = match fault {
            Some(Fault::Cut { after }) => Wire::Cut(*after),
            Some(Fault::Stall { after }) => Wire::Stall(*after),
            Some(Fault::Dribble(size)) => Wire::Dribble((*size).max(1)),
            _ => Wire::Whole,
        };
    }

    /// The next request, or `None` when the client has closed.
    pub(super) async fn request(&mut self) -> io::Result<Option<Request>> {
        let end = loop {
            if let Some(end) = self.inbox.windows(4).position(|w| w == b"\r\n\r\n") {
                break end;
            }
            if self.read().await? == 0 {
                return Ok(None);
            }
        };
        let head = self.inbox.split_to(end);
        self.inbox.advance(4);
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut request = parse_target(target);
        request.method = method.to_owned();
        let (mut length, mut chunked) = (0, false);
        for line in lines {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().map_err(|_| bad("content-length"))?,
                "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
                "upgrade" => request.upgrade = value.eq_ignore_ascii_case("tcp"),
                _ => {}
            }
        }
        request.body = if chunked {
            self.chunked_body().await?
        } else {
            self.exactly(length).await?
        };
        self.thaw().await;
        Ok(Some(request))
    }

    async fn exactly(&mut self, length: usize) -> io::Result<Bytes> {
        while self.inbox.len() < length {
            if self.read().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.inbox.split_to(length).freeze())
    }

    async fn chunked_body(&mut self) -> io::Result<Bytes> {
        let mut body = BytesMut::new();
        loop {
            let end = loop {
                if let Some(end) = self.inbox.windows(2).position(|w| w == b"\r\n") {
                    break end;
                }
                if self.read().await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            };
            let line = self.exactly(end + 2).await?;
            let size = std::str::from_utf8(&line)
                .ok()
                .and_then(|line| usize::from_str_radix(line.trim(), 16).ok())
                .ok_or_else(|| bad("chunk size"))?;
            let piece = self.exactly(size + 2).await?;
            if size == 0 {
                return Ok(body.freeze());
            }
            body.extend_from_slice(&piece[..size]);
        }
    }

    /// Reads what the client sends during a stream; empty when it has closed its half.
    pub(super) async fn incoming(&mut self) -> io::Result<Bytes> {
        if self.inbox.is_empty() {
            self.read().await?;
        }
        Ok(self.inbox.split().freeze())
    }

    async fn read(&mut self) -> io::Result<usize> {
        self.inbox.reserve(4096);
        self.socket.read_buf(&mut self.inbox).await
    }

    async fn thaw(&mut self) {
        // An error means that the engine is gone, and the connection is cancelled with it.
        let _ = self.frozen.wait_for(|frozen| !frozen).await;
    }

    /// Writes bytes, as far as this answer's fault lets them through.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.thaw().await;
        match self.wire {
            Wire::Whole => self.socket.write_all(bytes).await,
            Wire::Dribble(size) => {
                for piece in bytes.chunks(size) {
                    self.socket.write_all(piece).await?;
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
            Wire::Cut(left) if bytes.len() >= left => {
                self.socket.write_all(&bytes[..left]).await?;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Wire::Stall(left) if bytes.len() >= left => {
                self.socket.write_all(&bytes[..left]).await?;
                std::future::pending().await
            }
            Wire::Cut(left) => {
                self.wire = Wire::Cut(left - bytes.len());
                self.socket.write_all(bytes).await
            }
            Wire::Stall(left) => {
                self.wire = Wire::Stall(left - bytes.len());
                self.socket.write_all(bytes).await
            }
        }
    }

    /// A whole answer.
    pub(super) async fn answer(&mut self, status: u16, kind: &str, body: &[u8]) -> io::Result<()> {
        let mut out = format!("HTTP/1.1 {status} {}\r\n{}", reason(status), self.head).into_bytes();
        if status == 204 || status == 304 {
            out.extend_from_slice(b"\r\n");
        } else {
            let tail = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
            out.extend_from_slice(tail.as_bytes());
            out.extend_from_slice(body);
        }
        self.send(&out).await
    }

    /// The head of a chunked answer.
    pub(super) async fn start_chunks(&mut self, kind: &str) -> io::Result<()> {
        let head = format!(
            "HTTP/1.1 200 OK\r\n{}Content-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n",
            self.head
        );
        self.send(head.as_bytes()).await
    }

    pub(super) async fn chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut out = format!("{:x}\r\n", bytes.len()).into_bytes();
        out.extend_from_slice(bytes);
        out.extend_from_slice(b"\r\n");
        self.send(&out).await
    }

    pub(super) async fn end_chunks(&mut self) -> io::Result<()> {
        self.send(b"0\r\n\r\n").await
    }

    /// Hands the connection itself over, as exec and attach do.
    pub(super) async fn hijack(&mut self, upgrade: bool, kind: &str) -> io::Result<()> {
        let line = if upgrade {
            "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
        } else {
            "HTTP/1.1 200 OK\r\n"
        };
        self.send(format!("{line}Content-Type: {kind}\r\n\r\n").as_bytes())
            .await
    }

    pub(super) async fn close(&mut self) {
        // The peer may be gone already; there is nobody to tell.
        let _ = self.socket.shutdown().await;
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        404 => "Not Found",
        409 => "Conflict",
        500 => "Internal Server Error",
        _ => "Status",
    }
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("bad {what}"))
}
