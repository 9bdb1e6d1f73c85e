//! Finding the engine that a person means: what they say, then what Docker's own configuration says, then the places
//! where engines put their sockets.
//!
//! The order is that of the docker command line; what contexts and TLS material hold is `context`'s. A socket counts only
//! when something listens on it, so that a stale one does not hide the engine behind it. What was said is never replaced by
//! a guess: a context that is broken is an error, and not a reason to look elsewhere.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::context::{DockerConfig, no_context, tls_of_cert_path};
use crate::endpoint::DEFAULT_TLS_PORT;
use crate::error::ErrorKind;
use crate::{Endpoint, Error};

mod places;

const OP: &str = "find an engine";
/// The context that is none: `DOCKER_HOST`, or the usual places.
const DEFAULT_CONTEXT: &str = "default";

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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// [`Environment::host`] says so.
    Host,
    /// `DOCKER_HOST` says so.
    Env,
    /// The Docker context of this name says so, which was asked for, named by `DOCKER_CONTEXT`, or the current one.
    Context(String),
    /// `DOCKER_TLS_VERIFY` or `DOCKER_TLS` is set and no address is: an engine on this machine, over TLS.
    Tls,
    /// A socket at one of the usual places.
    Socket,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "the address that was given",
            Self::Env => "DOCKER_HOST",
            Self::Context(name) => return write!(f, "the Docker context {name:?}"),
            Self::Tls => "DOCKER_TLS_VERIFY",
            Self::Socket => "a socket at a usual place",
        })
    }
}

