//! Docker's own configuration as far as it says where the engine is: the current context, the context store, and the TLS
//! material beside them.
//!
//! Read only. Which of them counts is `discover`'s business.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, ErrorKind};
use crate::{Endpoint, Tls};

/// No file of a person's configuration is larger.
const MAX_FILE: u64 = 4 * 1024 * 1024;
/// How many contexts an error names.
const MAX_NAMED: usize = 10;

/// The folder of Docker's configuration: `DOCKER_CONFIG`, else `~/.docker`.
#[derive(Debug)]
pub(crate) struct DockerConfig {
    dir: PathBuf,
}

/// `config.json`. The keys that say nothing of where an engine is belong to others.
#[derive(Deserialize)]
struct ConfigFile {
    #[serde(rename = "currentContext", default)]
    current_context: String,
}

/// `meta.json` of a context. It may hold the endpoints of other programs.
#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "Name", default)]
    name: String,
    #[serde(rename = "Endpoints", default)]
    endpoints: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct DockerEndpoint {
    #[serde(rename = "Host", default)]
    host: String,
    #[serde(rename = "SkipTLSVerify", default)]
    skip_tls_verify: bool,
}

impl DockerConfig {
    pub(crate) fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.dir.join("config.json")
    }

    /// The context that `docker context use` chose; `None` when none was.
    pub(crate) fn current_context(&self) -> Result<Option<String>, Error> {
        let path = self.file();
        let refuse = |what: &str| {
            Error::new(ErrorKind::BadInput, "read Docker's configuration")
                .with_target(path.display().to_string())
                .with_message(what.to_owned())
                .with_hint("correct it, or set DOCKER_HOST: what it chooses is not guessed")
        };
        let Some(text) = read(&path).map_err(|error| refuse("it cannot be read").with_source(error))? else {
            return Ok(None);
        };
        let config: ConfigFile = serde_json::from_slice(&text)
            .map_err(|error| refuse("it is not what Docker writes").with_source(error))?;
        Ok(Some(config.current_context).filter(|name| !name.is_empty()))
    }

    /// Where a context leads to. `why` it was chosen becomes part of what goes wrong.
    pub(crate) fn endpoint(&self, name: &str, why: &str) -> Result<Endpoint, Error> {
        let refuse = |message: String| no_context(name, why).with_message(message);
        let id = hex(&Sha256::digest(name));
        let path = self.dir.join("contexts/meta").join(&id).join("meta.json");
        let text = read(&path)
            .map_err(|error| refuse(format!("{} cannot be read", path.display())).with_source(error))?;
        let text = text.ok_or_else(|| {
            refuse("there is none of this name".to_owned()).with_hint(match self.names() {
                names if names.is_empty() => {
                    format!("there are none in {}", self.dir.join("contexts").display())
                }
                names => format!("there are: {}", names.join(", ")),
            })
        })?;
        let broken = |what: &str| {
            refuse(format!("{} {what}", path.display()))
                .with_hint("`docker context inspect` shows it; make it anew, or choose another")
        };
        let strange = |error| broken("is not what Docker writes").with_source(error);
        let meta: Meta = serde_json::from_slice(&text).map_err(strange)?;
        let endpoint = meta
            .endpoints
            .get("docker")
            .ok_or_else(|| broken("has no endpoint of a Docker engine"))?;
        let endpoint = DockerEndpoint::deserialize(endpoint).map_err(strange)?;
        if endpoint.host.is_empty() {
            return Err(broken("has no address"));
        }
        let address: Endpoint = endpoint
            .host
            .parse()
            .map_err(|error: Error| broken("has an address that cannot be used").with_source(error))?;
        let dir = self.dir.join("contexts/tls").join(&id).join("docker");
        let tls = tls_in(&dir, endpoint.skip_tls_verify).map_err(|error| {
            let target = format!("of the context {name:?} in {}", dir.display());
            error.with_target(target)
        })?;
        Ok(match tls {
            Some(tls) => address.with_tls(tls),
            None => address,
        })
    }

    /// The names of the contexts that there are, for a person who mistyped one.
    fn names(&self) -> Vec<String> {
        let Ok(folders) = std::fs::read_dir(self.dir.join("contexts/meta")) else {
            return Vec::new();
        };
        let mut names: Vec<_> = folders
            .filter_map(|folder| read(&folder.ok()?.path().join("meta.json")).ok()?)
            .filter_map(|text| Some(serde_json::from_slice::<Meta>(&text).ok()?.name))
            .filter(|name| !name.is_empty())
            .take(MAX_NAMED)
            .collect();
        names.sort_unstable();
        names
    }
}

/// TLS with what a folder holds of `ca.pem`, `cert.pem` and `key.pem`; `None` when it holds nothing and checking is not
/// turned off, which is how a context without TLS looks.
fn tls_in(dir: &Path, unchecked: bool) -> Result<Option<Tls>, Error> {
    let ca = material(&dir.join("ca.pem"))?;
    let identity = identity_in(dir)?;
    if ca.is_none() && identity.is_none() && !unchecked {
        return Ok(None);
    }
    made_of(ca, identity, unchecked).map(Some)
}

/// TLS as `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH` ask for it: checking needs a `ca.pem`, a client certificate is shown
/// when there is one.
pub(crate) fn tls_of_cert_path(dir: &Path, unchecked: bool) -> Result<Tls, Error> {
    let made = || {
        let ca = match material(&dir.join("ca.pem"))? {
            None if !unchecked => {
                return Err(Error::new(ErrorKind::BadInput, "use the TLS material")
                    .with_message("DOCKER_TLS_VERIFY is set, and there is no ca.pem to check the engine with")
                    .with_hint("put it there, or say in DOCKER_CERT_PATH where it is"));
            }
            ca => ca,
        };
        made_of(ca, identity_in(dir)?, unchecked)
    };
    made().map_err(|error| error.with_target(format!("in {}", dir.display())))
}

fn made_of(ca: Option<Vec<u8>>, identity: Option<Identity>, unchecked: bool) -> Result<Tls, Error> {
    let mut tls = Tls::default();
    if unchecked {
        tls = tls.unchecked();
    } else if let Some(ca) = ca {
        tls = tls.ca(&ca)?;
    }
    match identity {
        Some(Identity { cert, key }) => tls.identity(&cert, &key),
        None => Ok(tls),
    }
}

/// A client certificate and its key, in PEM form.
struct Identity {
    cert: Vec<u8>,
    key: Vec<u8>,
}

fn identity_in(dir: &Path) -> Result<Option<Identity>, Error> {
    match (material(&dir.join("cert.pem"))?, material(&dir.join("key.pem"))?) {
        (Some(cert), Some(key)) => Ok(Some(Identity { cert, key })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(half("there is a cert.pem without its key.pem")),
        (None, Some(_)) => Err(half("there is a key.pem without its cert.pem")),
    }
}

fn half(what: &'static str) -> Error {
    Error::new(ErrorKind::BadInput, "use the TLS material").with_message(what)
}

fn material(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    read(path).map_err(|error| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Error::new(ErrorKind::BadInput, "use the TLS material")
            .with_message(format!("{name} cannot be read"))
            .with_source(error)
    })
}

/// An error about a context that was chosen.
pub(crate) fn no_context(name: &str, why: &str) -> Error {
    Error::new(ErrorKind::BadInput, "use the Docker context").with_target(format!("{name:?}, {why}"))
}

/// A whole small file; `None` when there is none.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        opened => opened?,
    };
    let mut text = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "it has more than 4 MiB",
        ));
    }
    Ok(Some(text))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
