//! The one-time token with which the first account is made.

use std::time::Duration;

use longshore_core::Timestamp;
use sqlx::Row;

use crate::{
    Account, ErrorKind, Role, Secret, Store, StoreError,
    accounts::{check_name, insert_account},
    password, secret,
};

/// How long the setup link is good for.
pub const SETUP_LIFETIME: Duration = Duration::from_secs(15 * 60);

impl Store {
    /// Makes a setup token, good for [`SETUP_LIFETIME`] and for one account; an earlier one is void. `None` when there
    /// is an account already.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn create_setup_token(&self, now: Timestamp) -> Result<Option<Secret>, StoreError> {
        let secret = secret::random_hex::<32>()?;
        let lifetime = i64::try_from(SETUP_LIFETIME.as_nanos()).unwrap_or(i64::MAX);
        let done = sqlx::query(
            "INSERT INTO setup (id, secret_hash, expires_at) SELECT 1, ?, ? \
             WHERE NOT EXISTS (SELECT 1 FROM accounts) \
             ON CONFLICT (id) DO UPDATE SET secret_hash = excluded.secret_hash, expires_at = excluded.expires_at",
        )
        .bind(secret::hash(&secret))
        .bind(now.as_nanos().saturating_add(lifetime))
        .execute(self.pool())
        .await
        .map_err(self.failed("make a setup token"))?;
        Ok((done.rows_affected() > 0).then(|| Secret::new(secret)))
    }

    /// Makes the first account, an admin, and voids the token. Of several at once one wins.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] when there is an account already, [`ErrorKind::Invalid`] when the token is wrong or
    /// expired or the name or password does not fit, [`ErrorKind::Busy`] when too many try at once.
    pub async fn complete_setup(
        &self,
        token: &str,
        name: &str,
        password: &str,
        now: Timestamp,
    ) -> Result<Account, StoreError> {
        // Looked at before the password is hashed: a stranger without a token costs nothing.
        let mut connection = self
            .pool()
            .acquire()
            .await
            .map_err(self.failed("read the setup token"))?;
        self.check_setup(&mut connection, token, now).await?;
        drop(connection);
        let name = check_name(name)?;
        password::check_rules(password)?;
        let hash = self.inner.passwords.hash(password).await?;
        // And again where nobody can come between.
        let doing = "make the first account";
        let mut transaction = self
            .pool()
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(self.failed(doing))?;
        self.check_setup(&mut transaction, token, now).await?;
        sqlx::query("DELETE FROM setup")
            .execute(&mut *transaction)
            .await
            .map_err(self.failed(doing))?;
        let id = insert_account(&mut *transaction, &name, &hash, Role::Admin, now)
            .await
            .map_err(self.failed(doing))?;
        transaction.commit().await.map_err(self.failed(doing))?;
        Ok(Account {
            id,
            name,
            role: Role::Admin,
        })
    }

    async fn check_setup(
        &self,
        connection: &mut sqlx::SqliteConnection,
        token: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let row = sqlx::query(
            "SELECT EXISTS (SELECT 1 FROM accounts) AS done, \
             (SELECT secret_hash FROM setup) AS secret_hash, (SELECT expires_at FROM setup) AS expires_at",
        )
        .fetch_one(connection)
        .await
        .map_err(self.failed("read the setup token"))?;
        if row.get::<bool, _>("done") {
            return Err(
                StoreError::new(ErrorKind::Exists, "the first account exists already")
                    .with_hint("log in with it"),
            );
        }
        let kept = row.get::<Option<Vec<u8>>, _>("secret_hash");
        let in_time = row
            .get::<Option<i64>, _>("expires_at")
            .is_some_and(|at| now.as_nanos() < at);
        if in_time && kept.is_some_and(|kept| secret::fits(token, &kept)) {
            return Ok(());
        }
        Err(StoreError::new(
            ErrorKind::Invalid,
            "this setup link is wrong, used or older than 15 minutes",
        )
        .with_hint("restart the server: it prints a new link"))
    }
}
