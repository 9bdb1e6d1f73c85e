//! `ssh://user@host:port/path/to/docker.sock`: what may be written, and what of it is left to `ssh_config`.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::endpoint::{bad, bracketed, host_and_port};
use crate::error::Error;

/// An engine on another machine. What is not written (user, port, key, jump hosts) is decided by `ssh_config`.
///
/// It holds no secret: a password in it is refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SshAddress {
    user: Option<String>,
    host: String,
    port: Option<u16>,
    socket: Option<PathBuf>,
    config: Option<PathBuf>,
}

impl SshAddress {
    /// Reads what follows `ssh://`.
    pub(crate) fn parse(rest: &str) -> Result<Self, Error> {
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, authority)) => (Some(user), authority),
            None => (None, authority),
        };
        if let Some(user) = user {
            if user.contains(':') {
                return Err(bad("it contains a password").with_hint("use a key: write ssh://user@host"));
            }
            // What is handed to `ssh` must be no option to it.
            if user.is_empty() || user.starts_with('-') || !user.chars().all(is_plain) {
                return Err(bad(
                    "its user name is empty or has characters that no user name has",
                ));
            }
        }
        let (host, port) = host_and_port(authority)?;
        // It becomes part of a forwarding, where a colon parts, and of a command of the shell there.
        if !path.chars().all(|c| c == '/' || is_plain(c)) {
            return Err(bad(
                "the path of its socket has characters that are not supported",
            ));
        }
        Ok(Self {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
            socket: (path.len() > 1).then(|| PathBuf::from(path)),
            config: None,
        })
    }

    pub(crate) fn with_config(mut self, file: PathBuf) -> Self {
        self.config = Some(file);
        self
    }

    /// The user to log in as; by default as `ssh_config` says, else the user here.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The host, which may be a name that only `ssh_config` knows; an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; by default as `ssh_config` says, else 22.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The engine's socket there; by default `/var/run/docker.sock`, and where that does not answer, what
    /// `docker system dial-stdio` finds there.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// The file that `ssh` reads in place of `~/.ssh/config`, when one was given.
    #[must_use]
    pub fn config(&self) -> Option<&Path> {
        self.config.as_deref()
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+')
}

impl fmt::Display for SshAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ssh://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        f.write_str(&bracketed(&self.host))?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        match &self.socket {
            Some(path) => write!(f, "{}", path.display()),
            None => Ok(()),
        }
    }
}
