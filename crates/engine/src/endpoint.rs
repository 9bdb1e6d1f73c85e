//! Where an engine listens: parsing and printing of addresses.
//!
//! Owns the syntax of `DOCKER_HOST`. It does not look for engines (`discover`) and does not dial (`transport`); what an
//! encrypted connection is checked with is `tls`'s.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::{Error, ErrorKind};
use crate::{PipeName, SshAddress, Tls};

/// The port that engines use for plain HTTP when none is written.
const DEFAULT_TCP_PORT: u16 = 2375;
/// The same for TLS.
pub(crate) const DEFAULT_TLS_PORT: u16 = 2376;

/// The address of one engine, with all that is needed to reach it. Cheap to clone.
///
/// Its text never holds a secret: an address with a password is refused when it is parsed, and neither `Display` nor
/// `Debug` shows keys or certificates.
///
/// ```
/// use longshore_engine::Endpoint;
///
/// let endpoint: Endpoint = "unix:///var/run/docker.sock".parse()?;
/// assert_eq!(endpoint.to_string(), "unix:///var/run/docker.sock");
/// let endpoint: Endpoint = "tcp://[::1]".parse()?;
/// assert_eq!(endpoint.to_string(), "tcp://[::1]:2375");
/// let endpoint: Endpoint = "ssh://ops@engine.example".parse()?;
/// assert_eq!(endpoint.to_string(), "ssh://ops@engine.example");
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
    /// HTTP over TLS over TCP.
    Tls {
        /// The name that the engine's certificate must be for; an IPv6 address without its brackets.
        host: String,
        /// The port, 2376 when none was written.
        port: u16,
        /// What the engine is checked with, and what we show it.
        tls: Tls,
    },
    /// A socket on another machine, through one SSH login an engine.
    Ssh(SshAddress),
    /// A named pipe of Windows. It can be parsed and printed everywhere.
    Pipe(PipeName),
}

impl Endpoint {
    /// The endpoint of a unix socket.
    #[must_use]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::Unix(path.into())
    }

    /// The same address over TLS, checked with `tls`. Only for TCP: a socket, a pipe and SSH are left as they are, as
    /// they need none.
    ///
    /// ```
    /// use longshore_engine::{Endpoint, Tls};
    /// let endpoint = "tcp://engine.example:2376".parse::<Endpoint>()?.with_tls(Tls::default());
    /// assert_eq!(endpoint.to_string(), "https://engine.example:2376");
    /// # Ok::<(), longshore_engine::Error>(())
    /// ```
    #[must_use]
    pub fn with_tls(self, tls: Tls) -> Self {
        match self {
            Self::Tcp { host, port } | Self::Tls { host, port, .. } => Self::Tls { host, port, tls },
            other => other,
        }
    }

    /// The same address with another file than `~/.ssh/config` for `ssh` to read. Only for SSH.
    #[must_use]
    pub fn with_ssh_config(self, file: impl Into<PathBuf>) -> Self {
        match self {
            Self::Ssh(address) => Self::Ssh(address.with_config(file.into())),
            other => other,
        }
    }

    /// The path of the socket, when it is one on this machine.
    #[must_use]
    pub fn socket_path(&self) -> Option<&Path> {
        match self {
            Self::Unix(path) => Some(path),
            _ => None,
        }
    }

    /// What goes into the `Host` header.
    pub(crate) fn authority(&self) -> String {
        match self {
            Self::Tcp { host, port } | Self::Tls { host, port, .. } => {
                format!("{}:{port}", bracketed(host))
            }
            Self::Unix(_) | Self::Ssh(_) | Self::Pipe(_) => "localhost".to_owned(),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp { .. } => write!(f, "tcp://{}", self.authority()),
            Self::Tls { .. } => write!(f, "https://{}", self.authority()),
            Self::Ssh(address) => address.fmt(f),
            Self::Pipe(name) => name.fmt(f),
        }
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    /// Reads `unix:///path`, `tcp://host:port` (or `http://`), `https://host:port`,
    /// `ssh://user@host:port/path/to/docker.sock` and `npipe:////./pipe/name`; a bare absolute path is a unix socket.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] with the reason. The text given is never repeated: it may hold a password.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text.starts_with('/') && text.len() > 1 {
            return Ok(Self::Unix(PathBuf::from(text)));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(bad("it has no scheme").with_hint(
                "write unix:///path/to/docker.sock, tcp://host:2375, https://host:2376 or ssh://user@host",
            ));
        };
        match scheme {
            "unix" if rest.starts_with('/') && rest.len() > 1 => Ok(Self::Unix(PathBuf::from(rest))),
            "unix" => Err(bad("the path of a unix socket must be absolute")
                .with_hint("write unix:///path/to/docker.sock")),
            "tcp" | "http" => {
                let (host, port) = host_alone(rest, DEFAULT_TCP_PORT)?;
                Ok(Self::Tcp { host, port })
            }
            "https" => {
                let (host, port) = host_alone(rest, DEFAULT_TLS_PORT)?;
                let tls = Tls::default();
                Ok(Self::Tls { host, port, tls })
            }
            "ssh" => SshAddress::parse(rest).map(Self::Ssh),
            "npipe" => PipeName::parse(rest).map(Self::Pipe),
            _ => Err(bad("its scheme is not one of unix, tcp, http, https, ssh, npipe")),
        }
    }
}

