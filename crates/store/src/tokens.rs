//! API tokens for programs: `lsh_<public part>_<secret part>`. The public part finds the row and may be shown in lists;
//! of the secret part only the hash is kept.

use longshore_core::Timestamp;
use sqlx::{Row, sqlite::SqliteRow};

use crate::{
    ErrorKind, Identity, NOTE_USE, Role, Secret, Store, StoreError, Subject,
    accounts::{check_name, read_role},
    before, secret,
};

/// What every API token begins with, so that secret scanners can know it.
pub const TOKEN_PREFIX: &str = "lsh_";

/// What may be shown of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    /// Its public part.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the minute; `None` when it never was.
    pub used_at: Option<Timestamp>,
}

impl Store {
    /// Makes an API token. This is the only time that it can be seen.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a name that does not fit, [`ErrorKind::Exists`] for a name taken.
    pub async fn create_token(&self, name: &str, role: Role, now: Timestamp) -> Result<Secret, StoreError> {
        let name = check_name(name)?;
        let (id, secret) = (secret::random_hex::<6>()?, secret::random_hex::<32>()?);
        let done = sqlx::query(
            "INSERT INTO tokens (id, name, role, secret_hash, created_at) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(&id)
        .bind(&name)
        .bind(role.as_str())
        .bind(secret::hash(&secret))
        .bind(now.as_nanos())
        .execute(self.pool())
        .await;
        match done {
            Ok(_) => Ok(Secret::new(format!("{TOKEN_PREFIX}{id}_{secret}"))),
            Err(e)
                if e.as_database_error()
                    .is_some_and(sqlx::error::DatabaseError::is_unique_violation) =>
            {
                Err(
                    StoreError::new(ErrorKind::Exists, format!("there is a token {name} already"))
                        .with_hint("choose another name, or revoke that one first"),
                )
            }
            Err(e) => Err(self.failed("make a token")(e)),
        }
    }

    /// Who a token belongs to; `None` when there is no such token.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn token(&self, token: &str, now: Timestamp) -> Result<Option<Identity>, StoreError> {
        let Some((id, secret)) = token
            .strip_prefix(TOKEN_PREFIX)
            .and_then(|rest| rest.split_once('_'))
        else {
            return Ok(None);
        };
        let row = sqlx::query("SELECT name, role, secret_hash, used_at FROM tokens WHERE id = ?")
            .bind(id)
            .fetch_optional(self.pool())
            .await
            .map_err(self.failed("read a token"))?;
        let Some(row) = row.filter(|row| secret::fits(secret, &row.get::<Vec<u8>, _>("secret_hash"))) else {
            return Ok(None);
        };
        let used = row.get::<Option<i64>, _>("used_at");
        if used.is_none_or(|used| used <= before(now, NOTE_USE)) {
            let done = sqlx::query("UPDATE tokens SET used_at = ? WHERE id = ?")
                .bind(now.as_nanos())
                .bind(id)
                .execute(self.pool())
                .await;
            self.noted("note the use of a token", done);
        }
        Ok(Some(Identity {
            name: row.get("name"),
            role: read_role(row.get("role"))?,
            subject: Subject::Token(id.to_owned()),
        }))
    }

    /// All tokens, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn tokens(&self) -> Result<Vec<TokenInfo>, StoreError> {
        sqlx::query("SELECT id, name, role, created_at, used_at FROM tokens ORDER BY name")
            .fetch_all(self.pool())
            .await
            .map_err(self.failed("list the tokens"))?
            .iter()
            .map(read_info)
            .collect()
    }

    /// Revokes the token of that name or public part. `false` when there is none.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn revoke_token(&self, name_or_id: &str) -> Result<bool, StoreError> {
        let done = sqlx::query("DELETE FROM tokens WHERE name = ?1 OR id = ?1")
            .bind(name_or_id)
            .execute(self.pool())
            .await
            .map_err(self.failed("revoke a token"))?;
        self.tell_revoked();
        Ok(done.rows_affected() > 0)
    }
}

fn read_info(row: &SqliteRow) -> Result<TokenInfo, StoreError> {
    Ok(TokenInfo {
        id: row.get("id"),
        name: row.get("name"),
        role: read_role(row.get("role"))?,
        created_at: Timestamp::from_nanos(row.get("created_at")),
        used_at: row.get::<Option<i64>, _>("used_at").map(Timestamp::from_nanos),
    })
}
