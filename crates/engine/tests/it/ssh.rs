//! Real engines behind a real sshd: one login for everything, every refusal with its reason, and nothing left.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use longshore_engine::{
    Distrust, Endpoint, Engine, EngineConfig, ErrorKind, EventStream, EventsQuery, ExecSpec, ListContainers,
    TimeoutKind,
};
use longshore_testkit::lease::on_each;
use longshore_testkit::sshd::{Sshd, clients_of};
use longshore_testkit::{FakeConfig, FakeEngine, eventually};

use crate::support::{REMOVE, client, comes_true, socket, spec, start};

/// No forwarded socket: what is left are sessions.
const SESSIONS_ONLY: &str = "AllowStreamLocalForwarding no\n";

fn at(sshd: &Sshd, host: &str, socket: &Path) -> Engine {
    let endpoint: Endpoint = format!("ssh://{host}{}", socket.display()).parse().unwrap();
    let config = EngineConfig::default().connect_timeout(Duration::from_secs(10));
    Engine::new(endpoint.with_ssh_config(sshd.config()), config)
}

/// The folders of the logins that live.
fn folders_of(config: &Path) -> Vec<PathBuf> {
    let lines = clients_of(config);
    let words = lines.iter().flat_map(|line| line.split(' '));
    let control = words.filter(|word| word.contains("longshore-ssh-") && word.ends_with("/c"));
    control
        .map(|path| Path::new(path).parent().unwrap().to_owned())
        .collect()
}

async fn nothing_is_left(config: &Path) {
    let config = config.to_owned();
    comes_true(
        "no process of the login is left",
        async move || match clients_of(&config) {
            left if left.is_empty() => Ok(()),
            left => Err(left),
        },
    )
    .await;
}

async fn events(engine: &Engine) -> EventStream {
    engine.events(&EventsQuery::default()).await.unwrap()
}

#[tokio::test]
async fn one_login_serves_everything_and_ends_with_the_last_user() {
    on_each(|lease| async move {
        let Some(sshd) = Sshd::start("") else { return };
        let engine = at(&sshd, "engine", &socket(&lease));
        engine.ping().await.unwrap();
        let mut streams = join_all((0..24).map(|_| events(&engine))).await;
        let id = start(&engine, &spec(&lease, "ssh", &["sleep", "60"])).await;
        for stream in &mut streams {
            assert!(stream.next().await.unwrap().unwrap().event.is_ok());
        }
        assert!(
            !engine
                .list_containers(&ListContainers::all())
                .await
                .unwrap()
                .is_empty()
        );
        let done = engine.exec(&id, &ExecSpec::new(["seq", "100000"])).await.unwrap();
        assert!(done.stdout.ends_with(b"\n100000\n") && done.exit_code == 0);
        engine.act(&id, &REMOVE).await.unwrap();
        assert_eq!(sshd.logins(), 1);

        let folders = folders_of(&sshd.config());
        assert!(
            !folders.is_empty() && folders.iter().all(|dir| mode(dir) == 0o700),
            "{folders:?}"
        );
        let clone = engine.clone();
        let mut last = streams.pop().unwrap();
        drop((engine, streams));
        clone.ping().await.unwrap();
        drop(clone);
        let local = client(&lease).await;
        let id = start(&local, &spec(&lease, "seen", &["true"])).await;
        while *last.next().await.unwrap().unwrap().event.unwrap().id != *id.as_str() {}
        assert_eq!(
            sshd.logins(),
            1,
            "a stream outlives the engine's handle, on the same login"
        );
        drop(last);
        nothing_is_left(&sshd.config()).await;
        assert!(folders.iter().all(|dir| !dir.exists()), "{folders:?}");
    })
    .await;
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_jump_host_is_gone_through() {
    on_each(|lease| async move {
        let Some(sshd) = Sshd::start("") else { return };
        let engine = at(&sshd, "far", &socket(&lease));
        engine.ping().await.unwrap();
        let _stream = events(&engine).await;
        assert_eq!(sshd.logins(), 2, "one to the jump host, one through it");
        drop((engine, _stream));
        nothing_is_left(&sshd.config()).await;
    })
    .await;
}

#[tokio::test]
async fn where_no_socket_is_forwarded_sessions_serve_up_to_their_bound() {
    on_each(|lease| async move {
        let Some(sshd) = Sshd::start_with_docker(SESSIONS_ONLY) else {
            return;
        };
        let engine = at(&sshd, "engine", &socket(&lease));
        engine.ping().await.unwrap();
        let id = start(&engine, &spec(&lease, "session", &["sleep", "60"])).await;
        let done = engine.exec(&id, &ExecSpec::new(["seq", "100000"])).await.unwrap();
        assert!(done.stdout.ends_with(b"\n100000\n") && done.exit_code == 0);
        // Connections that were kept make room for streams.
        join_all((0..4).map(|_| engine.ping())).await;
        let mut streams = Vec::new();
        for _ in 0..8 {
            streams.push(events(&engine).await);
        }
        let patience = EngineConfig::default().connect_timeout(Duration::from_millis(500));
        let error = engine.with(|_| patience).ping().await.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Timeout(TimeoutKind::Connect),
            "{error:?}"
        );
        assert!(error.to_string().contains("all 8 connections"), "{error}");
        streams.truncate(4);
        engine.act(&id, &REMOVE).await.unwrap();
        for stream in &mut streams {
            assert!(stream.next().await.unwrap().unwrap().event.is_ok());
        }
        assert_eq!(sshd.logins(), 1);
        drop((engine, streams));
        nothing_is_left(&sshd.config()).await;
    })
    .await;
}

