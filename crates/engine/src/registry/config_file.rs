//! Docker's `config.json`: credentials in it, and which helper has them otherwise.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use longshore_core::DOCKER_HUB;
use serde::Deserialize;
use tokio::io::AsyncReadExt;

use super::provider::CredentialError;
use super::{Credentials, HUB_KEY, helper, host, server_address};
use crate::wire::lenient::nullable;

/// A file of credentials has some kilobytes.
const MAX_FILE: u64 = 4 * 1024 * 1024;
/// People edit this file: padding is not insisted on.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Deserialize, Default)]
struct File {
    #[serde(default, deserialize_with = "nullable")]
    auths: BTreeMap<String, Auth>,
    #[serde(default, rename = "credsStore", deserialize_with = "nullable")]
    store: String,
    #[serde(default, rename = "credHelpers", deserialize_with = "nullable")]
    helpers: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
struct Auth {
    /// `user:password` in base64.
    #[serde(default, deserialize_with = "nullable")]
    auth: String,
    #[serde(default, deserialize_with = "nullable")]
    username: String,
    #[serde(default, deserialize_with = "nullable")]
    password: String,
    #[serde(default, rename = "identitytoken", deserialize_with = "nullable")]
    identity_token: String,
    #[serde(default, rename = "registrytoken", deserialize_with = "nullable")]
    registry_token: String,
}

/// Where Docker looks for it.
pub(super) fn default_path() -> Option<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let folder = set("DOCKER_CONFIG").or_else(|| std::env::home_dir().map(|home| home.join(".docker")))?;
    Some(folder.join("config.json"))
}

/// The credentials for a registry by the file at `path`.
pub(super) async fn find(path: &Path, registry: &str) -> Result<Option<Credentials>, CredentialError> {
    let bad = |what: &str| CredentialError::new(format!("{} {what}", path.display()));
    let text = match read(path).await {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(bad(&format!("cannot be read: {error}"))),
    };
    // The parser's own words may quote the file.
    let file: File = serde_json::from_slice(&text).map_err(|_| bad("is not Docker's configuration"))?;
    let own = file
        .helpers
        .iter()
        .find(|(key, name)| host(key) == registry && !name.is_empty());
    let program = own
        .map(|(_, name)| name)
        .or(Some(&file.store).filter(|name| !name.is_empty()));
    if let Some(program) = program {
        return helper::get(program, server_address(registry)).await;
    }
    let Some(auth) = entry(&file.auths, registry) else {
        return Ok(None);
    };
    auth.credentials()
        .ok_or_else(|| bad("has an entry that is not base64 of name and password"))
}

async fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let file = tokio::fs::File::open(path).await?;
    file.take(MAX_FILE + 1).read_to_end(&mut text).await?;
    if text.len() as u64 > MAX_FILE {
        return Err(io::Error::other("it is larger than 4 MiB"));
    }
    Ok(text)
}

/// The entry for a registry: its very key, else one that means the same host. Docker Hub has further keys under its
/// host which are no credentials for pulling.
fn entry<'a>(auths: &'a BTreeMap<String, Auth>, registry: &str) -> Option<&'a Auth> {
    if let Some(auth) = auths
        .get(server_address(registry))
        .or_else(|| auths.get(registry))
    {
        return Some(auth);
    }
    let same = auths
        .iter()
        .find(|(key, _)| host(key) == registry && (registry != DOCKER_HUB || !key.starts_with(HUB_KEY)));
    same.map(|(_, auth)| auth)
}

impl Auth {
    /// What the entry holds; `None` inside when it holds nothing, `None` when it cannot be read.
    fn credentials(&self) -> Option<Option<Credentials>> {
        if !self.identity_token.is_empty() {
            return Some(Some(Credentials::identity_token(&self.identity_token)));
        }
        if !self.registry_token.is_empty() {
            return Some(Some(Credentials::registry_token(&self.registry_token)));
        }
        if self.auth.is_empty() {
            let known = !self.username.is_empty();
            return Some(known.then(|| Credentials::password(&self.username, &self.password)));
        }
        let text = String::from_utf8(LENIENT.decode(self.auth.trim()).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some(Some(Credentials::password(user, password.trim_matches('\0'))))
    }
}
