//! Credentials that somebody issues for a time: kept while they are good, renewed before they end.
//!
//! Owns the trait, how long what it issued is kept, and that callers who need the same at once wait for one question.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;

use super::Credentials;

/// A credential with less than this left is renewed: a push of some gigabytes asks for its token again and again.
const MARGIN: Duration = Duration::from_secs(300);
/// Registries whose credentials are kept; more are asked for each time.
const MAX_KEPT: usize = 256;

/// Somebody who issues credentials for registries, such as a cloud's token service.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use longshore_engine::{CredentialError, CredentialProvider, Credentials, Issued};
///
/// struct Ecr;
///
/// impl CredentialProvider for Ecr {
///     async fn issue(&self, registry: &str) -> Result<Option<Issued>, CredentialError> {
///         if !registry.ends_with(".amazonaws.com") {
///             return Ok(None);
///         }
///         let token = "…"; // from GetAuthorizationToken
///         let twelve_hours = SystemTime::now() + Duration::from_secs(12 * 3600);
///         Ok(Some(Issued::new(Credentials::password("AWS", token)).until(twelve_hours)))
///     }
/// }
/// ```
pub trait CredentialProvider: Send + Sync + 'static {
    /// Credentials for `registry` (a host with its port, or `docker.io`); `None` when it is not one of its own.
    ///
    /// Called when there are none, when those that were issued end within five minutes, and once more when a registry
    /// refused them; never twice at the same time for one registry. Its time is its own to limit.
    ///
    /// # Errors
    /// When none can be issued. The call then goes on as nobody, and tells of this only if the registry refuses it.
    fn issue(&self, registry: &str) -> impl Future<Output = Result<Option<Issued>, CredentialError>> + Send;
}

/// A credential, and until when it is good.
#[derive(Debug, Clone)]
pub struct Issued {
    credentials: Credentials,
    until: Option<SystemTime>,
}

impl Issued {
    /// A credential that does not end by itself.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            until: None,
        }
    }

    /// It ends then.
    #[must_use]
    pub fn until(mut self, end: SystemTime) -> Self {
        self.until = Some(end);
        self
    }

    fn is_good(&self) -> bool {
        self.until.is_none_or(|end| {
            end.duration_since(SystemTime::now())
                .is_ok_and(|left| left > MARGIN)
        })
    }
}

/// Why no credentials could be got. Says who failed, and never what they are.
#[derive(Debug, Clone)]
pub struct CredentialError(Arc<str>);

impl CredentialError {
    /// With words of the provider's own. They are shown: put no secret into them.
    #[must_use]
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into().into())
    }
}

impl fmt::Display for CredentialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CredentialError {}

/// [`CredentialProvider`] without its type.
trait Issue: Send + Sync {
    fn issue<'a>(&'a self, registry: &'a str) -> BoxFuture<'a, Result<Option<Issued>, CredentialError>>;
}

impl<P: CredentialProvider> Issue for P {
    fn issue<'a>(&'a self, registry: &'a str) -> BoxFuture<'a, Result<Option<Issued>, CredentialError>> {
        Box::pin(CredentialProvider::issue(self, registry))
    }
}

type Place = Arc<tokio::sync::Mutex<Option<Issued>>>;

/// A provider with what it has issued.
pub(super) struct Kept {
    provider: Box<dyn Issue>,
    places: Mutex<HashMap<String, Place>>,
}

impl Kept {
    pub(super) fn new(provider: impl CredentialProvider) -> Self {
        Self {
            provider: Box::new(provider),
            places: Mutex::default(),
        }
    }

    pub(super) async fn credentials(&self, registry: &str) -> Result<Option<Credentials>, CredentialError> {
        let place = self.place(registry);
        // Held while it is issued: whoever comes meanwhile waits for that answer.
        let mut kept = place.lock().await;
        if !kept.as_ref().is_some_and(Issued::is_good) {
            *kept = self.provider.issue(registry).await?;
        }
        Ok(kept.as_ref().map(|issued| issued.credentials.clone()))
    }

    /// Forgets what a registry refused, unless it was renewed in the meantime.
    pub(super) async fn forget(&self, registry: &str, refused: &Credentials) {
        let place = self.place(registry);
        let mut kept = place.lock().await;
        if kept.as_ref().is_some_and(|kept| kept.credentials == *refused) {
            *kept = None;
        }
    }

    fn place(&self, registry: &str) -> Place {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(registry) {
            return Arc::clone(place);
        }
        let place = Place::default();
        if places.len() < MAX_KEPT {
            places.insert(registry.to_owned(), Arc::clone(&place));
        }
        place
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialProvider(..)")
    }
}
