//! `moby.filesync.v1.Auth/Credentials`: what is for a registry. Whose credentials they are is `registry`'s.

use super::super::proto::{put_field, text_field};
use super::grpc::{Code, Refusal};
use crate::RegistryAuth;

pub(super) const CREDENTIALS: &str = "/moby.filesync.v1.Auth/Credentials";

/// `CredentialsResponse` for a `CredentialsRequest`: a host in field 1; a name and a secret in fields 1 and 2. Nobody's is
/// an empty answer, by which the engine goes on without.
pub(super) async fn credentials(question: &[u8], auth: &RegistryAuth) -> Result<Vec<u8>, Refusal> {
    let none = |code| move || Refusal::new(code, "no credentials of that kind");
    let registry = text_field(question, 1).ok_or_else(none(Code::InvalidArgument))?;
    let found = match auth.credentials(&registry).await {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(registry, %error, "no credentials for a registry of a build");
            None
        }
    };
    let mut message = Vec::new();
    if let Some(found) = found {
        let (user, secret) = found.for_session().ok_or_else(none(Code::NotFound))?;
        put_field(&mut message, 1, user.as_bytes());
        put_field(&mut message, 2, secret.as_bytes());
    }
    Ok(message)
}
