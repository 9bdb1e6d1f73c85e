//! A connection by a session of the login: `docker system dial-stdio` runs there, and its input and output are the
//! engine's. For servers that forward no socket.

use std::fs::File;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::SshAddress;

/// Input and output of a session. Dropping it closes the session.
pub(super) struct Session {
    /// `None` after our side was closed.
    input: Option<ChildStdin>,
    output: ChildStdout,
    _client: Child,
}

/// Starts a session; what it has to say goes to `said`.
pub(super) fn start(control: &Path, address: &SshAddress, said: File) -> io::Result<Session> {
    let mut command = Command::new("ssh");
    command.args(["-F", "none", "-T", "-S"]).arg(control);
    // Where the login has ended, this must fail and not log in by itself.
    command.args([
        "-o",
        "BatchMode=yes",
        "-o",
        "ProxyCommand=false",
        "--",
        address.host(),
    ]);
    // The path has no character that means anything to a shell.
    let there = match address.socket() {
        Some(path) => format!("docker --host unix://{} system dial-stdio", path.display()),
        None => "docker system dial-stdio".to_owned(),
    };
    let mut client = command
        .arg(there)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(said)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    match (client.stdin.take(), client.stdout.take()) {
        (Some(input), Some(output)) => Ok(Session {
            input: Some(input),
            output,
            _client: client,
        }),
        _ => Err(io::Error::other("the pipes to ssh are missing")),
    }
}

impl AsyncRead for Session {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_read(cx, buf)
    }
}

impl AsyncWrite for Session {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_write(cx, buf),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.input {
            Some(input) => Pin::new(input).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A pipe ends when it is closed.
        self.input = None;
        Poll::Ready(Ok(()))
    }
}

/// A connection that keeps something alive as long as it lives.
pub(super) struct Held<T, H> {
    io: T,
    _held: H,
}

impl<T, H> Held<T, H> {
    pub(super) fn new(io: T, held: H) -> Self {
        Self { io, _held: held }
    }
}

impl<T: AsyncRead + Unpin, H: Unpin> AsyncRead for Held<T, H> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin, H: Unpin> AsyncWrite for Held<T, H> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
