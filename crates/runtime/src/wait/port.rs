//! Whether something listens at a port of a container: from here, and inside.
//!
//! Owns where a published port is reached, and the two looks. The mapping of an engine takes connections before anybody
//! listens behind it, and hangs up; so a connection counts when it is kept, and the container's own table of sockets is
//! read where that is possible.

use std::io;
use std::time::Duration;

use longshore_core::{Container, ObjectRef};
use longshore_engine::{Endpoint, Engine, ExecSpec};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a connection must be kept: a mapping hangs up within a millisecond of its own refusal.
const KEPT: Duration = Duration::from_millis(50);
/// The state LISTEN in the kernel's table.
const LISTEN: &str = "0A";

/// Where a port of the container answers from here; `Err` says why nowhere.
pub(crate) fn published(
    engine: &Engine,
    host: Option<&str>,
    container: &Container,
    port: u16,
) -> Result<(String, u16), String> {
    let found = container
        .ports
        .iter()
        .find(|known| known.private == port && &*known.protocol == "tcp" && known.public.is_some());
    // Podman says nothing of the address for all of them.
    let found = found.and_then(|found| Some((found.ip.as_deref().unwrap_or_default(), found.public?)));
    let Some((ip, public)) = found else {
        return Err(format!("port {port} is not published"));
    };
    let is_any = matches!(ip, "" | "0.0.0.0" | "::");
    let at = match (host, engine.endpoint()) {
        (Some(host), _) => host.to_owned(),
        (None, Endpoint::Tcp { host, .. } | Endpoint::Tls { host, .. }) => host.clone(),
        (None, Endpoint::Ssh(address)) => address.host().to_owned(),
        (None, _) if is_any => "127.0.0.1".to_owned(),
        (None, _) => ip.to_owned(),
    };
    Ok((at, public))
}

/// One look; whether it listens, and what was seen.
pub(super) async fn look(
    engine: &Engine,
    host: Option<&str>,
    container: &Container,
    port: u16,
) -> (bool, String) {
    let place = published(engine, host, container, port);
    if let Ok((host, public)) = &place
        && let Err(error) = kept(host, *public).await
    {
        return (false, format!("{host}:{public}: {error}"));
    }
    match (inside(engine, container, port).await, place) {
        (Some(true), _) => (true, "it listens".to_owned()),
        (Some(false), _) => (false, "nothing listens in the container".to_owned()),
        (None, Ok(_)) => (true, "it takes connections".to_owned()),
        (None, Err(text)) => (
            false,
            format!("{text}, and the container has no `cat` to look inside"),
        ),
    }
}

/// Whether a connection is made and kept, or something is said on it.
async fn kept(host: &str, port: u16) -> io::Result<()> {
    let mut socket = TcpStream::connect((host, port)).await?;
    match timeout(KEPT, socket.read(&mut [0])).await {
        Err(_) => Ok(()),
        Ok(read) => match read? {
            0 => Err(io::Error::other("the connection is taken and closed at once")),
            _ => Ok(()),
        },
    }
}

/// Whether the container's sockets say that something listens; `None` where they cannot be read.
async fn inside(engine: &Engine, container: &Container, port: u16) -> Option<bool> {
    let spec = ExecSpec::new(["cat", "/proc/net/tcp", "/proc/net/tcp6"]).limit(1 << 20);
    let output = engine.exec(&ObjectRef::from(&container.id), &spec).await.ok()?;
    let table = String::from_utf8_lossy(&output.stdout);
    // Without IPv6 the second file is missing, and the first is enough.
    table.contains("local_address").then(|| listens(&table, port))
}

fn listens(table: &str, port: u16) -> bool {
    table.lines().any(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (local, state) = (fields.next(), fields.nth(1));
        let local = local.and_then(|local| local.rsplit_once(':'));
        state == Some(LISTEN) && local.is_some_and(|(_, found)| u16::from_str_radix(found, 16) == Ok(port))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_sockets_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n\
             0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n\
             1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0\n\
             2: 00000000000000000000000000000000:18EB 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0\n";
        assert!(listens(table, 80) && listens(table, 6379));
        assert!(!listens(table, 8080), "it is connected, and does not listen");
        assert!(!listens("rubbish\n\n: :", 80));
    }
}
