//! TLS in front of real engines: good certificates serve as a socket does, each bad one has its own error, and none is
//! waited for.

use std::time::Duration;

use futures_util::StreamExt as _;
use longshore_core::Outcome;
use longshore_engine::{
    Distrust, Endpoint, Engine, EngineConfig, Error, ErrorKind, EventsQuery, ExecSpec, ListContainers, Tls,
};
use longshore_testkit::lease::on_each;
use longshore_testkit::tls::{Authority, Front, Pair, VALID};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::{REMOVE, socket, spec, start};

const NEW: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];
const OLD: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12];

fn at(front: &Front, tls: Tls) -> Engine {
    let endpoint = format!("tcp://127.0.0.1:{}", front.port());
    let endpoint = endpoint.parse::<Endpoint>().unwrap().with_tls(tls);
    Engine::new(
        endpoint,
        EngineConfig::default().connect_timeout(Duration::from_secs(10)),
    )
}

fn trusting(authority: &Authority) -> Tls {
    Tls::default().ca(authority.pem().as_bytes()).unwrap()
}

fn showing(tls: Tls, pair: &Pair) -> Tls {
    tls.identity(pair.cert.as_bytes(), pair.key.as_bytes()).unwrap()
}

#[tokio::test]
async fn an_engine_behind_tls_serves_as_on_its_socket() {
    on_each(|lease| async move {
        let authority = Authority::new();
        let server = authority.server(&["127.0.0.1"], VALID);
        for versions in [NEW, OLD] {
            let front = Front::start(&server, Some(&authority), versions, &socket(&lease))
                .await
                .unwrap();
            let engine = at(&front, showing(trusting(&authority), &authority.client()));
            assert!(engine.ping().await.unwrap().api_version.is_some());
            let mut events = engine.events(&EventsQuery::default()).await.unwrap();
            let id = start(&engine, &spec(&lease, "tls", &["sleep", "60"])).await;
            assert!(events.next().await.unwrap().unwrap().event.is_ok());
            let done = engine.exec(&id, &ExecSpec::new(["seq", "100000"])).await.unwrap();
            assert!(
                done.stdout.ends_with(b"\n100000\n"),
                "{} bytes",
                done.stdout.len()
            );
            let all = engine.list_containers(&ListContainers::all()).await.unwrap();
            assert!(!all.is_empty());
            assert_eq!(engine.act(&id, &REMOVE).await.unwrap(), Outcome::Done);
        }
    })
    .await;
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_has_an_error_of_its_own() {
    on_each(|lease| async move {
        let (authority, other) = (Authority::new(), Authority::new());
        let here = &["127.0.0.1"][..];
        let untrusted = |why| ErrorKind::Untrusted(why);
        for (server, kind, says) in [
            (
                authority.server(here, (2020, 2021)),
                untrusted(Distrust::Expired),
                "has expired",
            ),
            (
                authority.server(here, (2089, 2090)),
                untrusted(Distrust::Expired),
                "not valid yet",
            ),
            (
                authority.server(&["engine.example", "10.0.0.1"], VALID),
                untrusted(Distrust::WrongName),
                "is not for 127.0.0.1 but for engine.example, 10.0.0.1",
            ),
            (
                other.server(here, VALID),
                untrusted(Distrust::UnknownIssuer),
                "not from an authority",
            ),
        ] {
            for versions in [NEW, OLD] {
                let front = Front::start(&server, None, versions, &socket(&lease))
                    .await
                    .unwrap();
                let error = at(&front, trusting(&authority)).ping().await.unwrap_err();
                check(&error, kind, says);
                assert!(error.is_connect() && !error.is_transient());
                let engine = at(&front, Tls::default().unchecked());
                engine.ping().await.expect("whatever it is, unchecked takes it");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_certificate_that_is_missing_or_foreign_is_said() {
    on_each(|lease| async move {
        let (authority, other) = (Authority::new(), Authority::new());
        let server = authority.server(&["127.0.0.1"], VALID);
        for versions in [NEW, OLD] {
            let front = Front::start(&server, Some(&authority), versions, &socket(&lease))
                .await
                .unwrap();
            for tls in [
                trusting(&authority),
                showing(trusting(&authority), &other.client()),
            ] {
                let error = at(&front, tls).ping().await.unwrap_err();
                check(&error, ErrorKind::Permission, "missing or unwelcome");
            }
            let welcome = showing(trusting(&authority), &authority.client());
            at(&front, welcome).ping().await.unwrap();
        }
    })
    .await;
}

fn check(error: &Error, kind: ErrorKind, says: &str) {
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(
        error.to_string().contains(says) && error.hint().is_some(),
        "{error:?}"
    );
    assert!(!error.is_timeout(), "{error:?}");
}

/// One answer to whatever comes, on a port of its own.
async fn answering(answer: &'static [u8]) -> (u16, tokio::task::JoinSet<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut some = [0; 4096];
            let _ = stream.read(&mut some).await;
            let _ = stream.write_all(answer).await;
        }
    });
    (port, tasks)
}

#[tokio::test]
async fn who_does_not_speak_tls_is_told_apart() {
    let plain = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    for (answer, kind, says) in [
        (&plain[..], ErrorKind::Protocol, "does not speak TLS"),
        (b"", ErrorKind::Connect, "lost while its encryption"),
    ] {
        let (port, _tasks) = answering(answer).await;
        let endpoint: Endpoint = format!("https://127.0.0.1:{port}").parse().unwrap();
        let tls = Tls::default().unchecked();
        let engine = Engine::new(endpoint.with_tls(tls), EngineConfig::default());
        let error = engine.ping().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        assert!(
            error.to_string().contains(says) && error.is_connect(),
            "{error:?}"
        );
    }
    let (port, _tasks) = answering(plain).await;
    let endpoint = format!("tcp://127.0.0.1:{port}").parse().unwrap();
    let error = Engine::new(endpoint, EngineConfig::default())
        .ping()
        .await
        .unwrap_err();
    check(&error, ErrorKind::BadInput, "HTTPS server");
    assert!(error.hint().unwrap().contains("DOCKER_TLS_VERIFY"), "{error:?}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_under_the_connect_limit() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let endpoint = endpoint
        .parse::<Endpoint>()
        .unwrap()
        .with_tls(Tls::default().unchecked());
    let config = EngineConfig::default().connect_timeout(Duration::from_millis(300));
    let error = Engine::new(endpoint, config).ping().await.unwrap_err();
    assert!(error.is_timeout() && error.is_connect(), "{error:?}");
}
