//! One login: the `ssh` process, its folder, and connections through it.
//!
//! A guard ends `ssh` when our end of a pipe closes, so that dropping this value ends the login, as does our own death.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{Request, Uri};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::Semaphore;

use super::session::{self, Held};
use super::words::{self, Refusal};
use crate::SshAddress;
use crate::conn::{Conn, HeadLimits, ReadLimits};
use crate::transport::while_busy;
use crate::upload::RequestBody;

/// Starts its arguments as a program; when its own input ends, removes the folder that it is named after and ends all of
/// its process group. The inner shell keeps the output open as long as the program runs: `ssh` itself closes its own when
/// it has logged in.
const GUARD: &str = r#"("$@" </dev/null; :) & exec >/dev/null 2>&1; read -r _; rm -rf -- "$0"; kill 0"#;
/// How often it is looked whether a login has succeeded, which takes from 50 ms on.
const POLL: Duration = Duration::from_millis(10);
/// sshd's MaxSessions is 10; two are left for sessions that are still closing.
const SESSIONS: usize = 8;
/// The longest name of a socket is 103 bytes on some systems, of which ssh adds 17 while it makes one.
const MAX_FOLDER: usize = 60;
/// A ping is answered in two bytes.
const MAX_PING: usize = 64 * 1024;
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// How connections go through a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By a socket that is forwarded: as many as wanted.
    Forwarded,
    /// By a session each, which runs a command.
    Sessions,
}

/// A login that has succeeded.
pub(super) struct Login {
    address: SshAddress,
    /// Empty until an engine has answered on either way.
    way: OnceLock<Way>,
    pub(super) sessions: Arc<Semaphore>,
    /// The guard reads it; nothing is ever written. Declared before the folder: dropped first.
    _guarded: ChildStdin,
    _guard: Child,
    dir: TempDir,
}

/// Why a connection through a login was not made.
pub(super) enum Failure {
    /// The login has ended.
    Gone,
    /// It lives, and no engine answers.
    Refused(Refusal),
}

impl Login {
    /// Logs in. Dropping the future ends the attempt and leaves nothing.
    pub(super) async fn start(address: SshAddress) -> Result<Self, Refusal> {
        let started = Self::spawn(&address).map_err(|error| Refusal::local(&error))?;
        let (dir, mut guard) = started;
        let (Some(guarded), Some(mut output)) = (guard.stdin.take(), guard.stdout.take()) else {
            return Err(Refusal::local(&io::Error::other("the pipes to it are missing")));
        };
        let control = control(dir.path());
        let mut rubbish = [0; 64];
        loop {
            tokio::select! {
                read = output.read(&mut rubbish) => if matches!(read, Ok(0) | Err(_)) {
                    return Err(words::of_login(&words::take(&log(dir.path()))));
                },
                // It is linked into its place last, when it accepts and the forwarded socket does too.
                () = tokio::time::sleep(POLL) => if control.exists() {
                    break;
                },
            }
        }
        Ok(Self {
            address,
            way: OnceLock::new(),
            sessions: Arc::new(Semaphore::new(SESSIONS)),
            _guarded: guarded,
            _guard: guard,
            dir,
        })
    }

    fn spawn(address: &SshAddress) -> io::Result<(TempDir, Child)> {
        let dir = folder()?;
        let said = File::options()
            .create_new(true)
            .append(true)
            .open(log(dir.path()))?;
        let mut forward = socket(dir.path()).into_os_string();
        forward.push(":");
        forward.push(address.socket().unwrap_or(Path::new(DEFAULT_SOCKET)));
        let mut command = Command::new("sh");
        command.args(["-c", GUARD]).arg(dir.path());
        command.args(["ssh", "-N", "-T", "-M", "-S"]);
        command.arg(control(dir.path())).arg("-L").arg(forward);
        for option in [
            "BatchMode=yes",
            // What a person's configuration may say for an interactive use and would be in our way.
            "ControlPersist=no",
            "ClearAllForwardings=no",
            "ExitOnForwardFailure=no",
            "RemoteCommand=none",
            "LogLevel=INFO",
            // A dead peer ends the login after three unanswered questions.
            "ServerAliveInterval=15",
        ] {
            command.args(["-o", option]);
        }
        if let Some(config) = address.config() {
            command.arg("-F").arg(config);
        }
        if let Some(user) = address.user() {
            command.args(["-l", user]);
        }
        if let Some(port) = address.port() {
            command.args(["-p", &port.to_string()]);
        }
        command.args(["--", address.host()]);
        command
            // BatchMode is not passed on to jump hosts, this is: a program that is asked for a password and has none.
            .env("SSH_ASKPASS_REQUIRE", "force")
            .env("SSH_ASKPASS", "false")
            // The jump hosts write to it too.
            .stderr(said)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // The guard ends this group; and Ctrl-C in a terminal is ours to handle, as the login is needed to finish.
            .process_group(0);
        let guard = command.spawn()?;
        Ok((dir, guard))
    }

