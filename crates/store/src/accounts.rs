//! Accounts of people, roles, and who a credential turns out to be.

use std::{fmt, str::FromStr};

use longshore_core::Timestamp;
use sqlx::Row;

use crate::{ErrorKind, Store, StoreError, password};

/// What an account or a token may do. Each may do all that the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads, without environment values.
    Viewer,
    /// Also acts on containers.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// The word for it, as it is kept and typed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRole;

impl fmt::Display for UnknownRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a role is viewer, operator or admin")
    }
}

impl std::error::Error for UnknownRole {}

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "operator" => Ok(Self::Operator),
            "admin" => Ok(Self::Admin),
            _ => Err(UnknownRole),
        }
    }
}

/// An account of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: i64,
    /// Its name, as it was first written.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

/// Who a credential turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Name of the account or of the token.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Which of the two it is.
    pub subject: Subject,
}

/// An account or an API token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A person, by session.
    Account(i64),
    /// A program, by API token; the public part of the token.
    Token(String),
}

impl Store {
    /// Whether there is any account.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn has_account(&self) -> Result<bool, StoreError> {
        sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM accounts)")
            .fetch_one(self.pool())
            .await
            .map_err(self.failed("look for an account"))
    }

    /// The account whose name and password these are; `None` when there is no such pair. Takes as long either way.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] when too many wait for the same; else when the database cannot be read.
    pub async fn login(&self, name: &str, password: &str) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query("SELECT id, name, role, password_hash FROM accounts WHERE name = ?")
            .bind(name.trim())
            .fetch_optional(self.pool())
            .await
            .map_err(self.failed("read an account"))?;
        let kept = row.as_ref().map(|row| row.get::<String, _>("password_hash"));
        if !self.inner.passwords.verify(password, kept).await? {
            return Ok(None);
        }
        row.map(|row| {
            Ok(Account {
                id: row.get("id"),
                name: row.get("name"),
                role: read_role(row.get("role"))?,
            })
        })
        .transpose()
    }

    /// Makes an account beside those that there are. The first one is made by [`Store::complete_setup`].
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a name or password that does not fit, [`ErrorKind::Exists`] for a name taken.
    pub async fn create_account(
        &self,
        name: &str,
        password: &str,
        role: Role,
        now: Timestamp,
    ) -> Result<Account, StoreError> {
        let name = check_name(name)?;
        password::check_rules(password)?;
        let hash = self.inner.passwords.hash(password).await?;
        let result = insert_account(self.pool(), &name, &hash, role, now).await;
        match result {
            Ok(id) => Ok(Account { id, name, role }),
            Err(e)
                if e.as_database_error()
                    .is_some_and(sqlx::error::DatabaseError::is_unique_violation) =>
            {
                Err(StoreError::new(
                    ErrorKind::Exists,
                    format!("there is an account {name} already"),
                ))
            }
            Err(e) => Err(self.failed("make an account")(e)),
        }
    }

    /// Gives an account another role; its open connections must look again. `false` when there is no such account.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn set_role(&self, account: i64, role: Role) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE accounts SET role = ? WHERE id = ?")
            .bind(role.as_str())
            .bind(account)
            .execute(self.pool())
            .await
            .map_err(self.failed("change a role"))?;
        self.tell_revoked();
        Ok(done.rows_affected() > 0)
    }
}

pub(crate) async fn insert_account(
    executor: impl sqlx::SqliteExecutor<'_>,
    name: &str,
    hash: &str,
    role: Role,
    now: Timestamp,
) -> Result<i64, sqlx::Error> {
    sqlx::query("INSERT INTO accounts (name, role, password_hash, created_at) VALUES (?, ?, ?, ?)")
        .bind(name)
        .bind(role.as_str())
        .bind(hash)
        .bind(now.as_nanos())
        .execute(executor)
        .await
        .map(|done| done.last_insert_rowid())
}

/// A role as it was kept. An unknown word is a fault, never a guess.
pub(crate) fn read_role(kept: &str) -> Result<Role, StoreError> {
    kept.parse().map_err(|e: UnknownRole| {
        StoreError::new(
            ErrorKind::Corrupt,
            format!("the database holds the role {kept:?}"),
        )
        .with_source(e)
    })
}

/// A name for an account or a token: what a person can read and a log can hold.
pub(crate) fn check_name(name: &str) -> Result<String, StoreError> {
    let name = name.trim();
    let fits = (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if !fits {
        return Err(StoreError::new(
            ErrorKind::Invalid,
            "a name has 1 to 64 characters, none of them a control character",
        ));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_ordered_and_read_back() {
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Admin);
        for role in [Role::Viewer, Role::Operator, Role::Admin] {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().is_err());
    }

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(check_name(" ada ").unwrap(), "ada");
        for bad in ["", "  ", "a\nb", &"x".repeat(65)] {
            assert_eq!(check_name(bad).unwrap_err().kind(), ErrorKind::Invalid);
        }
    }
}
