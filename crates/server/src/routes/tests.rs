//! Generated from the table: every route, with no credential and with each role, from a foreign page and for a foreign
//! host. A route that forgets its rule fails here by itself.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use http::{Request, StatusCode, header};
use longshore_api::ErrorBody;
use longshore_fleet::{Fleet, FleetConfig};
use longshore_store::Store;
use tower::ServiceExt;

use super::*;
use crate::{
    app::{Shared, Sizes, now},
    auth::Peer,
    gate::{Hosts, Origins},
};

const HOST: &str = "127.0.0.1:3625";

fn over(store: Store, fleet: Fleet) -> App {
    let gate = (
        Hosts::new(HOST.parse().unwrap(), &[]).unwrap(),
        Origins::new(&[]).unwrap(),
    );
    Shared::new(
        fleet,
        store,
        gate,
        Sizes {
            recheck: Duration::from_secs(60),
            max_streams: 8,
            history: (0, Duration::ZERO),
        },
    )
}

struct Site {
    app: App,
    router: Router,
    /// A token for each role, and an admin's session.
    tokens: Vec<(Role, String)>,
    session: String,
    _dir: tempfile::TempDir,
}

impl Site {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).await.unwrap();
        let mut tokens = Vec::new();
        for role in [Role::Viewer, Role::Operator, Role::Admin] {
            tokens.push((
                role,
                store
                    .create_token(role.as_str(), role, now())
                    .await
                    .unwrap()
                    .reveal()
                    .to_owned(),
            ));
        }
        let account = store
            .create_account("ada", "correct horse battery", Role::Admin, now())
            .await
            .unwrap();
        let session = store
            .open_session(account.id, now())
            .await
            .unwrap()
            .reveal()
            .to_owned();
        let nowhere = format!("unix://{}", dir.path().join("no.sock").display());
        let fleet = Fleet::start(FleetConfig::at(nowhere.parse().unwrap()));
        let app = over(store, fleet);
        let router = router(&app);
        Self {
            app,
            router,
            tokens,
            session,
            _dir: dir,
        }
    }

    /// The status and, of an error, its code.
    async fn ask(&self, method: &Method, path: &str, headers: &[(&str, &str)]) -> (StatusCode, String) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .extension(Peer(HOST.parse().unwrap()));
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header(header::HOST, HOST);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        for name in [
            header::CONTENT_SECURITY_POLICY,
            header::X_CONTENT_TYPE_OPTIONS,
            header::CACHE_CONTROL,
        ] {
            assert!(
                response.headers().contains_key(&name),
                "{method} {path} lacks {name}"
            );
        }
        let status = response.status();
        if !(status.is_client_error() || status.is_server_error()) {
            return (status, String::new());
        }
        let body = to_bytes(response.into_body(), 64 * 1024).await.unwrap();
        let error: ErrorBody = serde_json::from_slice(&body)
            .unwrap_or_else(|e| panic!("{method} {path} {status}: no error body ({e})"));
        (status, error.error.code)
    }

    async fn stop(self) {
        self.app.closing.cancel();
        self.app.fleet.stop().await;
        self.app.store.close().await;
    }
}

fn filled(template: &str) -> String {
    template
        .replace("{host}", "local")
        .replace("{id}", "web")
        .replace("{verb}", "start")
}

fn is_refused(code: &str) -> bool {
    [
        "unauthorized",
        "setup_required",
        "forbidden",
        "foreign_host",
        "foreign_origin",
    ]
    .contains(&code)
}

#[tokio::test]
async fn every_route_lets_in_whom_the_table_says_and_nobody_else() {
    let site = Site::new().await;
    for route in table() {
        let (method, path) = (&route.method, filled(route.path));
        let what = format!("{method} {path}");
        let (_, code) = site.ask(method, &path, &[]).await;
        let Access::Role(needed) = route.access else {
            // Login answers 401 to a wrong password, which an empty body does not even reach.
            assert!(!is_refused(&code), "{what} is open, but said {code}");
            continue;
        };
        assert_eq!(code, "unauthorized", "{what} without a credential");
        let (_, code) = site
            .ask(method, &path, &[("authorization", "Bearer lsh_000000000000_00")])
            .await;
        assert_eq!(code, "unauthorized", "{what} with a wrong token");
        for (role, token) in &site.tokens {
            let (_, code) = site
                .ask(method, &path, &[("authorization", &format!("Bearer {token}"))])
                .await;
            if *role < needed {
                assert_eq!(code, "forbidden", "{what} as {role}");
            } else {
                assert!(!is_refused(&code), "{what} as {role} said {code}");
            }
        }
    }
    site.stop().await;
}