    /// Opens a connection on which an engine has answered.
    pub(super) async fn open(self: &Arc<Self>, make_room: impl Fn()) -> Result<Conn, Failure> {
        match self.way.get() {
            Some(Way::Forwarded) => {
                let opened = self.forwarded().await;
                self.judged(opened, words::of_forward).await
            }
            Some(Way::Sessions) => {
                let opened = self.session(make_room).await;
                self.judged(opened, words::of_session).await
            }
            None => {
                let (opened, way) = match self.forwarded().await {
                    Ok(conn) => (Ok(conn), Way::Forwarded),
                    Err(error) => {
                        tracing::debug!(%error, "no engine answers on the forwarded socket; trying a session");
                        (self.session(make_room).await, Way::Sessions)
                    }
                };
                if opened.is_ok() {
                    // Who was first has decided; either way serves.
                    let _ = self.way.set(way);
                }
                self.judged(opened, words::of_session).await
            }
        }
    }

    async fn judged(
        &self,
        opened: io::Result<Conn>,
        meaning: impl Fn(&str) -> Refusal,
    ) -> Result<Conn, Failure> {
        let error = match opened {
            Ok(conn) => return Ok(conn),
            Err(error) => error,
        };
        let said = words::take(&log(self.dir.path()));
        tracing::debug!(%error, said, "no connection through the login");
        if UnixStream::connect(control(self.dir.path())).await.is_err() {
            return Err(Failure::Gone);
        }
        Err(Failure::Refused(meaning(&said)))
    }

    async fn forwarded(self: &Arc<Self>) -> io::Result<Conn> {
        let socket = socket(self.dir.path());
        let open = || async {
            let busy = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
            let stream = while_busy(|| UnixStream::connect(&socket), busy).await?;
            Ok(Held::new(stream, Arc::clone(self)))
        };
        proven(open).await
    }

    async fn session(self: &Arc<Self>, make_room: impl Fn()) -> io::Result<Conn> {
        let open = || async {
            let place = match Arc::clone(&self.sessions).try_acquire_owned() {
                Ok(place) => place,
                Err(_) => {
                    make_room();
                    let place = Arc::clone(&self.sessions).acquire_owned().await;
                    place.map_err(io::Error::other)?
                }
            };
            let said = File::options().append(true).open(log(self.dir.path()))?;
            let stream = session::start(&control(self.dir.path()), &self.address, said)?;
            Ok(Held::new(stream, (Arc::clone(self), place)))
        };
        proven(open).await
    }

    /// Every session is in use.
    pub(super) fn is_full(&self) -> bool {
        self.way.get() == Some(&Way::Sessions) && self.sessions.available_permits() == 0
    }
}

/// A connection on which a ping was answered; where the other side then closes, another one to it.
async fn proven<T, F>(open: impl Fn() -> F) -> io::Result<Conn>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = io::Result<T>>,
{
    let unanswered = |_| io::Error::new(io::ErrorKind::ConnectionAborted, "no answer to a ping");
    let mut ping = Request::new(RequestBody::new(Bytes::new()));
    *ping.uri_mut() = Uri::from_static("/_ping");
    ping.headers_mut()
        .insert(HOST, HeaderValue::from_static("localhost"));
    // The whole dial is under a limit.
    let limits = HeadLimits {
        head: None,
        total: None,
    };
    let conn = handshake(open().await?).await?;
    let sent = conn.send(ping, limits).await;
    let (_, mut body) = sent.map_err(|failure| unanswered(failure.failure))?;
    let mut length = 0;
    while let Some(piece) = body.read(ReadLimits::default()).await.map_err(unanswered)? {
        length += piece.len();
        if length > MAX_PING {
            return Err(io::Error::other("an endless answer to a ping"));
        }
    }
    match body.finish() {
        Some(conn) => Ok(conn),
        None => handshake(open().await?).await,
    }
}

async fn handshake<T>(io: T) -> io::Result<Conn>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Conn::handshake(io).await.map_err(io::Error::other)
}

/// A folder for this user alone: who opens the socket in it is root on the other machine.
fn folder() -> io::Result<TempDir> {
    let own = std::env::temp_dir();
    let plain = |path: &Path| {
        // A colon parts the ends of a forwarding, and ssh expands the others.
        let text = path.as_os_str().as_encoded_bytes();
        text.len() <= MAX_FOLDER && !text.iter().any(|c| b":%$~\\\" ".contains(c))
    };
    let parent = if plain(&own) { own } else { PathBuf::from("/tmp") };
    tempfile::Builder::new()
        .prefix("longshore-ssh-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .tempdir_in(parent)
}

fn control(dir: &Path) -> PathBuf {
    dir.join("c")
}

fn socket(dir: &Path) -> PathBuf {
    dir.join("s")
}

fn log(dir: &Path) -> PathBuf {
    dir.join("log")
}
