//! Sessions of people who logged in with a password.

use std::time::Duration;

use longshore_core::Timestamp;
use sqlx::Row;

use crate::{Identity, NOTE_USE, Secret, Store, StoreError, Subject, accounts::read_role, before, secret};

/// A session ends this long after it began, whatever happens.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// A session ends when it was not used for this long.
pub const SESSION_IDLE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Sessions that one account may have; the oldest give way.
const PER_ACCOUNT: i64 = 50;

impl Store {
    /// Begins a session of an account.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn open_session(&self, account: i64, now: Timestamp) -> Result<Secret, StoreError> {
        let secret = secret::random_hex::<32>()?;
        let mut transaction = self
            .pool()
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(self.failed("open a session"))?;
        sqlx::query("DELETE FROM sessions WHERE created_at <= ? OR used_at <= ?")
            .bind(before(now, SESSION_LIFETIME))
            .bind(before(now, SESSION_IDLE))
            .execute(&mut *transaction)
            .await
            .map_err(self.failed("remove old sessions"))?;
        sqlx::query(
            "INSERT INTO sessions (secret_hash, account_id, created_at, used_at) VALUES (?, ?, ?, ?)",
        )
        .bind(secret::hash(&secret))
        .bind(account)
        .bind(now.as_nanos())
        .bind(now.as_nanos())
        .execute(&mut *transaction)
        .await
        .map_err(self.failed("open a session"))?;
        sqlx::query(
            "DELETE FROM sessions WHERE account_id = ?1 AND secret_hash NOT IN \
             (SELECT secret_hash FROM sessions WHERE account_id = ?1 ORDER BY created_at DESC LIMIT ?2)",
        )
        .bind(account)
        .bind(PER_ACCOUNT)
        .execute(&mut *transaction)
        .await
        .map_err(self.failed("remove old sessions"))?;
        transaction
            .commit()
            .await
            .map_err(self.failed("open a session"))?;
        Ok(Secret::new(secret))
    }

    /// Who a session belongs to; `None` when there is no such session or it is over.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn session(&self, secret: &str, now: Timestamp) -> Result<Option<Identity>, StoreError> {
        let hash = secret::hash(secret);
        let row = sqlx::query(
            "SELECT a.id, a.name, a.role, s.created_at, s.used_at FROM sessions s \
             JOIN accounts a ON a.id = s.account_id WHERE s.secret_hash = ?",
        )
        .bind(&hash)
        .fetch_optional(self.pool())
        .await
        .map_err(self.failed("read a session"))?;
        let Some(row) = row else { return Ok(None) };
        let (created, used) = (row.get::<i64, _>("created_at"), row.get::<i64, _>("used_at"));
        if created <= before(now, SESSION_LIFETIME) || used <= before(now, SESSION_IDLE) {
            return Ok(None);
        }
        if used <= before(now, NOTE_USE) {
            let done = sqlx::query("UPDATE sessions SET used_at = ? WHERE secret_hash = ?")
                .bind(now.as_nanos())
                .bind(&hash)
                .execute(self.pool())
                .await;
            self.noted("note the use of a session", done);
        }
        Ok(Some(Identity {
            name: row.get("name"),
            role: read_role(row.get("role"))?,
            subject: Subject::Account(row.get("id")),
        }))
    }

    /// Ends a session. `false` when there was none.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn close_session(&self, secret: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM sessions WHERE secret_hash = ?")
            .bind(secret::hash(secret))
            .execute(self.pool())
            .await
            .map_err(self.failed("end a session"))?;
        self.tell_revoked();
        Ok(done.rows_affected() > 0)
    }

    /// Ends all sessions of an account and says how many there were.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn close_sessions_of(&self, account: i64) -> Result<u64, StoreError> {
        let done = sqlx::query("DELETE FROM sessions WHERE account_id = ?")
            .bind(account)
            .execute(self.pool())
            .await
            .map_err(self.failed("end the sessions of an account"))?;
        self.tell_revoked();
        Ok(done.rows_affected())
    }
}
