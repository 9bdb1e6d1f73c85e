//! The four time limits and the sizes: each fires by itself, and the error says which.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use longshore_core::ObjectRef;
use longshore_engine::{
    Endpoint, Engine, EngineConfig, ErrorKind, EventsQuery, ListContainers, LogOptions, TimeoutKind,
};
use longshore_testkit::fake::{Fault, Spec};
use longshore_testkit::{FakeConfig, FakeEngine};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const SHORT: Duration = Duration::from_millis(60);
const LONG: Duration = Duration::from_secs(20);

/// Limits that cannot be what fires.
fn patient() -> EngineConfig {
    EngineConfig::default()
        .connect_timeout(LONG)
        .head_timeout(LONG)
        .idle_timeout(LONG)
        .total_timeout(LONG)
}

fn engine(fake: &FakeEngine, config: EngineConfig) -> Engine {
    Engine::new(fake.endpoint().parse().unwrap(), config)
}

/// Answers each connection with `answer`, and keeps it open.
async fn answering(answer: Vec<u8>) -> (tempfile::TempDir, Endpoint, tokio::task::JoinSet<()>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("docker.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&answer).await;
            open.push(stream);
        }
    });
    (dir, Endpoint::unix(path), tasks)
}

#[tokio::test]
async fn a_full_queue_is_waited_for_and_then_the_connection_times_out() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("docker.sock");
    let address = SocketAddrUnix::new(&path).unwrap();
    let socket = || {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap()
    };
    let listener = socket();
    rustix::net::bind(&listener, &address).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let waiting: Vec<_> = std::iter::repeat_with(socket)
        .take_while(|socket| rustix::net::connect(socket, &address).is_ok())
        .collect();
    assert!(!waiting.is_empty());
    let began = Instant::now();
    let engine = Engine::new(Endpoint::unix(&path), patient().connect_timeout(SHORT));
    let error = engine.ping().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutKind::Connect));
    assert!(error.is_connect() && error.is_transient() && began.elapsed() >= SHORT);
}

#[tokio::test]
async fn a_frozen_engine_is_told_by_the_head_alone() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let patient = engine(&fake, patient());
    patient.ping().await.unwrap();
    // Only what is to fail is hasty: on a busy machine an answer may take longer.
    let engine = patient.with(|config| config.head_timeout(SHORT));
    fake.freeze(true);
    let error = engine.list_containers(&ListContainers::all()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutKind::Head));
    assert!(!error.is_connect() && error.is_transient());
    let error = engine.events(&EventsQuery::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutKind::Head));
    fake.freeze(false);
    patient.list_containers(&ListContainers::all()).await.unwrap();
    fake.stop().await;
}

#[tokio::test]
async fn a_stalled_answer_is_told_by_the_idle_limit() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let id = fake.create(Spec::new("sample").name("web")).await.unwrap();
    let id = ObjectRef::new(&id).unwrap();
    let engine = engine(&fake, patient().max_idle_connections(0));
    engine.ping().await.unwrap();
    let engine = engine.with(|config| config.idle_timeout(SHORT));
    fake.faults()
        .stall_after(format!("GET /containers/{id}/json").as_str(), 250);
    let error = engine.inspect_container(&id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutKind::Idle));
    fake.log(id.as_str(), false, "x".repeat(1000)).unwrap();
    fake.faults().stall_after("/logs", 400);
    let mut logs = engine.logs(&id, &LogOptions::default()).await.unwrap();
    let error = loop {
        match logs.next().await.unwrap() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutKind::Idle));
    assert!(logs.next().await.is_none());
    fake.stop().await;
}

#[tokio::test]
async fn a_dribbling_answer_is_told_by_the_total_limit() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let engine = engine(&fake, patient());
    engine.ping().await.unwrap();
    fake.faults()
        .once("GET /containers/json", Fault::Delay(Duration::from_secs(5)));
    let hasty = engine.with(|config| config.total_timeout(SHORT));
    let error = hasty.list_containers(&ListContainers::all()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout(TimeoutKind::Total));
    fake.faults().always("GET /containers/json", Fault::Dribble(1));
    assert!(
        engine
            .list_containers(&ListContainers::all())
            .await
            .unwrap()
            .is_empty()
    );
    fake.stop().await;
}

#[tokio::test]
async fn nobody_there_is_said_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("docker.sock");
    let engine = Engine::new(Endpoint::unix(&path), EngineConfig::default());
    let error = engine.ping().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotInstalled);
    assert!(
        error.is_connect() && error.hint().is_some() && error.to_string().contains("docker.sock"),
        "{error}"
    );
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let error = engine.ping().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotInstalled);

    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let engine = Engine::new(
        format!("tcp://{closed}").parse().unwrap(),
        EngineConfig::default(),
    );
    let error = engine.list_containers(&ListContainers::all()).await.unwrap_err();
    assert!(error.is_connect() && error.hint().is_some(), "{error:?}");
}

#[tokio::test]
async fn an_answer_over_the_limit_is_refused() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    fake.add_containers(50);
    let engine = engine(&fake, patient().max_body(4096));
    let error = engine.list_containers(&ListContainers::all()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(!error.is_transient());
    fake.stop().await;

    let lie = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\nx".to_vec();
    let (_dir, endpoint, _tasks) = answering(lie).await;
    let error = Engine::new(endpoint, patient()).ping().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[tokio::test]
async fn what_is_no_http_is_a_breach_of_protocol() {
    for rubbish in [
        &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
        b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"HTTP/9.9 200 OK\r\n\r\n",
    ] {
        let (_dir, endpoint, _tasks) = answering(rubbish.to_vec()).await;
        let error = Engine::new(endpoint, patient()).ping().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error:?}");
    }
    let endless = [b"HTTP/1.1 200 OK\r\nX-Long: ".to_vec(), vec![b'x'; 2 << 20]].concat();
    let (_dir, endpoint, _tasks) = answering(endless).await;
    let error = Engine::new(endpoint, patient()).ping().await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::TooLarge | ErrorKind::Protocol),
        "{error:?}"
    );
}
