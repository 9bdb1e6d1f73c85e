//! Finding the engine of this machine: `DOCKER_HOST`, then the places where engines put their sockets.
//!
//! A socket counts only when something listens on it, so that a stale one does not hide the engine behind it. When
//! nothing is found, the error names every place and what was wrong there.

use std::fmt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::error::ErrorKind;
use crate::{Endpoint, Error};

const OP: &str = "find an engine";

/// An engine's address, and why it was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Discovered {
    /// The address.
    pub endpoint: Endpoint,
    /// Why this one.
    pub source: Source,
}

/// Why an address was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// `DOCKER_HOST` says so.
    Env,
    /// A socket at one of the usual places.
    Socket,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Env => "DOCKER_HOST",
            Self::Socket => "a socket at a usual place",
        })
    }
}

/// What the search depends on, so that it can be asked about another environment than this process's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    /// `DOCKER_HOST`; empty is the same as none.
    pub docker_host: Option<String>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime_dir: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// The user's number.
    pub uid: u32,
    /// The root that `/run` and `/var` lie under. Default: empty, for the machine's own.
    pub root: PathBuf,
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            docker_host: std::env::var("DOCKER_HOST").ok(),
            runtime_dir: std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from),
            home: std::env::var_os("HOME").map(PathBuf::from),
            uid: rustix::process::getuid().as_raw(),
            root: PathBuf::new(),
        }
    }

    /// Where engines put their sockets, Docker's before Podman's, the machine's before the user's.
    #[must_use]
    pub fn places(&self) -> Vec<PathBuf> {
        let under = |path: &str| PathBuf::from(format!("{}{path}", self.root.display()));
        let home = self.home.as_deref().filter(|home| home.is_absolute());
        let runtime = self.runtime_dir.as_deref().filter(|dir| dir.is_absolute());
        let mut places = vec![under("/var/run/docker.sock"), under("/run/docker.sock")];
        places.extend(runtime.map(|dir| dir.join("docker.sock")));
        places.push(under(&format!("/run/user/{}/docker.sock", self.uid)));
        places.extend(home.map(|home| home.join(".docker/run/docker.sock")));
        places.extend(home.map(|home| home.join(".docker/desktop/docker.sock")));
        places.push(under("/run/podman/podman.sock"));
        places.extend(runtime.map(|dir| dir.join("podman/podman.sock")));
        places.push(under(&format!("/run/user/{}/podman/podman.sock", self.uid)));
        let mut seen = std::collections::HashSet::new();
        places.retain(|place| seen.insert(place.clone()));
        places
    }

    /// Finds the engine.
    ///
    /// # Errors
    /// As [`discover`].
    pub fn discover(&self) -> Result<Discovered, Error> {
        if let Some(text) = self.docker_host.as_deref().filter(|text| !text.trim().is_empty()) {
            let endpoint = text.trim().parse().map_err(|error: Error| {
                let hint = error.hint().map_or_else(
                    || "correct DOCKER_HOST, or unset it to search the usual places".to_owned(),
                    |hint| format!("correct DOCKER_HOST, or unset it: {hint}"),
                );
                Error::new(ErrorKind::BadInput, OP)
                    .with_message("DOCKER_HOST is not an address that can be used")
                    .with_hint(hint)
                    .with_source(error)
            })?;
            return Ok(Discovered {
                endpoint,
                source: Source::Env,
            });
        }
        let mut tried = Vec::new();
        let mut forbidden = false;
        for place in self.places() {
            match listens(&place) {
                Ok(()) => {
                    return Ok(Discovered {
                        endpoint: Endpoint::Unix(place),
                        source: Source::Socket,
                    });
                }
                Err(errno) => {
                    forbidden |= errno == Errno::ACCESS || errno == Errno::PERM;
                    tried.push(format!("{} ({})", place.display(), reason(errno)));
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
        Err(Error::new(kind, OP)
            .with_message(format!(
                "DOCKER_HOST is not set, and none listens at {}",
                tried.join(", ")
            ))
            .with_hint(hint)
            .while_dialing())
    }
}

/// Finds the engine of this machine: `DOCKER_HOST` when it is set, else the first usual socket that something listens
/// on. Blocks for less than a millisecond; does not speak to the engine.
///
/// # Errors
/// [`ErrorKind::BadInput`] when `DOCKER_HOST` is no address; [`ErrorKind::NotInstalled`] when nothing listens anywhere;
/// [`ErrorKind::Permission`] when a socket may not be opened. The message names every place tried.
///
/// ```no_run
/// match longshore_engine::discover() {
///     Ok(found) => println!("{} ({})", found.endpoint, found.source),
///     Err(error) => println!("{error}\n{}", error.hint().unwrap_or_default()),
/// }
/// ```
pub fn discover() -> Result<Discovered, Error> {
    Environment::of_process().discover()
}

/// Whether something listens on the socket: connects without waiting, and hangs up.
fn listens(path: &Path) -> Result<(), Errno> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &SocketAddrUnix::new(path)?) {
        // Its queue is full: busy, but there.
        Ok(()) | Err(Errno::AGAIN) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn reason(errno: Errno) -> &'static str {
    match errno {
        Errno::NOENT | Errno::NOTDIR => "no such socket",
        Errno::CONNREFUSED => "nothing listens on it",
        Errno::ACCESS | Errno::PERM => "not permitted",
        Errno::NAMETOOLONG => "its path is too long for a socket",
        _ => "cannot be opened",
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    fn environment(root: &Path) -> Environment {
        Environment {
            runtime_dir: Some(root.join("run/user/7")),
            home: Some(root.join("home")),
            uid: 7,
            root: root.to_owned(),
            ..Environment::default()
        }
    }

    #[test]
    fn docker_host_wins_and_a_bad_one_is_said() {
        let mut environment = Environment {
            docker_host: Some(" tcp://10.0.0.1 ".to_owned()),
            ..Environment::default()
        };
        let found = environment.discover().unwrap();
        assert_eq!(
            (found.endpoint.to_string().as_str(), found.source),
            ("tcp://10.0.0.1:2375", Source::Env)
        );
        environment.docker_host = Some("tcp://me:secret@host".to_owned());
        let error = environment.discover().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadInput);
        assert!(error.hint().unwrap().contains("DOCKER_HOST") && !format!("{error:?}").contains("secret"));
    }

    #[test]
    fn a_stale_socket_does_not_hide_the_engine_behind_it() {
        let dir = tempfile::tempdir().unwrap();
        let environment = environment(dir.path());
        let places = environment.places();
        for place in [&places[0], &places[2]] {
            std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        }
        drop(UnixListener::bind(&places[0]).unwrap());
        let _engine = UnixListener::bind(&places[2]).unwrap();
        let found = environment.discover().unwrap();
        assert_eq!(
            found.endpoint,
            Endpoint::unix(dir.path().join("run/user/7/docker.sock"))
        );
        assert_eq!(found.source, Source::Socket);
    }

    #[test]
    fn every_place_is_named_with_its_reason() {
        let dir = tempfile::tempdir().unwrap();
        let environment = environment(dir.path());
        let places = environment.places();
        std::fs::create_dir_all(places[0].parent().unwrap()).unwrap();
        drop(UnixListener::bind(&places[0]).unwrap());
        let error = environment.discover().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotInstalled);
        assert!(error.is_connect() && error.is_transient());
        let text = error.to_string();
        assert!(text.contains("nothing listens on it"), "{text}");
        for place in places {
            assert!(text.contains(&place.display().to_string()), "{text}");
        }
        assert!(error.hint().is_some());
    }
}
