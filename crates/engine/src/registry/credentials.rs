//! One credential, and the two headers in which it travels.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use http::HeaderValue;
use serde::Serialize;

use super::server_address;

/// What somebody shows to a registry. Never in `Debug`, never in an error.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Credentials(Kind);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Kind {
    Password { user: String, password: String },
    Identity(String),
    Registry(String),
}

impl Credentials {
    /// A name and a password, or an access token in its place.
    #[must_use]
    pub fn password(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self(Kind::Password {
            user: user.into(),
            password: password.into(),
        })
    }

    /// An identity token, which the engine exchanges for one of the registry's.
    #[must_use]
    pub fn identity_token(token: impl Into<String>) -> Self {
        Self(Kind::Identity(token.into()))
    }

    /// A token that is sent to the registry as it is.
    #[must_use]
    pub fn registry_token(token: impl Into<String>) -> Self {
        Self(Kind::Registry(token.into()))
    }

    /// Name and secret as BuildKit asks for them; an identity token has no name. It takes no token of a registry's own.
    pub(crate) fn for_session(&self) -> Option<(&str, &str)> {
        match &self.0 {
            Kind::Password { user, password } => Some((user, password)),
            Kind::Identity(token) => Some(("", token)),
            Kind::Registry(_) => None,
        }
    }

    fn wire<'a>(&'a self, address: Option<&'a str>) -> AuthConfig<'a> {
        let mut wire = AuthConfig {
            serveraddress: address,
            ..AuthConfig::default()
        };
        match &self.0 {
            Kind::Password { user, password } => {
                wire.username = Some(user);
                wire.password = Some(password);
            }
            Kind::Identity(token) => wire.identitytoken = Some(token),
            Kind::Registry(token) => wire.registrytoken = Some(token),
        }
        wire
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Password { .. } => "Credentials(password covered)",
            Kind::Identity(_) => "Credentials(identity token covered)",
            Kind::Registry(_) => "Credentials(registry token covered)",
        })
    }
}

/// The engine's JSON for it.
#[derive(Serialize, Default)]
struct AuthConfig<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serveraddress: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identitytoken: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registrytoken: Option<&'a str>,
}

/// `X-Registry-Auth`. Engines want one for every push (20.10 refuses without), so nobody's is an empty object.
pub(crate) fn header(registry: &str, credentials: Option<&Credentials>) -> HeaderValue {
    encoded(&match credentials {
        Some(credentials) => credentials.wire(Some(server_address(registry))),
        None => AuthConfig::default(),
    })
}

/// `X-Registry-Config` of a build: for each registry that it may need.
pub(crate) fn config_header(all: &BTreeMap<String, Credentials>) -> HeaderValue {
    let all: BTreeMap<&str, AuthConfig<'_>> = all
        .iter()
        .map(|(registry, credentials)| (server_address(registry), credentials.wire(None)))
        .collect();
    encoded(&all)
}

/// URL-safe, as engines decode it: the standard alphabet's `+` and `/` fail for some passwords.
fn encoded(json: &impl Serialize) -> HeaderValue {
    // Maps of strings always have a JSON form, and base64 only characters that a header may have.
    let json = serde_json::to_vec(json).unwrap_or_default();
    let mut value =
        HeaderValue::try_from(URL_SAFE.encode(json)).unwrap_or_else(|_| HeaderValue::from_static("e30="));
    value.set_sensitive(true);
    value
}
