//! Opening connections to an endpoint, and saying why it did not work.
//!
//! What all connections of one engine share (a TLS configuration, an SSH login) lives here as long as the engine's
//! handle does.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::conn::Conn;
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind, TimeoutKind};
use crate::pipe::PipeName;
use crate::ssh::Ssh;
use crate::tls::{self, Tls};

/// A busy engine takes waiting connections within a few of these.
const BUSY_PAUSE_MAX: Duration = Duration::from_millis(50);

/// The way to one engine.
pub(crate) struct Transport {
    endpoint: Endpoint,
    /// Made at the first connection: it reads files.
    connector: OnceLock<TlsConnector>,
    ssh: Option<Ssh>,
}

impl Transport {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        let ssh = match &endpoint {
            Endpoint::Ssh(address) => Some(Ssh::new(address.clone())),
            _ => None,
        };
        Self {
            endpoint,
            connector: OnceLock::new(),
            ssh,
        }
    }

    /// Opens a connection within `limit`. Where the way takes only so many at a time, `make_room` is called before
    /// waiting: it is to close those that nobody uses.
    pub(crate) async fn dial(&self, limit: Duration, make_room: impl Fn()) -> Result<Conn, Error> {
        match tokio::time::timeout(limit, self.open(make_room)).await {
            Ok(result) => result,
            Err(_) => {
                let error = failure(&self.endpoint, ErrorKind::Timeout(TimeoutKind::Connect));
                Err(match self.ssh.as_ref().and_then(Ssh::why_it_waits) {
                    Some((message, hint)) => error.with_message(message).with_hint(hint),
                    None => error,
                })
            }
        }
    }

    async fn open(&self, make_room: impl Fn()) -> Result<Conn, Error> {
        let conn = match &self.endpoint {
            #[cfg(unix)]
            Endpoint::Unix(path) => {
                let open = || tokio::net::UnixStream::connect(path);
                // A unix socket whose queue is full refuses at once where TCP would wait.
                let busy = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
                let stream = while_busy(open, busy).await;
                Conn::handshake(stream.map_err(|error| refused(&self.endpoint, error))?).await
            }
            #[cfg(not(unix))]
            Endpoint::Unix(_) => return Err(unsupported(&self.endpoint, "unix sockets")),
            Endpoint::Tcp { host, port } => Conn::handshake(self.tcp(host, *port).await?).await,
            Endpoint::Tls { host, port, tls } => {
                let stream = self.tcp(host, *port).await?;
                Conn::handshake(self.encrypted(stream, host, tls).await?).await
            }
            Endpoint::Ssh(_) => match &self.ssh {
                Some(ssh) => return ssh.dial(&self.endpoint, make_room).await,
                None => return Err(failure(&self.endpoint, ErrorKind::Connect)),
            },
            Endpoint::Pipe(name) => return pipe(&self.endpoint, name).await,
        };
        conn.map_err(|error| failure(&self.endpoint, ErrorKind::Connect).with_source(error))
    }

    async fn tcp(&self, host: &str, port: u16) -> Result<TcpStream, Error> {
        let connected = TcpStream::connect((host, port)).await;
        let stream = connected.map_err(|error| refused(&self.endpoint, error))?;
        // Requests are small and written at once: waiting to fill a packet only adds latency.
        stream
            .set_nodelay(true)
            .map_err(|error| refused(&self.endpoint, error))?;
        Ok(stream)
    }

    async fn encrypted(
        &self,
        stream: TcpStream,
        host: &str,
        tls: &Tls,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Error> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| {
            failure(&self.endpoint, ErrorKind::BadInput)
                .with_message("no certificate can be for such a name")
                .with_source(error)
        })?;
        let connector = match self.connector.get() {
            Some(connector) => connector,
            None => {
                let made = tls.connector().map_err(Error::while_dialing)?;
                self.connector.get_or_init(|| made)
            }
        };
        connector.connect(name, stream).await.map_err(|error| {
            match tls::meaning(&error) {
                Some(meaning) => meaning.said_in(|kind| failure(&self.endpoint, kind)),
                None => failure(&self.endpoint, ErrorKind::Connect)
                    .with_message("the connection was lost while its encryption was agreed on"),
            }
            .with_source(error)
        })
    }
}

#[cfg(windows)]
async fn pipe(endpoint: &Endpoint, name: &PipeName) -> Result<Conn, Error> {
    let pipe = crate::pipe::connect(name).await;
    let pipe = pipe.map_err(|error| refused(endpoint, error))?;
    let conn = Conn::handshake(pipe).await;
    conn.map_err(|error| failure(endpoint, ErrorKind::Connect).with_source(error))
}

#[cfg(not(windows))]
async fn pipe(endpoint: &Endpoint, _: &PipeName) -> Result<Conn, Error> {
    Err(unsupported(endpoint, "named pipes"))
}

fn unsupported(endpoint: &Endpoint, what: &str) -> Error {
    failure(endpoint, ErrorKind::Connect).with_message(format!("{what} do not exist on this platform"))
}

/// Tries to open something as long as it says that it is busy, under the caller's limit.
pub(crate) async fn while_busy<T, F>(
    mut open: impl FnMut() -> F,
    is_busy: impl Fn(&io::Error) -> bool,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut pause = Duration::from_millis(1);
    loop {
        match open().await {
            Err(error) if is_busy(&error) => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(BUSY_PAUSE_MAX);
            }
            result => return result,
        }
    }
}

pub(crate) fn failure(endpoint: &Endpoint, kind: ErrorKind) -> Error {
    Error::new(kind, "connect to the engine at")
        .with_target(endpoint.to_string())
        .while_dialing()
}

fn refused(endpoint: &Endpoint, error: io::Error) -> Error {
    let local = matches!(endpoint, Endpoint::Unix(_) | Endpoint::Pipe(_));
    let described = match error.kind() {
        io::ErrorKind::NotFound if local => failure(endpoint, ErrorKind::NotInstalled)
            .with_message("there is no such socket")
            .with_hint("start the engine, or set DOCKER_HOST to where it listens"),
        io::ErrorKind::ConnectionRefused if local => failure(endpoint, ErrorKind::NotInstalled)
            .with_message("the socket is there, but no engine listens on it")
            .with_hint("start the engine, or set DOCKER_HOST to where it listens"),
        io::ErrorKind::ConnectionRefused => failure(endpoint, ErrorKind::NotInstalled)
            .with_message("nothing listens at this address")
            .with_hint("check host and port, and that the engine listens on TCP"),
        io::ErrorKind::PermissionDenied => failure(endpoint, ErrorKind::Permission)
            .with_message("the socket may not be opened by this user")
            .with_hint("add the user to the socket's group (usually `docker`) and log in again, or use a rootless engine"),
        _ => failure(endpoint, ErrorKind::Connect),
    };
    described.with_source(error)
}
