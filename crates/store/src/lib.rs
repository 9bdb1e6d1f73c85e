//! What Longshore remembers, in one SQLite file: accounts, sessions, API tokens, the one-time setup token, the history of
//! events, and how containers ended.
//!
//! The only crate that knows SQL. It knows neither HTTP nor engines: who may do what with an [`Identity`] is the
//! server's affair. Time is handed in with each call, so that expiry can be tested without waiting.
//!
//! Secrets are made here from 256 random bits, handed out once as a [`Secret`], and kept only as SHA-256; passwords
//! are kept as argon2id. Two processes (`longshore serve` and `longshore token`) may use one file at the same time.

#![warn(missing_docs)]

mod accounts;
mod deaths;
mod error;
mod events;
mod open;
mod password;
mod schema;
mod secret;
mod sessions;
mod setup;
mod tokens;

use std::{path::PathBuf, sync::Arc, time::Duration};

use longshore_core::Timestamp;
use tokio::sync::watch;

pub use accounts::{Account, Identity, Role, Subject, UnknownRole};
pub use deaths::{
    DEATHS_AGE, DEATHS_AT_ONCE, DEATHS_PER_CONTAINER, DEATHS_PER_HOST, DeathPlace, DeathQuery, InvalidPlace,
    StoredDeath,
};
pub use error::{ErrorKind, StoreError};
pub use events::{Broken, EventLine, EventPlace, EventRow, EventRowBody, EventsAfter, Retention};
pub use password::MIN_PASSWORD_CHARS;
pub use secret::Secret;
pub use sessions::{SESSION_IDLE, SESSION_LIFETIME};
pub use setup::SETUP_LIFETIME;
pub use tokens::{TOKEN_PREFIX, TokenInfo};

/// Use of a session or a token is noted no more often than this, so that reading does not mean writing.
const NOTE_USE: Duration = Duration::from_secs(60);

/// The open database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pool: sqlx::SqlitePool,
    path: PathBuf,
    passwords: password::Hasher,
    /// Counts what was revoked by this process, so that long-lived connections look again at once.
    revoked: watch::Sender<u64>,
}

impl Store {
    /// The database file.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        &self.inner.path
    }

    /// Changes whenever this process revokes a session or a token. What another process revokes is not seen
    /// here: a long-lived connection must also look again from time to time.
    #[must_use]
    pub fn revocations(&self) -> watch::Receiver<u64> {
        self.inner.revoked.subscribe()
    }

    /// Writes what is in memory and closes the file. Calls after it fail.
    pub async fn close(&self) {
        self.inner.pool.close().await;
    }

    fn pool(&self) -> &sqlx::SqlitePool {
        &self.inner.pool
    }

    fn tell_revoked(&self) {
        self.inner.revoked.send_modify(|count| *count += 1);
    }

    /// Whoever may come in does so also while the file cannot be written: that a use was not noted is all that is lost.
    fn noted<T>(&self, doing: &'static str, done: Result<T, sqlx::Error>) {
        if let Err(error) = done.map_err(self.failed(doing)) {
            tracing::warn!(%error, hint = error.hint(), "a use is not noted");
        }
    }

    fn failed(&self, doing: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError + '_ {
        move |source| StoreError::from_sql(doing, &self.inner.path, source)
    }
}

/// So long before `now`, in nanoseconds since 1970.
fn before(now: Timestamp, span: Duration) -> i64 {
    now.as_nanos()
        .saturating_sub(i64::try_from(span.as_nanos()).unwrap_or(i64::MAX))
}
