//! Which version of the engine's API we speak: the highest that both sides know.
//!
//! Learnt from an unversioned ping on first use, and again when a connection was lost (the engine may have been
//! upgraded) or when it refuses our version. Fields and calls are gated by it elsewhere.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::time::Instant;

use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, ErrorKind};
use crate::path::PathQuery;
use crate::send::until;
use crate::system::Ping;

/// A version of the engine's API, such as 1.41.
///
/// ```
/// use longshore_engine::ApiVersion;
/// let version: ApiVersion = "1.9".parse().unwrap();
/// assert!(version < ApiVersion::new(1, 41), "versions are numbers, not text");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion {
    major: u16,
    minor: u16,
}

/// Text that is no version of an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidApiVersion;

impl fmt::Display for InvalidApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a version of the engine's API, such as 1.41")
    }
}

impl std::error::Error for InvalidApiVersion {}

impl ApiVersion {
    /// The newest that this library was written for (engine 28.5).
    pub const NEWEST: Self = Self::new(1, 51);
    /// The oldest that it can speak; also what is assumed when an engine does not say (as Docker's client does).
    pub const OLDEST: Self = Self::new(1, 24);
    /// One-shot statistics came with this.
    pub(crate) const ONE_SHOT_STATS: Self = Self::new(1, 41);

    /// Counts of a service's tasks came with this.
    pub(crate) const SERVICE_COUNTS: Self = Self::new(1, 41);
    /// Kinds of disk usage, and prunes that spare named volumes, came with this (engine 23.0).
    pub(crate) const ENGINE_23: Self = Self::new(1, 42);
    /// Since this no engine makes two networks of one name (engine 25.0).
    pub(crate) const UNIQUE_NETWORKS: Self = Self::new(1, 44);
    /// A choice of IPv4, gateway priorities, and reserved space of the build cache came with this (engine 28.0).
    pub(crate) const ENGINE_28: Self = Self::new(1, 48);
    /// Since this a connect no longer ignores the MAC address (engine 29.0).
    pub(crate) const CONNECT_MAC: Self = Self::new(1, 52);
    /// Conditions to wait for came with this (engine 17.07).
    pub(crate) const WAIT_CONDITIONS: Self = Self::new(1, 30);
    /// Since this a create takes more than one network (engine 25.0).
    pub(crate) const SEVERAL_NETWORKS: Self = Self::new(1, 44);

    /// `major.minor`.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for ApiVersion {
    type Err = InvalidApiVersion;

    fn from_str(text: &str) -> Result<Self, InvalidApiVersion> {
        let (major, minor) = text.split_once('.').ok_or(InvalidApiVersion)?;
        // Some engines append a third number or a suffix; the first two decide.
        let minor = minor
            .split(|c: char| !c.is_ascii_digit())
            .next()
            .unwrap_or_default();
        match (major.parse(), minor.parse()) {
            (Ok(major), Ok(minor)) => Ok(Self { major, minor }),
            _ => Err(InvalidApiVersion),
        }
    }
}

/// The version agreed on, and whether it still holds.
#[derive(Debug, Default)]
pub(crate) struct Agreed {
    /// 0: none yet. Else `major << 16 | minor`.
    packed: AtomicU32,
    /// One ping agrees for all calls that wait for it.
    agreeing: tokio::sync::Mutex<()>,
}

impl Agreed {
    pub(crate) fn get(&self) -> Option<ApiVersion> {
        let packed = self.packed.load(Ordering::Acquire);
        // Truncation is the unpacking.
        #[allow(clippy::cast_possible_truncation, reason = "each half was a u16")]
        (packed != 0).then_some(ApiVersion {
            major: (packed >> 16) as u16,
            minor: packed as u16,
        })
    }

    pub(crate) fn set(&self, version: ApiVersion) {
        self.packed.store(
            u32::from(version.major) << 16 | u32::from(version.minor),
            Ordering::Release,
        );
    }

    /// Asks for a new ping before the next call.
    pub(crate) fn forget(&self) {
        self.packed.store(0, Ordering::Release);
    }
}