#[tokio::test]
async fn without_forwarding_and_without_docker_both_are_named() {
    let options = format!("{SESSIONS_ONLY}SetEnv PATH=/nowhere\n");
    let Some(sshd) = Sshd::start(&options) else {
        return;
    };
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let engine = at(&sshd, "engine", fake.socket().unwrap());
    let error = engine.ping().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotInstalled, "{error:?}");
    assert!(error.to_string().contains("without a docker command"), "{error}");
    assert!(
        error.hint().unwrap().contains("AllowStreamLocalForwarding"),
        "{error:?}"
    );
    fake.stop().await;
}

#[tokio::test]
async fn a_login_outlives_an_engine_that_is_not_there() {
    let Some(sshd) = Sshd::start("SetEnv PATH=/nowhere\n") else {
        return;
    };
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let engine = at(&sshd, "engine", fake.socket().unwrap());
    fake.go_down().await;
    for _ in 0..3 {
        let error = engine.ping().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotInstalled, "{error:?}");
        assert!(error.is_connect() && error.is_transient() && error.to_string().contains("the login works"));
    }
    fake.come_up().await.unwrap();
    engine.ping().await.unwrap();
    fake.go_down().await;
    let error = engine.ping().await.unwrap_err();
    assert!(error.is_connect(), "nothing was sent to nobody: {error:?}");
    fake.come_up().await.unwrap();
    engine.ping().await.unwrap();
    assert_eq!(sshd.logins(), 1);
    fake.stop().await;
}

#[tokio::test]
async fn a_login_that_is_refused_or_not_trusted_says_so_once_for_all_who_wait() {
    let Some(sshd) = Sshd::start("") else { return };
    for (host, kind, says) in [
        ("stranger", ErrorKind::Permission, "login was refused"),
        (
            "unknown",
            ErrorKind::Untrusted(Distrust::UnknownHostKey),
            "not known here",
        ),
        (
            "changed",
            ErrorKind::Untrusted(Distrust::ChangedHostKey),
            "another than the one",
        ),
        ("nowhere.invalid", ErrorKind::Connect, "has no address"),
        ("-nope", ErrorKind::BadInput, ""),
    ] {
        if kind == ErrorKind::BadInput {
            assert!(format!("ssh://{host}").parse::<Endpoint>().is_err());
            continue;
        }
        let engine = at(&sshd, host, Path::new("/run/docker.sock"));
        let query = EventsQuery::default();
        for result in join_all((0..24).map(|_| engine.events(&query))).await {
            let error = result.err().unwrap();
            assert_eq!(error.kind(), kind, "{error:?}");
            assert!(
                error.to_string().contains(says) && error.hint().is_some(),
                "{error}"
            );
            assert!(
                error.is_connect() && std::error::Error::source(&error).is_some(),
                "{error:?}"
            );
        }
    }
    // One connection each that comes so far, and one that looked whether the server listens.
    assert_eq!((sshd.attempts(), sshd.logins()), (4, 0), "{}", sshd.log());
    nothing_is_left(&sshd.config()).await;
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_is_told_and_the_next_call_logs_in_again() {
    on_each(|lease| async move {
        let Some(mut sshd) = Sshd::start("") else {
            return;
        };
        let engine = at(&sshd, "engine", &socket(&lease));
        let mut stream = events(&engine).await;
        sshd.kill();
        // What other tests do on this engine may have come before.
        let error = loop {
            if let Err(error) = stream.next().await.unwrap() {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::Interrupted, "{error:?}");
        let other = engine.clone();
        comes_true("a ping says that nobody is there", async move || {
            let error = other.ping().await.unwrap_err();
            assert!(error.is_connect() && error.is_transient(), "{error:?}");
            // The login may be on its way out still.
            match error.to_string() {
                told if told.contains("cannot be reached") => Ok(()),
                told => Err(told),
            }
        })
        .await;
        sshd.restart().unwrap();
        // A failed login stands for a second.
        let other = engine.clone();
        comes_true("it logs in again", async move || other.ping().await.map(drop)).await;
        let _stream = events(&engine).await;
        assert_eq!(sshd.logins(), 2);
        drop((engine, stream, _stream));
        nothing_is_left(&sshd.config()).await;
    })
    .await;
}

#[tokio::test]
async fn a_login_that_hangs_is_given_up_in_time_and_leaves_nothing() {
    let Some(sshd) = Sshd::start("") else { return };
    let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let host = format!("engine:{}", silent.local_addr().unwrap().port());
    let engine = at(&sshd, &host, Path::new("/run/docker.sock"));
    let patience = EngineConfig::default().connect_timeout(Duration::from_millis(500));
    let error = engine.with(|_| patience).ping().await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Timeout(TimeoutKind::Connect),
        "{error:?}"
    );
    nothing_is_left(&sshd.config()).await;
    let mut ping = Box::pin(engine.ping());
    eventually("it logs in", async || {
        assert!(futures_util::poll!(&mut ping).is_pending());
        if clients_of(&sshd.config()).is_empty() {
            Err(())
        } else {
            Ok(())
        }
    })
    .await;
    drop(ping);
    nothing_is_left(&sshd.config()).await;
}