/// Host and port of an address that is nothing else.
fn host_alone(rest: &str, default: u16) -> Result<(String, u16), Error> {
    if rest.contains('@') {
        return Err(bad("it contains user information").with_hint("remove the part before the @ sign"));
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if !path.is_empty() {
        return Err(bad("a path after the address is not supported").with_hint("write tcp://host:port"));
    }
    let (host, port) = host_and_port(authority)?;
    Ok((host.to_owned(), port.unwrap_or(default)))
}

/// Reads `host`, `host:port`, `[IPv6]` or `[IPv6]:port`.
pub(crate) fn host_and_port(authority: &str) -> Result<(&str, Option<u16>), Error> {
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
                return Err(bad("its IPv6 address has no brackets").with_hint("write [::1]:port"));
            }
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    // A leading dash would be read as an option by programs that are handed the name.
    if host.is_empty() || host.starts_with('-') || !host.chars().all(known) {
        return Err(bad(
            "its host name is empty or has characters that no host name has",
        ));
    }
    let port = match port.map(str::parse) {
        None => None,
        Some(Ok(port)) if port != 0 => Some(port),
        Some(_) => return Err(bad("its port is not a number from 1 to 65535")),
    };
    Ok((host, port))
}

/// A host as it stands before a port.
pub(crate) fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

pub(crate) fn bad(reason: &'static str) -> Error {
    Error::new(ErrorKind::BadInput, "read the engine's address").with_message(reason)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
            ("https://engine.example", "https://engine.example:2376"),
            ("https://[::1]:443", "https://[::1]:443"),
            ("ssh://engine", "ssh://engine"),
            ("ssh://ops@10.0.0.1:2222", "ssh://ops@10.0.0.1:2222"),
            ("ssh://[::1]:22/", "ssh://[::1]:22"),
            ("ssh://e/run/user/7/podman.sock", "ssh://e/run/user/7/podman.sock"),
            ("npipe:////./pipe/docker_engine", "npipe:////./pipe/docker_engine"),
            (
                r"npipe://\\.\pipe\docker_engine",
                "npipe:////./pipe/docker_engine",
            ),
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
            "tcp://user:secret@h:1",
            "tcp://a b:1",
            "tcp://h\r\n:1",
            "https://user:secret@h",
            "https://",
            "ssh://",
            "ssh://user:secret@h",
            "ssh://@h",
            "ssh://-oProxyCommand=secret",
            "ssh://-l@h",
            "ssh://h/run/a b",
            "ssh://h/run/$(secret)",
            "ssh://h/run/a:b",
            "npipe://",
            "npipe:////./pipe/",
            "npipe:////./docker",
            "npipe:////./pipe/a/b",
            "gopher://h",
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

    proptest! {
        #[test]
        fn whatever_is_taken_is_read_the_same_from_what_it_prints(
            scheme in "(unix|tcp|http|https|ssh|npipe)://|", rest in r"[a-z0-9:/@.\[\]\\_$% -]{0,24}|\PC{0,24}",
        ) {
            let text = format!("{scheme}{rest}");
            if let Ok(endpoint) = text.parse::<Endpoint>() {
                let printed = endpoint.to_string();
                prop_assert_eq!(printed.parse::<Endpoint>().unwrap(), endpoint, "{}", printed);
            }
        }

        #[test]
        fn a_password_is_refused_and_never_repeated(
            scheme in "tcp|http|https|ssh|npipe", user in "[a-z]{0,5}", host in "[a-z.]{1,9}", port in ":[0-9]{1,5}|",
        ) {
            let error = format!("{scheme}://{user}:hunter2@{host}{port}").parse::<Endpoint>().unwrap_err();
            let told = format!("{error} {error:?} {error:#?} {:?}", error.hint());
            prop_assert!(!told.contains("hunter2"), "{}", told);
        }

        #[test]
        fn a_host_and_its_port_are_what_was_written(
            user in "[a-z][a-z0-9._-]{0,8}|", host in "[a-z0-9][a-z0-9.-]{0,20}", port in 1_u16..,
        ) {
            let text = if user.is_empty() {
                format!("ssh://{host}:{port}")
            } else {
                format!("ssh://{user}@{host}:{port}")
            };
            let ssh: Endpoint = text.parse().unwrap();
            prop_assert_eq!(ssh.to_string(), text);
            let tcp: Endpoint = format!("tcp://{host}:{port}").parse().unwrap();
            prop_assert_eq!(tcp.authority(), format!("{host}:{port}"));
        }
    }
}
