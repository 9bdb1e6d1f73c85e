//! Who is asking: accounts, roles, and the bodies of login and setup.
//!
//! Passwords and tokens appear only in requests, and their `Debug` hides them. How they are checked is the
//! server's affair.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a person or a token may do. Each role may do all that the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads everything except the values of environment variables.
    Viewer,
    /// Also acts on containers.
    Operator,
    /// Everything.
    Admin,
}

/// The account (or the API token) that a session belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

/// About the server that answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerInfo {
    /// Version of Longshore, such as `0.1.0`.
    pub version: String,
    /// When this server process started, RFC 3339.
    pub started_at: String,
}

/// Answer of `GET /session`, `POST /login` and `POST /setup`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionInfo {
    /// Who is logged in.
    pub account: Account,
    /// The server that answers.
    pub server: ServerInfo,
}

/// Body of `POST /login`.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct LoginRequest {
    /// Name of the account.
    pub name: String,
    /// Its password.
    pub password: String,
}

/// Body of `POST /setup`: makes the first account, an admin.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct SetupRequest {
    /// The one-time token from the link that the server printed.
    pub token: String,
    /// Name of the account to make.
    pub name: String,
    /// Its password, at least ten characters.
    pub password: String,
}

impl fmt::Debug for LoginRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginRequest")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SetupRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetupRequest")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_ordered_and_lower_case() {
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Admin);
        assert_eq!(serde_json::to_string(&Role::Operator).unwrap(), r#""operator""#);
    }

    #[test]
    fn a_password_is_not_in_the_debug_text() {
        let request = LoginRequest {
            name: "ada".into(),
            password: "correct horse".into(),
        };
        assert_eq!(format!("{request:?}"), r#"LoginRequest { name: "ada", .. }"#);
    }
}
