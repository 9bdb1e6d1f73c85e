//! Setup, login, logout, tokens, and how often one may guess.

use longshore_store::Role;
use serde_json::json;

use crate::support::{PASSWORD, Site};

#[tokio::test]
async fn the_link_makes_the_first_account_once() {
    let site = Site::start().await;
    assert_eq!(site.get("/api/v1/session", &[]).await.code(), "setup_required");
    let short = json!({"token": "wrong", "name": "Ada", "password": PASSWORD});
    assert_eq!(
        site.post("/api/v1/setup", &[], &short).await.code(),
        "invalid_request"
    );
    let cookie = site.set_up().await;
    let session = site.get("/api/v1/session", &[("cookie", &cookie)]).await;
    assert_eq!(session.json()["account"], json!({"name": "Ada", "role": "admin"}));
    let token = site.setup.as_ref().unwrap().split_once("#setup=").unwrap().1;
    let again = json!({"token": token, "name": "Eve", "password": PASSWORD});
    assert_eq!(site.post("/api/v1/setup", &[], &again).await.code(), "conflict");
    assert_eq!(site.get("/api/v1/session", &[]).await.code(), "unauthorized");
    site.stop().await;
}

#[tokio::test]
async fn a_session_cookie_is_for_this_page_only_and_ends_with_the_logout() {
    let site = Site::start().await;
    site.set_up().await;
    let login = json!({"name": "ada", "password": PASSWORD});
    let answer = site
        .post("/api/v1/login", &[("origin", &site.origin())], &login)
        .await;
    let set = answer.headers["set-cookie"].to_str().unwrap();
    for part in [
        "HttpOnly",
        "SameSite=Strict",
        "Path=/",
        &format!("longshore_{}=", site.address.port()),
    ] {
        assert!(set.contains(part), "{set}");
    }
    assert!(
        !set.contains("Secure"),
        "plain HTTP could not send it back: {set}"
    );
    let cookie = answer.cookie();
    let own = [("cookie", cookie.as_str()), ("origin", &site.origin())];
    assert_eq!(site.get("/api/v1/session", &own).await.status, 200);
    assert_eq!(
        site.post("/api/v1/logout", &own[..1], &json!(null)).await.code(),
        "foreign_origin"
    );
    assert_eq!(site.post("/api/v1/logout", &own, &json!(null)).await.status, 204);
    assert_eq!(site.get("/api/v1/session", &own).await.code(), "unauthorized");
    site.stop().await;
}

#[tokio::test]
async fn behind_tls_the_cookie_stays_there() {
    let site = Site::with(|config| config.allow_origins(vec!["https://ship.example".to_owned()])).await;
    site.set_up().await;
    let login = json!({"name": "ada", "password": PASSWORD});
    let answer = site
        .post("/api/v1/login", &[("origin", "https://ship.example")], &login)
        .await;
    assert!(
        answer.headers["set-cookie"]
            .to_str()
            .unwrap()
            .contains("; Secure")
    );
    site.stop().await;
}

#[tokio::test]
async fn who_guesses_too_often_waits() {
    let site = Site::start().await;
    site.set_up().await;
    let wrong = json!({"name": "ada", "password": "wrong wrong wrong"});
    let mut refused = None;
    for _ in 0..30 {
        let answer = site.post("/api/v1/login", &[], &wrong).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.code(), "unauthorized");
    }
    let refused = refused.expect("a limit");
    assert_eq!(refused.code(), "too_many_requests");
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=300).contains(&wait), "{wait}");
    let right = json!({"name": "ada", "password": PASSWORD});
    assert_eq!(
        site.post("/api/v1/login", &[], &right).await.status,
        429,
        "also with the right one"
    );
    site.stop().await;
}

#[tokio::test]
async fn bodies_that_are_none_are_refused() {
    let site = Site::start().await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = site.send("POST", "/api/v1/login", &form, "name=a".into()).await;
    assert_eq!(answer.code(), "invalid_request");
    let json = [("content-type", "application/json")];
    assert_eq!(
        site.send("POST", "/api/v1/login", &json, "{\"name\":".into())
            .await
            .code(),
        "invalid_request"
    );
    let large = vec![b' '; 100_000];
    assert_eq!(
        site.send("POST", "/api/v1/login", &json, large.into())
            .await
            .code(),
        "too_large"
    );
    site.stop().await;
}

#[tokio::test]
async fn a_revoked_token_is_refused_and_metrics_say_how_we_are() {
    let site = Site::start().await;
    let token = site.token(Role::Viewer).await;
    let metrics = site.get("/metrics", &[("authorization", &token)]).await;
    assert!(
        metrics.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("application/openmetrics-text")
    );
    let text = metrics.text();
    for line in [
        "longshore_build_info{version=",
        "longshore_process_resident_bytes ",
        "longshore_streams 0",
        "longshore_event_gaps_total{host=\"local\",reason=\"missed\"}",
        "longshore_host_live{host=\"local\"}",
    ] {
        assert!(text.lines().any(|l| l.starts_with(line)), "no {line} in\n{text}");
    }
    let again = site.get("/metrics", &[("authorization", &token)]).await.text();
    assert!(
        again.contains("longshore_http_requests_total{method=\"GET\",route=\"/metrics\",status=\"200\"} 1"),
        "{again}"
    );
    let name = site.store.tokens().await.unwrap()[0].name.clone();
    site.store.revoke_token(&name).await.unwrap();
    assert_eq!(
        site.get("/metrics", &[("authorization", &token)]).await.status,
        401
    );
    let health = site.get("/healthz", &[]).await;
    assert_eq!((health.status, health.text()), (200, "ok\n".to_owned()));
    site.stop().await;
}