#[tokio::test]
async fn every_route_refuses_foreign_hosts_and_foreign_pages() {
    let site = Site::new().await;
    let cookie = format!("longshore_3625={}", site.session);
    let token = format!("Bearer {}", site.tokens[2].1);
    for route in table() {
        let (method, path) = (&route.method, filled(route.path));
        let what = format!("{method} {path}");
        for proof in [("cookie", cookie.as_str()), ("authorization", token.as_str())] {
            let (status, code) = site
                .ask(method, &path, &[proof, ("host", "evil.example:3625")])
                .await;
            assert_eq!(
                (status, code.as_str()),
                (StatusCode::FORBIDDEN, "foreign_host"),
                "{what}"
            );
            for foreign in [
                ("origin", "http://evil.example"),
                ("origin", "null"),
                ("sec-fetch-site", "cross-site"),
            ] {
                let (status, code) = site.ask(method, &path, &[proof, foreign]).await;
                assert_eq!(
                    (status, code.as_str()),
                    (StatusCode::FORBIDDEN, "foreign_origin"),
                    "{what} {foreign:?}"
                );
            }
        }
    }
    site.stop().await;
}

#[tokio::test]
async fn a_cookie_acts_only_for_our_own_page() {
    let site = Site::new().await;
    let cookie = ("cookie", format!("longshore_3625={}", site.session));
    let cookie = (cookie.0, cookie.1.as_str());
    let own = ("origin", "http://127.0.0.1:3625");
    for route in table().into_iter().filter(|route| route.access != Access::Open) {
        // Logging out would end the session that the rest needs.
        if route.path == "/api/v1/logout" {
            continue;
        }
        let (method, path) = (&route.method, filled(route.path));
        let (_, code) = site.ask(method, &path, &[cookie, own]).await;
        assert!(!is_refused(&code), "{method} {path} from our page said {code}");
        let (_, code) = site.ask(method, &path, &[cookie]).await;
        let acts = *method != Method::GET;
        assert_eq!(
            code == "foreign_origin",
            acts,
            "{method} {path} without an origin said {code:?}"
        );
    }
    let upgrade = [
        cookie,
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ];
    let (_, code) = site.ask(&Method::GET, "/api/v1/stream", &upgrade).await;
    assert_eq!(code, "foreign_origin", "an upgrade by cookie needs an origin");
    let (status, _) = site
        .ask(&Method::GET, "/api/v1/stream", &[&upgrade[..], &[own]].concat())
        .await;
    assert_eq!(status, StatusCode::SWITCHING_PROTOCOLS);
    site.stop().await;
}

#[tokio::test]
async fn what_is_not_in_the_table_is_not_there() {
    let site = Site::new().await;
    let token = format!("Bearer {}", site.tokens[2].1);
    let proof = [("authorization", token.as_str())];
    for (path, expected) in [
        ("/api/v1/nothing", "not_found"),
        ("/api", "not_found"),
        (
            "/api/v1/hosts/local/containers/web/../../../system",
            "invalid_request",
        ),
        ("/api/v1/hosts/local/containers/../logs", "invalid_request"),
        ("/api/v1/hosts/local/containers/..%2fimages", "invalid_request"),
        (
            "/api/v1/hosts/local/containers/%2e%2e%2fimages%2fjson",
            "invalid_request",
        ),
        ("/api/v1/hosts/local/containers/a%00b", "invalid_request"),
        ("/api/v1/hosts/local/containers/%ff", "invalid_request"),
        ("/api/v1/hosts/elsewhere/containers/web", "not_found"),
        ("/api/v1/hosts/local/containers/web", "engine_unreachable"),
        (
            "/api/v1/hosts/local/containers/web/logs?tail=x",
            "invalid_request",
        ),
        (
            "/api/v1/hosts/local/containers/web/logs?follow=maybe",
            "invalid_request",
        ),
        ("/api/v1/events?since=rubbish", "invalid_request"),
        ("/api/v1/events?limit=-1", "invalid_request"),
        ("/v1.41/containers/json", "not_found"),
        ("/assets/../Cargo.toml", "not_found"),
    ] {
        assert_eq!(site.ask(&Method::GET, path, &proof).await.1, expected, "{path}");
    }
    assert_eq!(
        site.ask(&Method::PUT, "/api/v1/containers", &proof).await.1,
        "method_not_allowed"
    );
    assert_eq!(
        site.ask(
            &Method::POST,
            "/api/v1/hosts/local/containers/web/explode",
            &proof
        )
        .await
        .1,
        "not_found"
    );
    site.stop().await;
}

#[tokio::test]
async fn without_an_account_the_page_is_told_to_set_up() {
    let site = Site::new().await;
    let empty = tempfile::tempdir().unwrap();
    let store = Store::open(empty.path()).await.unwrap();
    assert!(!store.has_account().await.unwrap());
    let app = over(store, site.app.fleet.clone());
    let bare = Site {
        router: router(&app),
        app,
        tokens: vec![],
        session: String::new(),
        _dir: empty,
    };
    let (status, code) = bare.ask(&Method::GET, "/api/v1/session", &[]).await;
    assert_eq!(
        (status, code.as_str()),
        (StatusCode::UNAUTHORIZED, "setup_required")
    );
    site.stop().await;
}
