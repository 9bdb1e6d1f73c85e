//! `moby.buildkit.secrets.v1.Secrets/GetSecret`: what `RUN --mount=type=secret` reads.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;

use bytes::Bytes;

use super::super::bad;
use super::super::proto::{put_field, text_field};
use super::grpc::{Code, Refusal};
use crate::Error;

pub(super) const GET: &str = "/moby.buildkit.secrets.v1.Secrets/GetSecret";
/// `docker buildx` takes no larger one.
const MAX_SECRET: usize = 500 * 1024;

/// Where a secret of a build comes from: 500 KiB at most. Its bytes are never in `Debug`, a log or an error.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretSource(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    Bytes(Bytes),
    File(PathBuf),
    Environment(String),
}

impl SecretSource {
    /// These bytes.
    #[must_use]
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self(Kind::Bytes(bytes.into()))
    }

    /// What is in a file of this machine when the build begins.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Kind::File(path.into()))
    }

    /// The value of a variable of this process, which must be set when the build begins.
    #[must_use]
    pub fn environment(name: impl Into<String>) -> Self {
        Self(Kind::Environment(name.into()))
    }

    fn read(&self, id: &str) -> Result<Bytes, Error> {
        let bytes = match &self.0 {
            Kind::Bytes(bytes) => bytes.clone(),
            Kind::File(path) => {
                let read = || -> io::Result<Vec<u8>> {
                    let mut bytes = Vec::new();
                    File::open(path)?
                        .take(MAX_SECRET as u64 + 1)
                        .read_to_end(&mut bytes)?;
                    Ok(bytes)
                };
                let unread = |error| {
                    bad(format!("the secret {id:?}: {} cannot be read", path.display())).with_source(error)
                };
                read().map_err(unread)?.into()
            }
            Kind::Environment(name) => match std::env::var_os(name) {
                Some(value) => value.into_encoded_bytes().into(),
                None => {
                    return Err(bad(format!(
                        "the secret {id:?}: the variable {name:?} is not set"
                    )));
                }
            },
        };
        if bytes.len() > MAX_SECRET {
            return Err(bad(format!("the secret {id:?} has more than 500 KiB")));
        }
        Ok(bytes)
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Bytes(_) => f.write_str("SecretSource(bytes covered)"),
            Kind::File(path) => write!(f, "SecretSource(file {path:?})"),
            Kind::Environment(name) => write!(f, "SecretSource(variable {name:?})"),
        }
    }
}

/// Secrets by their ids, as they are when the build begins.
pub(super) type Secrets = BTreeMap<String, Bytes>;

/// Reads all of them. Blocks.
pub(super) fn read(sources: &BTreeMap<String, SecretSource>) -> Result<Secrets, Error> {
    let read = |(id, source): (&String, &SecretSource)| match id.as_str() {
        "" => Err(bad("a secret has no id")),
        id => Ok((id.to_owned(), source.read(id)?)),
    };
    sources.iter().map(read).collect()
}

/// `GetSecretResponse`, its bytes in field 1, for a `GetSecretRequest` with the id in field 1.
pub(super) fn get(question: &[u8], secrets: &Secrets) -> Result<Vec<u8>, Refusal> {
    let found = text_field(question, 1).and_then(|id| secrets.get(&id));
    let secret = found.ok_or_else(|| Refusal::new(Code::NotFound, "no secret of this id was given"))?;
    let mut message = Vec::new();
    put_field(&mut message, 1, secret);
    Ok(message)
}
