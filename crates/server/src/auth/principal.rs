//! From the headers of a request to who it is.

use std::fmt;

use http::{HeaderMap, header};
use longshore_api::ErrorCode;
use longshore_store::Role;

use crate::{
    app::{App, Shared, now},
    error::{ApiError, ApiResult},
};

/// Who asks, and by which credential, so that it can be looked at again.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) credential: Credential,
}

/// What a request carries as proof. Its `Debug` is covered.
#[derive(Clone)]
pub(crate) enum Credential {
    /// From the cookie, which a browser attaches by itself.
    Session(String),
    /// From the `Authorization` header, which only its owner attaches.
    Bearer(String),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Session(_) => "Session(covered)",
            Self::Bearer(_) => "Bearer(covered)",
        })
    }
}

impl Credential {
    /// A bearer token, or else the session cookie of that name. A cookie never stands in for a wrong token.
    pub(crate) fn from_headers(headers: &HeaderMap, cookie: &str) -> Option<Self> {
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
            let bearer = scheme.eq_ignore_ascii_case("bearer");
            return bearer.then(|| Self::Bearer(token.trim().to_owned()));
        }
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| *name == cookie)
            .map(|(_, value)| Self::Session(value.to_owned()))
    }

    pub(crate) fn is_cookie(&self) -> bool {
        matches!(self, Self::Session(_))
    }
}

/// Who the request comes from.
///
/// # Errors
/// `setup_required` where there is no account yet, else `unauthorized`.
pub(crate) async fn identify(app: &Shared, headers: &HeaderMap) -> ApiResult<Principal> {
    if let Some(credential) = Credential::from_headers(headers, &app.cookie)
        && let Some(principal) = look_up(app, credential).await?
    {
        return Ok(principal);
    }
    if app.store.has_account().await? {
        return Err(ApiError::new(
            ErrorCode::Unauthorized,
            "no credential, or one that is not or no longer good",
        )
        .hint("log in, or send an API token as Authorization: Bearer (longshore token create makes one)"));
    }
    Err(setup_required())
}

/// There is no account that could log in.
pub(crate) fn setup_required() -> ApiError {
    ApiError::new(ErrorCode::SetupRequired, "there is no account yet")
        .hint("open the link that the server printed when it started; restart it for a new one")
}

async fn look_up(app: &Shared, credential: Credential) -> ApiResult<Option<Principal>> {
    let identity = match &credential {
        Credential::Session(secret) => app.store.session(secret, now()).await?,
        Credential::Bearer(token) => app.store.token(token, now()).await?,
    };
    Ok(identity.map(|identity| Principal {
        name: identity.name,
        role: identity.role,
        credential,
    }))
}

/// Completes when the principal's credential is no longer good, or no longer good for its role. A database that cannot be
/// read for a moment ends nothing.
pub(crate) async fn still_good(app: &App, principal: &Principal) {
    let mut revoked = app.store.revocations();
    loop {
        tokio::select! {
            changed = revoked.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(app.recheck) => {}
        }
        match look_up(app, principal.credential.clone()).await {
            Ok(Some(now)) if now.role >= principal.role => {}
            Ok(_) => return,
            Err(error) => tracing::warn!(
                error = error.message(),
                "a credential could not be looked at again"
            ),
        }
    }
}

/// The role as it goes over the wire.
pub(crate) fn api_role(role: Role) -> longshore_api::Role {
    match role {
        Role::Viewer => longshore_api::Role::Viewer,
        Role::Operator => longshore_api::Role::Operator,
        Role::Admin => longshore_api::Role::Admin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Option<Credential> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        Credential::from_headers(&headers, "longshore_1")
    }

    #[test]
    fn a_token_or_the_cookie_of_our_port() {
        assert!(
            matches!(of(&[("authorization", "bearer lsh_x")]), Some(Credential::Bearer(t)) if t == "lsh_x")
        );
        let cookie = of(&[("cookie", "a=b; longshore_2=no"), ("cookie", "longshore_1=yes")]);
        assert!(matches!(cookie, Some(Credential::Session(s)) if s == "yes"));
        assert!(of(&[("cookie", "longshore_2=no")]).is_none());
    }

    #[test]
    fn a_wrong_header_is_not_mended_by_a_cookie() {
        assert!(of(&[("authorization", "Basic YTpi"), ("cookie", "longshore_1=yes")]).is_none());
    }

    #[test]
    fn a_credential_does_not_show_in_debug() {
        assert_eq!(
            format!("{:?}", Credential::Bearer("lsh_secret".into())),
            "Bearer(covered)"
        );
    }
}
