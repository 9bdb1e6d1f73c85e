//! The usual places of an engine's socket, and whether something listens there.

use std::io;
use std::path::{Path, PathBuf};

use super::{Discovered, Environment, OP, Source};
use crate::error::ErrorKind;
use crate::{Endpoint, Error};

#[cfg(unix)]
pub(super) fn uid() -> u32 {
    rustix::process::getuid().as_raw()
}

#[cfg(windows)]
pub(super) fn uid() -> u32 {
    0
}

/// Docker, rootless Docker, Docker Desktop (macOS, Linux), Colima, OrbStack, Rancher Desktop, Podman of the machine and of
/// the user, Podman's virtual machine (of Linux, of macOS since 5, and before).
#[cfg(unix)]
pub(super) fn of(environment: &Environment) -> Vec<PathBuf> {
    let under = |path: &str| PathBuf::from(format!("{}{path}", environment.root.display()));
    let absolute = |dir: &Option<PathBuf>| dir.clone().filter(|dir| dir.is_absolute());
    let (home, runtime) = (absolute(&environment.home), absolute(&environment.runtime_dir));
    let temp = absolute(&environment.temp_dir);
    let in_home = |path: &str| home.as_ref().map(|home| home.join(path));
    let in_runtime = |path: &str| runtime.as_ref().map(|dir| dir.join(path));
    let of_user = |path: &str| under(&format!("/run/user/{}/{path}", environment.uid));

    let mut places = vec![under("/var/run/docker.sock"), under("/run/docker.sock")];
    places.extend(in_runtime("docker.sock"));
    places.push(of_user("docker.sock"));
    places.extend(
        [
            ".docker/run/docker.sock",
            ".docker/desktop/docker.sock",
            ".colima/default/docker.sock",
            ".config/colima/default/docker.sock",
            ".orbstack/run/docker.sock",
            ".rd/docker.sock",
        ]
        .into_iter()
        .filter_map(in_home),
    );
    places.push(under("/run/podman/podman.sock"));
    places.extend(in_runtime("podman/podman.sock"));
    places.push(of_user("podman/podman.sock"));
    let machine = "podman/podman-machine-default-api.sock";
    places.extend(in_runtime(machine));
    places.extend(temp.map(|dir| dir.join(machine)));
    places.extend(
        [
            "podman.sock",
            "podman-machine-default/podman.sock",
            "qemu/podman.sock",
        ]
        .into_iter()
        .filter_map(|name| in_home(&format!(".local/share/containers/podman/machine/{name}"))),
    );
    let mut seen = std::collections::HashSet::new();
    places.retain(|place| seen.insert(place.clone()));
    places
}

/// Docker (with Windows containers, and with Linux's), Podman's virtual machine.
#[cfg(windows)]
pub(super) fn of(_: &Environment) -> Vec<PathBuf> {
    [
        "docker_engine",
        "dockerDesktopLinuxEngine",
        "podman-machine-default",
    ]
    .map(|name| PathBuf::from(format!(r"\\.\pipe\{name}")))
    .into()
}

/// The first place that something listens on.
pub(super) fn first(environment: &Environment) -> Result<Discovered, Error> {
    let mut tried = Vec::new();
    let mut forbidden = false;
    for place in of(environment) {
        match listens(&place) {
            Ok(endpoint) => {
                let source = Source::Socket;
                return Ok(Discovered { endpoint, source });
            }
            Err(error) => {
                forbidden |= error.kind() == io::ErrorKind::PermissionDenied;
                tried.push(format!("{} ({})", place.display(), reason(&error)));
            }
        }
    }
    let (kind, hint) = if forbidden {
        (
            ErrorKind::Permission,
            "an engine is there, but this user may not open its socket: add the user to the socket's group (usually \
             `docker`) and log in again",
        )
    } else {
        (
            ErrorKind::NotInstalled,
            "install or start Docker or Podman, or set DOCKER_HOST to where an engine listens",
        )
    };
    let message = format!(
        "DOCKER_HOST is not set, no Docker context is chosen, and none listens at {}",
        tried.join(", ")
    );
    Err(Error::new(kind, OP)
        .with_message(message)
        .with_hint(hint)
        .while_dialing())
}

/// The endpoint, when something listens on the socket: connects without waiting, and hangs up.
#[cfg(unix)]
fn listens(path: &Path) -> io::Result<Endpoint> {
    use rustix::io::Errno;
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &SocketAddrUnix::new(path)?) {
        // Its queue is full: busy, but there.
        Ok(()) | Err(Errno::AGAIN) => Ok(Endpoint::unix(path)),
        Err(errno) => Err(errno.into()),
    }
}

/// The same for a pipe.
#[cfg(windows)]
fn listens(path: &Path) -> io::Result<Endpoint> {
    let address = format!("npipe://{}", path.display());
    let endpoint = address.parse().map_err(io::Error::other)?;
    match std::fs::File::options().read(true).write(true).open(path) {
        Err(error) if !crate::pipe::is_busy(&error) => Err(error),
        _ => Ok(endpoint),
    }
}

fn reason(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => "no such socket",
        io::ErrorKind::ConnectionRefused => "nothing listens on it",
        io::ErrorKind::PermissionDenied => "not permitted",
        io::ErrorKind::InvalidFilename => "its path is too long for a socket",
        _ => "cannot be opened",
    }
}
