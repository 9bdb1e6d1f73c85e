//! Which credentials go where, from each place that they can come from, and that none of them shows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn decoded(value: &http::HeaderValue) -> Value {
    assert!(value.is_sensitive());
    serde_json::from_slice(&URL_SAFE.decode(value.as_bytes()).unwrap()).unwrap()
}

async fn in_file(config: Value, registry: &str) -> Result<Option<Credentials>, CredentialError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, serde_json::to_vec(&config).unwrap()).unwrap();
    RegistryAuth::default()
        .config_file(path)
        .credentials(registry)
        .await
}

#[tokio::test]
async fn a_credential_is_found_for_its_registry_and_for_no_other() {
    let auth = |text: &str| json!({"auth": STANDARD.encode(text)});
    let config = json!({"auths": {
        "https://index.docker.io/v1/": auth("hub:a:b"),
        "https://index.docker.io/v1/access-token": auth("no:no"),
        "registry.example.com": auth("example:c"),
        "https://old.example.com/v1/": auth("old:d"),
        "127.0.0.1:5000": {"username": "plain", "password": "e"},
        "token.example.com": {"auth": STANDARD.encode("<token>:"), "identitytoken": "f"},
        "nul.example.com": auth("nul:g\0\0"),
        "empty.example.com": {},
    }});
    let me = |user: &str, password: &str| Some(Credentials::password(user, password));
    for (registry, expected) in [
        ("docker.io", me("hub", "a:b")),
        ("index.docker.io", me("hub", "a:b")),
        ("registry-1.docker.io", me("hub", "a:b")),
        ("registry.example.com", me("example", "c")),
        ("REGISTRY.example.com", me("example", "c")),
        ("old.example.com", me("old", "d")),
        ("127.0.0.1:5000", me("plain", "e")),
        ("token.example.com", Some(Credentials::identity_token("f"))),
        ("nul.example.com", me("nul", "g")),
        ("empty.example.com", None),
        ("127.0.0.1:5001", None),
        ("127.0.0.1", None),
        ("example.com", None),
        ("evil.example.com", None),
        ("registry.example.com.evil.net", None),
    ] {
        assert_eq!(
            in_file(config.clone(), registry).await.unwrap(),
            expected,
            "{registry}"
        );
    }
    let only_further_keys = json!({"auths": {"https://index.docker.io/v1/refresh-token": auth("no:no")}});
    assert_eq!(in_file(only_further_keys, "docker.io").await.unwrap(), None);
}

