//! Passwords: rules, and argon2id, one hash at a time.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::sync::Semaphore;

use crate::{ErrorKind, StoreError};

/// Fewest characters of a password.
pub const MIN_PASSWORD_CHARS: usize = 10;
/// More than any person types; keeps a request from hashing megabytes.
const MAX_PASSWORD_BYTES: usize = 1024;
/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// How many may wait for their turn; more are told to come back.
const WAITING: usize = 16;

/// Hashes and checks passwords. Each takes 19 MiB for some tens of milliseconds, so only one runs at a time.
#[derive(Debug)]
pub(crate) struct Hasher {
    params: Params,
    turn: Arc<Semaphore>,
    queue: Semaphore,
}

impl Hasher {
    pub(crate) fn new() -> Result<Self, StoreError> {
        let params = Params::new(MEMORY_KIB, PASSES, 1, None)
            .map_err(|e| StoreError::new(ErrorKind::Internal, format!("argon2 parameters: {e}")))?;
        Ok(Self {
            params,
            turn: Arc::new(Semaphore::new(1)),
            queue: Semaphore::new(WAITING),
        })
    }

    /// Hashes a password that [`check_rules`] let through.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, StoreError> {
        let password = password.to_owned();
        self.work(move |argon2| {
            argon2
                .hash_password(password.as_bytes())
                .map(|hash| hash.to_string())
                .map_err(|e| StoreError::new(ErrorKind::Internal, format!("hash a password: {e}")))
        })
        .await
    }

    /// Whether the password is the one that was hashed. Without a hash (no such account) it takes as long and
    /// says no, so that the time does not tell which names exist.
    pub(crate) async fn verify(&self, password: &str, kept: Option<String>) -> Result<bool, StoreError> {
        let password: String = if password.len() > MAX_PASSWORD_BYTES {
            String::new()
        } else {
            password.to_owned()
        };
        self.work(move |argon2| {
            let Some(kept) = kept else {
                return argon2
                    .hash_password(password.as_bytes())
                    .map(|_| false)
                    .map_err(|e| StoreError::new(ErrorKind::Internal, format!("hash a password: {e}")));
            };
            let kept = PasswordHash::new(&kept)
                .map_err(|e| StoreError::new(ErrorKind::Corrupt, format!("a kept password hash: {e}")))?;
            Ok(argon2.verify_password(password.as_bytes(), &kept).is_ok())
        })
        .await
    }

    /// Runs on a thread for blocking work. The turn goes with the work, so that it is kept when the caller gives up.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let _place = self.queue.try_acquire().map_err(|_| {
            StoreError::new(ErrorKind::Busy, "too many passwords are being checked")
                .with_hint("try again in a moment")
        })?;
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(internal)?;
        let params = self.params.clone();
        tokio::task::spawn_blocking(move || {
            let result = work(&Argon2::new(Algorithm::Argon2id, Version::V0x13, params));
            drop(turn);
            result
        })
        .await
        .map_err(internal)?
    }
}

fn internal(source: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::new(ErrorKind::Internal, "check a password").with_source(source)
}

/// Says what is wrong with a password that is to be set.
pub(crate) fn check_rules(password: &str) -> Result<(), StoreError> {
    if password.chars().count() < MIN_PASSWORD_CHARS {
        return Err(invalid(format!(
            "a password has at least {MIN_PASSWORD_CHARS} characters"
        )));
    }
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(invalid(format!(
            "a password has at most {MAX_PASSWORD_BYTES} bytes"
        )));
    }
    Ok(())
}

fn invalid(message: String) -> StoreError {
    StoreError::new(ErrorKind::Invalid, message)
}