/// What the search depends on, so that it can be asked about another environment than this process's.
///
/// An empty value is the same as none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    /// An address that was asked for, as by `--host`. Not together with [`Self::context`].
    pub host: Option<String>,
    /// A Docker context that was asked for, as by `--context`.
    pub context: Option<String>,
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<String>,
    /// `DOCKER_CONFIG`: the folder of Docker's configuration. Default: `.docker` in [`Self::home`].
    pub docker_config: Option<PathBuf>,
    /// `DOCKER_TLS`: TLS without checking who answers.
    pub docker_tls: Option<String>,
    /// `DOCKER_TLS_VERIFY`: TLS, and the engine's certificate is checked.
    pub docker_tls_verify: Option<String>,
    /// `DOCKER_CERT_PATH`: the folder of `ca.pem`, `cert.pem` and `key.pem`. Default: that of Docker's configuration.
    pub docker_cert_path: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime_dir: Option<PathBuf>,
    /// `TMPDIR`.
    pub temp_dir: Option<PathBuf>,
    /// `HOME`, or `USERPROFILE` on Windows.
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
        let text = |name| std::env::var(name).ok();
        let path = |name| std::env::var_os(name).map(PathBuf::from);
        Self {
            host: None,
            context: None,
            docker_host: text("DOCKER_HOST"),
            docker_context: text("DOCKER_CONTEXT"),
            docker_config: path("DOCKER_CONFIG"),
            docker_tls: text("DOCKER_TLS"),
            docker_tls_verify: text("DOCKER_TLS_VERIFY"),
            docker_cert_path: path("DOCKER_CERT_PATH"),
            runtime_dir: path("XDG_RUNTIME_DIR"),
            temp_dir: path("TMPDIR"),
            home: path(if cfg!(windows) { "USERPROFILE" } else { "HOME" }),
            uid: places::uid(),
            root: PathBuf::new(),
        }
    }

    /// Where engines put their sockets, Docker's before Podman's, the machine's before the user's.
    #[must_use]
    pub fn places(&self) -> Vec<PathBuf> {
        places::of(self)
    }

    /// Finds the engine.
    ///
    /// # Errors
    /// As [`discover`], and [`ErrorKind::BadInput`] when both a host and a context were asked for.
    pub fn discover(&self) -> Result<Discovered, Error> {
        let (host, context) = (given(self.host.as_ref()), given(self.context.as_ref()));
        match (host, context) {
            (Some(_), Some(_)) => {
                return Err(refuse("both an address and a Docker context were given")
                    .with_hint("give one of the two"));
            }
            (Some(host), None) => return self.at(host, "the address that was given", Source::Host),
            (None, Some(name)) => return self.by_context(name, "which was asked for"),
            (None, None) => {}
        }
        if let Some(host) = given(self.docker_host.as_ref()) {
            return self.at(host, "DOCKER_HOST", Source::Env);
        }
        if let Some(name) = given(self.docker_context.as_ref()) {
            return self.by_context(name, "which DOCKER_CONTEXT names");
        }
        if let Some(config) = self.docker_config()
            && let Some(name) = config.current_context()?
        {
            let why = format!("the current one in {}", config.file().display());
            return self.by_context(&name, &why);
        }
        self.by_default()
    }

    /// The address that a person wrote somewhere.
    fn at(&self, text: &str, name: &str, source: Source) -> Result<Discovered, Error> {
        let endpoint: Endpoint = text.trim().parse().map_err(|error: Error| {
            let hint = match error.hint() {
                Some(hint) => format!("correct it, or leave it out: {hint}"),
                None => "correct it, or leave it out to search the usual places".to_owned(),
            };
            refuse(format!("{name} cannot be used"))
                .with_hint(hint)
                .with_source(error)
        })?;
        Ok(Discovered {
            endpoint: self.with_tls(endpoint)?,
            source,
        })
    }

    fn by_context(&self, name: &str, why: &str) -> Result<Discovered, Error> {
        if name == DEFAULT_CONTEXT {
            return match given(self.docker_host.as_ref()) {
                Some(host) => self.at(host, "DOCKER_HOST", Source::Env),
                None => self.by_default(),
            };
        }
        let Some(config) = self.docker_config() else {
            return Err(no_context(name, why)
                .with_message("there is no place for contexts")
                .with_hint("set HOME, or DOCKER_CONFIG"));
        };
        let endpoint = config.endpoint(name, why)?;
        Ok(Discovered {
            endpoint,
            source: Source::Context(name.to_owned()),
        })
    }

    /// Nobody says anything.
    fn by_default(&self) -> Result<Discovered, Error> {
        let local = Endpoint::Tcp {
            host: "localhost".to_owned(),
            port: DEFAULT_TLS_PORT,
        };
        match self.with_tls(local)? {
            endpoint @ Endpoint::Tls { .. } => Ok(Discovered {
                endpoint,
                source: Source::Tls,
            }),
            _ => places::first(self),
        }
    }

    /// The address over TLS, where the environment asks for that and the address can have it.
    fn with_tls(&self, endpoint: Endpoint) -> Result<Endpoint, Error> {
        let verify = given(self.docker_tls_verify.as_ref()).is_some();
        let wanted = verify || given(self.docker_tls.as_ref()).is_some();
        if !wanted || !matches!(endpoint, Endpoint::Tcp { .. } | Endpoint::Tls { .. }) {
            return Ok(endpoint);
        }
        let own = given_path(self.docker_cert_path.as_deref()).map(Path::to_owned);
        let dir = own.or_else(|| Some(self.docker_config()?.dir().to_owned()));
        let dir = dir.ok_or_else(|| {
            refuse("TLS is asked for, and there is no folder with certificates")
                .with_hint("set DOCKER_CERT_PATH to the folder of ca.pem, cert.pem and key.pem")
        })?;
        Ok(endpoint.with_tls(tls_of_cert_path(&dir, !verify)?))
    }

    fn docker_config(&self) -> Option<DockerConfig> {
        let own = given_path(self.docker_config.as_deref()).map(Path::to_owned);
        let dir = own.or_else(|| Some(given_path(self.home.as_deref())?.join(".docker")));
        dir.map(DockerConfig::new)
    }
}

/// Finds the engine that a person means, in the docker command line's order: `DOCKER_HOST`; the context that
/// `DOCKER_CONTEXT` names; the current context of `config.json`; TLS on this machine when `DOCKER_TLS_VERIFY` is set; the
/// first usual socket that something listens on. Reads some small files, blocks for some milliseconds at most, and does
/// not speak to the engine.
///
/// # Errors
/// [`ErrorKind::BadInput`] when an address, a context or TLS material cannot be used; [`ErrorKind::NotInstalled`] when
/// nothing listens anywhere; [`ErrorKind::Permission`] when a socket may not be opened. The last two name every place
/// that was tried.
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

fn refuse(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::BadInput, OP).with_message(message)
}

fn given(value: Option<&String>) -> Option<&str> {
    value.map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn given_path(value: Option<&Path>) -> Option<&Path> {
    value.filter(|path| !path.as_os_str().is_empty())
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
