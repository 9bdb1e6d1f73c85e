//! Credentials for registries: which, from where, and to whom they go.
//!
//! Owns [`RegistryAuth`], the one that calls ask, and what a registry's refusals mean. A credential goes into a call
//! only for the registry that the call's image names; what an engine then does with it is the engine's. Where
//! credentials come from stands in `config_file`, `helper` and `provider`.

mod config_file;
mod credentials;
mod helper;
mod provider;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use longshore_core::DOCKER_HUB;

use crate::error::ErrorKind;
pub use credentials::Credentials;
pub(crate) use credentials::{config_header, header};
use provider::Kept;
pub use provider::{CredentialError, CredentialProvider, Issued};

/// Docker Hub's key in files and helpers, for ever.
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// Where credentials for registries come from. Default: nowhere, every registry is spoken to as nobody.
///
/// Asked in this order, the first answer is taken: what was given here for the registry, the providers in the order in
/// which they were added, Docker's configuration file. Cheap to clone; clones share what providers have issued.
///
/// ```
/// use longshore_engine::{Credentials, RegistryAuth};
/// let auth = RegistryAuth::default()
///     .docker_config()
///     .with("registry.example.com", Credentials::password("me", "secret"));
/// assert!(!format!("{auth:?}").contains("secret"));
/// ```
#[derive(Clone, Default)]
pub struct RegistryAuth {
    given: Vec<(String, Credentials)>,
    providers: Vec<Arc<Kept>>,
    config: Option<PathBuf>,
}

/// Credentials that were found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) credentials: Credentials,
    /// Who keeps them, when they may have become stale since.
    keeper: Option<Arc<Kept>>,
}

impl RegistryAuth {
    /// Adds credentials for one registry: a host with its port, or `docker.io`.
    #[must_use]
    pub fn with(mut self, registry: &str, credentials: Credentials) -> Self {
        self.given.push((host(registry), credentials));
        self
    }

    /// Adds somebody who issues credentials, such as those of Amazon's ECR, which last twelve hours.
    #[must_use]
    pub fn provider(mut self, provider: impl CredentialProvider) -> Self {
        self.providers.push(Arc::new(Kept::new(provider)));
        self
    }

    /// Adds Docker's own configuration: `config.json` in `DOCKER_CONFIG`, else in `.docker` of the home folder. It is
    /// read for each call, so that a `docker login` counts at once; a file that is not there has no credentials.
    #[must_use]
    pub fn docker_config(self) -> Self {
        match config_file::default_path() {
            Some(path) => self.config_file(path),
            None => self,
        }
    }

    /// Adds a configuration file at another place.
    #[must_use]
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.config = Some(path.into());
        self
    }

    /// The credentials for a registry; `None` when there are none.
    ///
    /// # Errors
    /// [`CredentialError`] when the configuration cannot be read, or a helper or a provider fails.
    pub async fn credentials(&self, registry: &str) -> Result<Option<Credentials>, CredentialError> {
        let found = self.find(registry).await?;
        Ok(found.map(|found| found.credentials))
    }

    /// Whether nothing was ever given to it.
    pub(crate) fn is_empty(&self) -> bool {
        self.given.is_empty() && self.providers.is_empty() && self.config.is_none()
    }

    pub(crate) async fn find(&self, registry: &str) -> Result<Option<Found>, CredentialError> {
        let registry = host(registry);
        if let Some((_, credentials)) = self.given.iter().rev().find(|(given, _)| *given == registry) {
            return Ok(Some(Found::given(credentials.clone())));
        }
        for keeper in &self.providers {
            if let Some(credentials) = keeper.credentials(&registry).await? {
                return Ok(Some(Found {
                    credentials,
                    keeper: Some(Arc::clone(keeper)),
                }));
            }
        }
        match &self.config {
            Some(path) => Ok(config_file::find(path, &registry).await?.map(Found::given)),
            None => Ok(None),
        }
    }
}

impl Found {
    pub(crate) fn given(credentials: Credentials) -> Self {
        Self {
            credentials,
            keeper: None,
        }
    }

    /// A registry refused them: the next question is answered anew. Whether that can change anything.
    pub(crate) async fn refused(&self, registry: &str) -> bool {
        match &self.keeper {
            Some(keeper) => {
                keeper.forget(&host(registry), &self.credentials).await;
                true
            }
            None => false,
        }
    }
}

impl fmt::Debug for RegistryAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given: Vec<_> = self.given.iter().map(|(registry, _)| registry).collect();
        f.debug_struct("RegistryAuth")
            .field("given", &given)
            .field("providers", &self.providers.len())
            .field("config", &self.config)
            .finish()
    }
}

/// A registry as it is compared: a host with its port, Docker Hub by one name. Keys of old files are addresses.
fn host(key: &str) -> String {
    let key = key.trim();
    let key = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key);
    let host = key.split('/').next().unwrap_or_default().to_ascii_lowercase();
    match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB.to_owned(),
        _ => host,
    }
}

/// What files, helpers and engines call a registry.
fn server_address(registry: &str) -> &str {
    if registry == DOCKER_HUB { HUB_KEY } else { registry }
}

/// What a failure means whose text an engine passes on from a registry. Engines have no codes for it: in front of a
/// stream they answer 404 or 500, inside it they say only this.
pub(crate) fn kind_of(text: &str) -> Option<ErrorKind> {
    let text = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&[
        "unauthorized",
        "authentication required",
        "no basic auth credentials",
        "authorization failed",
        "authorization token has expired",
        "denied: ",
    ]) && !text.contains("pull access denied")
    {
        Some(ErrorKind::Permission)
    } else if has(&[
        "pull access denied",
        "manifest unknown",
        "manifest for ",
        "name unknown",
        "does not exist locally",
        "no such image",
        "no matching manifest",
    ]) {
        Some(ErrorKind::NotFound)
    } else {
        None
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