impl Client {
    /// An unversioned ping, whose answer is also what the version is agreed on by.
    pub(crate) async fn ping(&self) -> Result<Ping, Error> {
        let call = Call::get("ping the engine", PathQuery::new("/_ping"));
        let answer = self.collect_at(&call, None, self.total(&call)).await?;
        let ping = Ping::from_head(&answer.head);
        let version = choose(ping.api_version).ok_or_else(|| {
            call.error(ErrorKind::Version)
                .with_message("the engine's API is older than 1.24")
                .with_hint("upgrade the engine: Docker 1.12 of 2016 is the oldest that can be spoken to")
        })?;
        self.shared.agreed.set(version);
        Ok(ping)
    }

    /// The version that calls carry, agreed on when there is none.
    pub(crate) async fn version(&self) -> Result<ApiVersion, Error> {
        if let Some(version) = self.shared.agreed.get() {
            return Ok(version);
        }
        let _one = self.shared.agreed.agreeing.lock().await;
        if let Some(version) = self.shared.agreed.get() {
            return Ok(version);
        }
        self.ping().await?;
        Ok(self.shared.agreed.get().unwrap_or(ApiVersion::OLDEST))
    }

    pub(crate) async fn version_before(
        &self,
        call: &Call<'_>,
        total: Option<Instant>,
    ) -> Result<ApiVersion, Error> {
        match self.shared.agreed.get() {
            Some(version) => Ok(version),
            None => until(call, total, self.version()).await,
        }
    }

    /// An error unless the version agreed on has `what`, which came with `needed`.
    pub(crate) async fn needs(
        &self,
        call: &Call<'_>,
        needed: ApiVersion,
        what: &'static str,
    ) -> Result<(), Error> {
        let spoken = self.version().await?;
        if spoken >= needed {
            return Ok(());
        }
        Err(too_old(call, needed, spoken, what))
    }

    pub(crate) fn agreed(&self) -> Option<ApiVersion> {
        self.shared.agreed.get()
    }

    pub(crate) async fn renegotiate(&self, refused: ApiVersion, error: Error) -> Result<ApiVersion, Error> {
        self.shared.agreed.forget();
        let version = self.version().await?;
        if version == refused {
            return Err(error
                .with_hint("engine and client share no version of the API: upgrade the older of the two"));
        }
        Ok(version)
    }
}

/// An engine speaks a version that has not `what`, which came with `needed`.
pub(crate) fn too_old(call: &Call<'_>, needed: ApiVersion, spoken: ApiVersion, what: &str) -> Error {
    call.error(ErrorKind::Version).with_message(format!(
        "{what} needs API {needed}, and {spoken} is spoken with this engine"
    ))
}

/// The version to speak with an engine whose newest is `theirs`; `None` when it is too old for us.
pub(crate) fn choose(theirs: Option<ApiVersion>) -> Option<ApiVersion> {
    let version = theirs.unwrap_or(ApiVersion::OLDEST).min(ApiVersion::NEWEST);
    (version >= ApiVersion::OLDEST).then_some(version)
}

/// Whether an engine's message for status 400 refuses our version, not our request.
pub(crate) fn refuses_version(message: &str) -> bool {
    message.contains("client version") && (message.contains("is too new") || message.contains("is too old"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_of_both_is_spoken_and_too_old_is_none() {
        let version = |text: &str| text.parse::<ApiVersion>().unwrap();
        assert_eq!(choose(Some(version("1.41"))), Some(version("1.41")));
        assert_eq!(choose(Some(version("1.99"))), Some(ApiVersion::NEWEST));
        assert_eq!(choose(Some(version("1.12"))), None);
        assert_eq!(choose(None), Some(ApiVersion::OLDEST));
        assert_eq!(version("1.41.1-dev"), version("1.41"));
        for bad in ["", "1", "x.y", "1.", ".4"] {
            assert!(bad.parse::<ApiVersion>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_was_agreed_is_kept_until_forgotten() {
        let agreed = Agreed::default();
        assert_eq!(agreed.get(), None);
        agreed.set(ApiVersion::NEWEST);
        assert_eq!(agreed.get(), Some(ApiVersion::NEWEST));
        agreed.forget();
        assert_eq!(agreed.get(), None);
    }
}
