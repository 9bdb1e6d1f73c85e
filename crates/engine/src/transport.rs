//! Opening connections to an endpoint, and saying why it did not work.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};

use crate::conn::Conn;
use crate::endpoint::Endpoint;
use crate::error::{Error, ErrorKind, TimeoutKind};

/// A busy engine takes waiting connections within a few of these.
const BUSY_PAUSE_MAX: Duration = Duration::from_millis(50);

/// Opens a connection within `limit`.
pub(crate) async fn dial(endpoint: &Endpoint, limit: Duration) -> Result<Conn, Error> {
    match tokio::time::timeout(limit, open(endpoint)).await {
        Ok(result) => result,
        Err(_) => Err(Error::new(
            ErrorKind::Timeout(TimeoutKind::Connect),
            "connect to the engine at",
        )
        .with_target(endpoint.to_string())
        .while_dialing()),
    }
}

async fn open(endpoint: &Endpoint) -> Result<Conn, Error> {
    let conn = match endpoint {
        Endpoint::Unix(path) => {
            let stream = connect_unix(path)
                .await
                .map_err(|error| refused(endpoint, error))?;
            Conn::handshake(stream).await
        }
        Endpoint::Tcp { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port))
                .await
                .map_err(|error| refused(endpoint, error))?;
            // Requests are small and written at once: waiting to fill a packet only adds latency.
            stream
                .set_nodelay(true)
                .map_err(|error| refused(endpoint, error))?;
            Conn::handshake(stream).await
        }
    };
    conn.map_err(|error| failure(endpoint, ErrorKind::Connect).with_source(error))
}

/// A unix socket whose queue is full refuses at once where TCP would wait: wait here, under the caller's limit.
async fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    let mut pause = Duration::from_millis(1);
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(BUSY_PAUSE_MAX);
            }
            result => return result,
        }
    }
}

fn failure(endpoint: &Endpoint, kind: ErrorKind) -> Error {
    Error::new(kind, "connect to the engine at")
        .with_target(endpoint.to_string())
        .while_dialing()
}

fn refused(endpoint: &Endpoint, error: io::Error) -> Error {
    let unix = endpoint.socket_path().is_some();
    let described = match error.kind() {
        io::ErrorKind::NotFound if unix => failure(endpoint, ErrorKind::NotInstalled)
            .with_message("there is no such socket")
            .with_hint("start the engine, or set DOCKER_HOST to where it listens"),
        io::ErrorKind::ConnectionRefused if unix => failure(endpoint, ErrorKind::NotInstalled)
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
