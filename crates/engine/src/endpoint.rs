//! Where an engine listens: parsing and printing of addresses.
//!
//! Owns the syntax of `DOCKER_HOST`. It does not look for engines (`discover`) and does not dial (`transport`).

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// The port that engines use for plain HTTP when none is written.
const DEFAULT_TCP_PORT: u16 = 2375;

/// The address of one engine.
///
/// It never holds credentials: an address with user information is refused when it is parsed, so that nothing
/// secret can reach a log through `Display` or `Debug`.
///
/// ```
/// use longshore_engine::Endpoint;
///
/// let endpoint: Endpoint = "unix:///var/run/docker.sock".parse()?;
/// assert_eq!(endpoint.to_string(), "unix:///var/run/docker.sock");
/// let endpoint: Endpoint = "tcp://[::1]".parse()?;
/// assert_eq!(endpoint.to_string(), "tcp://[::1]:2375");
/// # Ok::<(), longshore_engine::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// A unix socket, by its absolute path.
    Unix(PathBuf),
    /// HTTP without encryption over TCP.
    Tcp {
        /// A host name or an address; an IPv6 address without its brackets.
        host: String,
        /// The port, 2375 when none was written.
        port: u16,
    },
}

impl Endpoint {
    /// The endpoint of a unix socket.
    #[must_use]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::Unix(path.into())
    }

    /// The path of the socket, when it is one.
    #[must_use]
    pub fn socket_path(&self) -> Option<&Path> {
        match self {
            Self::Unix(path) => Some(path),
            Self::Tcp { .. } => None,
        }
    }

    /// What goes into the `Host` header.
    pub(crate) fn authority(&self) -> String {
        match self {
            Self::Unix(_) => "localhost".to_owned(),
            Self::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Self::Tcp { host, port } => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { .. } => write!(f, "tcp://{}", self.authority()),
        }
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    /// Reads `unix:///path`, `tcp://host:port` or `http://host:port`; a bare absolute path is a unix socket.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] with the reason. The text given is repeated only where it cannot hold a password.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text.starts_with('/') {
            return Ok(Self::Unix(PathBuf::from(text)));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(
                bad("it has no scheme").with_hint("write unix:///path/to/docker.sock or tcp://host:2375")
            );
        };
        match scheme {
            "unix" if rest.starts_with('/') && rest.len() > 1 => Ok(Self::Unix(PathBuf::from(rest))),
            "unix" => Err(bad("the path of a unix socket must be absolute")
                .with_hint("write unix:///path/to/docker.sock")),
            "tcp" | "http" => parse_tcp(rest),
            "https" => {
                Err(bad("TLS is not supported yet").with_hint("use a unix socket, or tcp:// inside a tunnel"))
            }
            "ssh" => Err(bad("SSH is not supported yet")
                .with_hint("forward the socket: ssh -N -L /tmp/engine.sock:/var/run/docker.sock host")),
            "npipe" => Err(bad("Windows named pipes are not supported yet")),
            _ => Err(bad("its scheme is not one of unix, tcp, http")),
        }
    }
}

fn parse_tcp(rest: &str) -> Result<Endpoint, Error> {
    if rest.contains('@') {
        return Err(bad("it contains user information").with_hint("remove the part before the @ sign"));
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if !path.is_empty() {
        return Err(bad("a path after the address is not supported").with_hint("write tcp://host:port"));
    }
    let (host, port) = if let Some(inner) = authority.strip_prefix('[') {
        let Some((host, after)) = inner.split_once(']') else {
            return Err(bad("the bracket of its IPv6 address is not closed"));
        };
        if host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(bad("there is no IPv6 address between its brackets"));
        }
        match after.strip_prefix(':') {
            None if after.is_empty() => (host, None),
            Some(port) => (host, Some(port)),
            None => return Err(bad("only a port may follow the IPv6 address")),
        }
    } else {
        match authority.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err(bad("its IPv6 address has no brackets").with_hint("write tcp://[::1]:2375"));
            }
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || !host.chars().all(known) {
        return Err(bad(
            "its host name is empty or has characters that no host name has",
        ));
    }
    let port = match port {
        None => DEFAULT_TCP_PORT,
        Some(text) => match text.parse::<u16>() {
            Ok(port) if port != 0 => port,
            _ => return Err(bad("its port is not a number from 1 to 65535")),
        },
    };
    Ok(Endpoint::Tcp {
        host: host.to_owned(),
        port,
    })
}

fn bad(reason: &'static str) -> Error {
    Error::new(ErrorKind::BadInput, "read the engine's address").with_message(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_printed() {
        for (text, printed) in [
            ("unix:///run/docker.sock", "unix:///run/docker.sock"),
            ("/run/docker.sock", "unix:///run/docker.sock"),
            ("tcp://127.0.0.1:2376", "tcp://127.0.0.1:2376"),
            ("http://engine.example", "tcp://engine.example:2375"),
            ("http://engine.example:80/", "tcp://engine.example:80"),
            ("tcp://[fe80::1]:99", "tcp://[fe80::1]:99"),
            ("tcp://[::1]", "tcp://[::1]:2375"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(endpoint.to_string(), printed);
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_secrets_are_not_repeated() {
        for text in [
            "",
            "docker",
            "unix://",
            "unix://run/x",
            "tcp://",
            "tcp://:80",
            "tcp://h:0",
            "tcp://h:70000",
            "tcp://h:",
            "tcp://::1:80",
            "tcp://[::1",
            "tcp://[::1]x",
            "tcp://[x]:1",
            "tcp://h:1/v1",
            "ssh://h",
            "https://h",
            "npipe:////./x",
            "tcp://user:secret@h:1",
            "gopher://h",
            "tcp://a b:1",
            "tcp://h\r\n:1",
        ] {
            let error = text
                .parse::<Endpoint>()
                .err()
                .unwrap_or_else(|| panic!("{text:?} was taken"));
            assert_eq!(error.kind(), ErrorKind::BadInput, "{text:?}");
            assert!(
                !format!("{error} {error:?} {:?}", error.hint()).contains("secret"),
                "{error:?}"
            );
        }
    }
}