#[tokio::test]
async fn a_helper_of_the_registry_goes_before_the_one_of_all_and_before_the_file() {
    let config = json!({
        "auths": {"a.example.com": {"auth": STANDARD.encode("file:x")}},
        "credsStore": "longshore-of-all",
        "credHelpers": {"a.example.com": "longshore-of-a"},
    });
    for (registry, helper) in [
        ("a.example.com", "longshore-of-a"),
        ("b.example.com", "longshore-of-all"),
    ] {
        let error = in_file(config.clone(), registry).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains(&format!("docker-credential-{helper} ")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_file_that_is_missing_has_nothing_and_one_that_is_broken_is_told_without_its_words() {
    let nowhere = RegistryAuth::default().config_file("/no/such/config.json");
    assert_eq!(nowhere.credentials("docker.io").await.unwrap(), None);
    for broken in [
        json!("hunter2"),
        json!({"auths": {"docker.io": {"auth": "hunter2:%"}}}),
        json!({"auths": "hunter2"}),
    ] {
        let error = in_file(broken, "docker.io").await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    assert_eq!(
        in_file(json!({"auths": null, "credsStore": null}), "docker.io")
            .await
            .unwrap(),
        None
    );
}

/// Counts how often it is asked; each answer is another.
struct Counter {
    asked: Arc<AtomicU32>,
    lasts: Duration,
}

impl CredentialProvider for Counter {
    async fn issue(&self, registry: &str) -> Result<Option<Issued>, CredentialError> {
        if registry != "ecr.example.com" {
            return Ok(None);
        }
        tokio::task::yield_now().await;
        let count = self.asked.fetch_add(1, Ordering::Relaxed);
        let issued = Issued::new(Credentials::password("AWS", format!("token-{count}")));
        Ok(Some(issued.until(SystemTime::now() + self.lasts)))
    }
}

fn counting(lasts: Duration) -> (RegistryAuth, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let provider = Counter {
        asked: Arc::clone(&asked),
        lasts,
    };
    (RegistryAuth::default().provider(provider), asked)
}

#[tokio::test]
async fn what_is_issued_is_kept_renewed_before_it_ends_and_after_a_refusal() {
    let token = |n: u32| Some(Credentials::password("AWS", format!("token-{n}")));
    let (auth, asked) = counting(Duration::from_secs(12 * 3600));
    let all = futures_util::future::join_all((0..10).map(|_| auth.credentials("ecr.example.com"))).await;
    assert!(
        all.into_iter().all(|one| one.unwrap() == token(0)),
        "ten callers, one question"
    );
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!(auth.credentials("other.example.com").await.unwrap(), None);

    let found = auth.clone().find("ecr.example.com").await.unwrap().unwrap();
    assert!(found.refused("ecr.example.com").await);
    assert_eq!(auth.credentials("ecr.example.com").await.unwrap(), token(1));
    assert!(
        found.refused("ecr.example.com").await,
        "a late refusal of the old one"
    );
    assert_eq!(
        auth.credentials("ecr.example.com").await.unwrap(),
        token(1),
        "takes nothing from the new one"
    );

    let (auth, asked) = counting(Duration::from_secs(60));
    for _ in 0..3 {
        auth.credentials("ecr.example.com").await.unwrap();
    }
    assert_eq!(
        asked.load(Ordering::Relaxed),
        3,
        "with less than five minutes left it is not handed out again"
    );
}

#[tokio::test]
async fn what_is_given_goes_before_all_else_and_is_not_renewed() {
    let (auth, asked) = counting(Duration::from_secs(3600));
    let auth = auth.with("https://ECR.example.com/v2/", Credentials::password("me", "x"));
    let found = auth.find("ecr.example.com").await.unwrap().unwrap();
    assert_eq!(found.credentials, Credentials::password("me", "x"));
    assert!(!found.refused("ecr.example.com").await);
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[test]
fn nothing_that_can_be_printed_shows_a_secret() {
    let all = [
        Credentials::password("me", "hunter2"),
        Credentials::identity_token("hunter2"),
        Credentials::registry_token("hunter2"),
    ];
    for credentials in all {
        let auth = RegistryAuth::default().with("r", credentials.clone());
        let issued = Issued::new(credentials.clone());
        let pull = crate::PullImage::default().credentials(credentials.clone());
        let sent = header("r", Some(&credentials));
        let shown = format!("{credentials:?} {auth:?} {issued:?} {pull:?} {sent:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        let engine = crate::Engine::new("/x.sock".parse().unwrap(), crate::EngineConfig::default());
        assert!(!format!("{:?}", engine.with_registry_auth(auth)).contains("hunter2"));
    }
}

#[test]
fn the_headers_have_the_engines_form() {
    let hub = decoded(&header("docker.io", Some(&Credentials::password("me", "p"))));
    assert_eq!(
        hub,
        json!({"username": "me", "password": "p", "serveraddress": "https://index.docker.io/v1/"})
    );
    let token = decoded(&header("r:5000", Some(&Credentials::identity_token("t"))));
    assert_eq!(token, json!({"identitytoken": "t", "serveraddress": "r:5000"}));
    assert_eq!(
        decoded(&header("r", None)),
        json!({}),
        "engine 20.10 refuses a push without the header"
    );
    let all = BTreeMap::from([("docker.io".to_owned(), Credentials::password("me", "p"))]);
    assert_eq!(
        decoded(&config_header(&all)),
        json!({"https://index.docker.io/v1/": {"username": "me", "password": "p"}})
    );
}

#[test]
fn what_registries_say_has_a_kind() {
    for (text, kind) in [
        (
            "unauthorized: authentication required",
            Some(ErrorKind::Permission),
        ),
        ("no basic auth credentials", Some(ErrorKind::Permission)),
        (
            "denied: Your authorization token has expired. Reauthenticate and try again.",
            Some(ErrorKind::Permission),
        ),
        (
            "pull access denied for x, repository does not exist or may require 'docker login': denied: requested access",
            Some(ErrorKind::NotFound),
        ),
        (
            "manifest for x:1 not found: manifest unknown: manifest unknown",
            Some(ErrorKind::NotFound),
        ),
        (
            "no matching manifest for linux/arm64 in the manifest list entries",
            Some(ErrorKind::NotFound),
        ),
        ("received unexpected HTTP status: 500 Internal Server Error", None),
    ] {
        assert_eq!(kind_of(text), kind, "{text}");
    }
}

proptest! {
    #[test]
    fn any_password_comes_out_as_it_went_in(user in "[^:\0]{0,12}", password in "[^\0]{0,40}", odd in any::<Vec<u8>>()) {
        let odd = String::from_utf8_lossy(&odd).replace('\0', "");
        let password = format!("{password}{odd}");
        let sent = header("r", Some(&Credentials::password(user.as_str(), password.as_str())));
        prop_assert!(sent.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_=".contains(byte)));
        let wire = decoded(&sent);
        prop_assert_eq!(wire["username"].as_str(), Some(user.as_str()));
        prop_assert_eq!(wire["password"].as_str(), Some(password.as_str()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let config = json!({"auths": {"r": {"auth": STANDARD.encode(format!("{user}:{password}"))}}});
        let read = runtime.block_on(in_file(config, "r")).unwrap();
        prop_assert_eq!(read, Some(Credentials::password(user, password)));
    }
}
