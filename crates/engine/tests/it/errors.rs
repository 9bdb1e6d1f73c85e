//! Every fault that can be made here, what it is called, and what is said about it.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;
use longshore_core::{ContainerSpec, ObjectRef, Verb};
use longshore_engine::{
    Endpoint, Engine, EngineConfig, Error, ErrorKind, EventsQuery, ExecSpec, ListContainers, LogOptions,
    PutArchive, Upload,
};
use longshore_testkit::fake::{Fault, Script, Spec};
use longshore_testkit::{FakeConfig, FakeEngine};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const SHORT: Duration = Duration::from_millis(60);

/// The table: fault, kind and delivery, text, hint. Addresses that differ from run to run are written as `…`.
#[derive(Default)]
struct Table(String);

impl Table {
    fn row(&mut self, fault: &str, error: &Error) {
        let (kind, delivery) = (error.kind(), error.delivery());
        let text = without_addresses(&error.to_string());
        let _ = write!(self.0, "{fault}: {kind:?}, {delivery:?}\n    {text}\n");
        if let (ErrorKind::BadInput, Some(cause)) = (kind, std::error::Error::source(error)) {
            let _ = writeln!(self.0, "    because {cause}");
        }
        if let Some(hint) = error.hint() {
            let _ = writeln!(self.0, "    → {hint}");
        }
    }
}

fn without_addresses(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let is_ours = word.contains("/tmp/") || word.contains("127.0.0.1") || word.len() > 60;
        if is_ours { "…" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Answers each connection with `answer` and closes it.
async fn answering(answer: &'static [u8]) -> (tempfile::TempDir, Engine, tokio::task::JoinSet<()>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("docker.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        }
    });
    (
        dir,
        Engine::new(Endpoint::unix(path), EngineConfig::default()),
        tasks,
    )
}

fn at(path: &Path) -> Engine {
    Engine::new(Endpoint::unix(path), EngineConfig::default())
}

async fn places(table: &mut Table) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("docker.sock");
    table.row("no socket", &at(&path).ping().await.unwrap_err());
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    table.row("nobody listens", &at(&path).ping().await.unwrap_err());
    let long = dir.path().join("x".repeat(200));
    table.row("a path that no socket has", &at(&long).ping().await.unwrap_err());
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for (fault, address) in [
        ("a closed port", format!("tcp://{closed}")),
        (
            "a host that is not known",
            "tcp://no-such-host.invalid:2375".to_owned(),
        ),
    ] {
        let engine = Engine::new(address.parse().unwrap(), EngineConfig::default());
        table.row(fault, &engine.ping().await.unwrap_err());
    }
    for (fault, address) in [
        ("no address", ""),
        ("a scheme of nobody", "gopher://x"),
        ("a port that is none", "tcp://host:99999"),
        ("a password in an address", "tcp://me:secret@host:1"),
    ] {
        table.row(fault, &address.parse::<Endpoint>().unwrap_err());
    }
}

async fn answers(table: &mut Table) {
    for (fault, answer) in [
        ("closed without an answer", &b""[..]),
        ("half a head", b"HTTP/1.1 200 OK\r\nContent-Le"),
        ("half a body", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"A"),
        ("the banner of something else", b"SSH-2.0-OpenSSH_9.2\r\n"),
        (
            "an engine that wants TLS",
            b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
        ),
        (
            "a redirection",
            b"HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "a proxy without an engine",
            b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 18\r\n\r\n<h1>no engine</h1>",
        ),
        (
            "too long an answer",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx",
        ),
    ] {
        let (_dir, engine, _tasks) = answering(answer).await;
        table.row(fault, &engine.ping().await.unwrap_err());
    }
}

async fn statuses(table: &mut Table) {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let engine = Engine::connect(fake.endpoint().parse().unwrap(), EngineConfig::default())
        .await
        .unwrap();
    let web = ObjectRef::new("web").unwrap();
    let message = |text: &str| format!("{{\"message\":\"{text}\"}}");
    for (status, text) in [
        (400, "invalid filter 'x'"),
        (401, "authentication required"),
        (403, "authorization denied by plugin"),
        (404, "No such container: web"),
        (404, "page not found"),
        (409, "container web is paused, unpause the container before"),
        (429, "too many requests"),
        (500, "driver failed"),
        (500, "container state improper"),
        (501, "configured logging driver does not support reading"),
        (503, "starting"),
        (504, "took too long"),
    ] {
        fake.faults().answer("/json", status, message(text));
        let error = engine.inspect_container(&web).await.unwrap_err();
        table.row(&format!("{status} {text:?}"), &error);
    }
    for text in [
        "client version 1.24 is too old. Minimum supported API version is 1.44, please upgrade your client",
        "client version 1.51 is too new. Maximum supported API version is 1.41",
    ] {
        fake.faults().times(
            2,
            "/json",
            Fault::Answer {
                status: 400,
                body: message(text),
            },
        );
        let error = engine.inspect_container(&web).await.unwrap_err();
        table.row("no common version", &error);
        fake.faults().clear();
    }
    fake.faults().answer("/containers/json", 200, "[{]");
    let error = engine.list_containers(&ListContainers::all()).await.unwrap_err();
    table.row("JSON that is none", &error);
    fake.stop().await;
}

async fn limits(table: &mut Table) {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    fake.add_containers(3);
    let engine = Engine::connect(fake.endpoint().parse().unwrap(), EngineConfig::default())
        .await
        .unwrap()
        .with(|config| config.max_idle_connections(0));
    let all = ListContainers::all();
    fake.faults().stall_after("/containers/json", 300);
    let error = engine
        .with(|config| config.idle_timeout(SHORT))
        .list_containers(&all)
        .await;
    table.row("an engine that stops in the middle", &error.unwrap_err());
    fake.faults()
        .once("/containers/json", Fault::Delay(Duration::from_secs(5)));
    let error = engine
        .with(|config| config.total_timeout(SHORT))
        .list_containers(&all)
        .await;
    table.row("an engine that takes too long", &error.unwrap_err());
    fake.faults().clear();
    let error = engine
        .with(|config| config.max_body(100))
        .list_containers(&all)
        .await;
    table.row("an answer over the limit", &error.unwrap_err());
    fake.freeze(true);
    let error = engine
        .with(|config| config.head_timeout(SHORT))
        .list_containers(&all)
        .await;
    table.row("a frozen engine", &error.unwrap_err());
    fake.freeze(false);
    fake.stop().await;
}

async fn calls(table: &mut Table) {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let id = fake.create(Spec::new("sample").name("web")).await.unwrap();
    let web = ObjectRef::new("web").unwrap();
    let engine = Engine::connect(fake.endpoint().parse().unwrap(), EngineConfig::default())
        .await
        .unwrap();
    let nobody = ObjectRef::new("nobody").unwrap();
    table.row(
        "nobody of that name",
        &engine.inspect_container(&nobody).await.unwrap_err(),
    );
    let spec = ContainerSpec::new("sample").name("web");
    table.row(
        "a name that is taken",
        &engine.create_container(&spec).await.unwrap_err(),
    );
    let spec = ContainerSpec::new("no/such:image");
    table.row(
        "an image that is not there",
        &engine.create_container(&spec).await.unwrap_err(),
    );
    let spec = ContainerSpec::new("sample").name("../etc");
    table.row(
        "a name that is none",
        &engine.create_container(&spec).await.unwrap_err(),
    );
    let spec = ContainerSpec::new("sample").env("", "hunter2");
    table.row(
        "a variable without a name",
        &engine.create_container(&spec).await.unwrap_err(),
    );
    let none = ExecSpec::new([""; 0]);
    table.row("no program", &engine.exec(&web, &none).await.unwrap_err());
    let error = engine.exec(&web, &ExecSpec::new(["true"])).await.unwrap_err();
    table.row("a command in what does not run", &error);
    let neither = LogOptions {
        stdout: false,
        stderr: false,
        ..LogOptions::default()
    };
    table.row(
        "a log of neither stream",
        &engine.logs(&web, &neither).await.unwrap_err(),
    );

    engine.act(&web, &Verb::Start).await.unwrap();
    fake.on_exec(&["sleep"], Script::exits(0).stays());
    let slow = ExecSpec::new(["sleep", "60"]).timeout(SHORT);
    table.row(
        "a command that takes too long",
        &engine.exec(&web, &slow).await.unwrap_err(),
    );
    fake.on_exec(&["odd"], Script::exits(0).raw(&b"\x07\0\0\0\0\0\0\x01x"[..]));
    let error = engine.exec(&web, &ExecSpec::new(["odd"])).await.unwrap_err();
    table.row("a frame of a stream that is none", &error);
    fake.on_exec(&["cut"], Script::exits(0).raw(&b"\x01\0\0\0\0\0\0\x09x"[..]));
    let error = engine.exec(&web, &ExecSpec::new(["cut"])).await.unwrap_err();
    table.row("a frame that is cut", &error);

    fake.log(&id, false, "x".repeat(1_000)).unwrap();
    fake.faults().cut_after("/logs", 600);
    let mut logs = engine.logs(&web, &LogOptions::default()).await.unwrap();
    let error = loop {
        if let Err(error) = logs.next().await.expect("an error is the last item") {
            break error;
        }
    };
    table.row("a log that breaks off", &error);
    let error = engine.events(&EventsQuery::default().since("yesterday")).await;
    table.row("a since that is none", &error.unwrap_err());
    let failing = futures_util::stream::iter([Err(std::io::Error::other("the disk is gone"))]);
    let put = engine.put_archive(&web, "/", Upload::from_stream(failing), PutArchive::default());
    table.row("an upload that cannot be read", &put.await.unwrap_err());
    fake.stop().await;
}

#[tokio::test]
async fn every_fault_has_a_kind_and_a_text() {
    let mut table = Table::default();
    places(&mut table).await;
    answers(&mut table).await;
    statuses(&mut table).await;
    limits(&mut table).await;
    calls(&mut table).await;
    let faults = table.0.lines().filter(|line| !line.starts_with(' ')).count();
    assert!(faults >= 40, "{faults}");
    assert!(!table.0.contains("secret") && !table.0.contains("hunter2"));
    insta::assert_snapshot!(table.0, @r#"
    no socket: NotInstalled, NotSent
        cannot connect to the engine at … there is no such socket
        → start the engine, or set DOCKER_HOST to where it listens
    nobody listens: NotInstalled, NotSent
        cannot connect to the engine at … the socket is there, but no engine listens on it
        → start the engine, or set DOCKER_HOST to where it listens
    a path that no socket has: Connect, NotSent
        cannot connect to the engine at … no connection
    a closed port: NotInstalled, NotSent
        cannot connect to the engine at … nothing listens at this address
        → check host and port, and that the engine listens on TCP
    a host that is not known: Connect, NotSent
        cannot connect to the engine at tcp://no-such-host.invalid:2375: no connection
    no address: BadInput, NotSent
        cannot read the engine's address: it has no scheme
        → write unix:///path/to/docker.sock, tcp://host:2375, https://host:2376 or ssh://user@host
    a scheme of nobody: BadInput, NotSent
        cannot read the engine's address: its scheme is not one of unix, tcp, http, https, ssh, npipe
    a port that is none: BadInput, NotSent
        cannot read the engine's address: its port is not a number from 1 to 65535
    a password in an address: BadInput, NotSent
        cannot read the engine's address: it contains user information
        → remove the part before the @ sign
    closed without an answer: Interrupted, Unknown
        cannot ping the engine: the connection was lost before the answer was complete
    half a head: Interrupted, Unknown
        cannot ping the engine: the connection was lost before the answer was complete
    half a body: Interrupted, Unknown
        cannot ping the engine: the connection was lost before the answer was complete
    the banner of something else: Protocol, Answered
        cannot ping the engine: the answer is not what the protocol says
    an engine that wants TLS: BadInput, Answered
        cannot ping the engine: Client sent an HTTP request to an HTTPS server. (status 400)
        → this address wants TLS: set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, or use a context
    a redirection: Protocol, Answered
        cannot ping the engine: the answer is not what the protocol says (status 301)
    a proxy without an engine: Status, Answered
        cannot ping the engine: <h1>no engine</h1> (status 502)
    too long an answer: TooLarge, Answered
        cannot ping the engine: the answer has more than 67108864 bytes
    400 "invalid filter 'x'": BadInput, Answered
        cannot inspect the container web: invalid filter 'x' (status 400)
    401 "authentication required": Permission, Answered
        cannot inspect the container web: authentication required (status 401)
    403 "authorization denied by plugin": Permission, Answered
        cannot inspect the container web: authorization denied by plugin (status 403)
    404 "No such container: web": NotFound, Answered
        cannot inspect the container web: No such container: web (status 404)
    404 "page not found": Protocol, Answered
        cannot inspect the container web: page not found (status 404)
    409 "container web is paused, unpause the container before": Conflict, Answered
        cannot inspect the container web: container web is paused, unpause the container before (status 409)
    429 "too many requests": Status, Answered
        cannot inspect the container web: too many requests (status 429)
    500 "driver failed": Status, Answered
        cannot inspect the container web: driver failed (status 500)
    500 "container state improper": Conflict, Answered
        cannot inspect the container web: container state improper (status 500)
    501 "configured logging driver does not support reading": Status, Answered
        cannot inspect the container web: configured logging driver does not support reading (status 501)
    503 "starting": Status, Answered
        cannot inspect the container web: starting (status 503)
    504 "took too long": Status, Answered
        cannot inspect the container web: took too long (status 504)
    no common version: Version, Answered
        cannot inspect the container web: client version 1.24 is too old. Minimum supported API version is 1.44, please upgrade your client (status 400)
        → engine and client share no version of the API: upgrade the older of the two
    no common version: Version, Answered
        cannot inspect the container web: client version 1.51 is too new. Maximum supported API version is 1.41 (status 400)
        → engine and client share no version of the API: upgrade the older of the two
    JSON that is none: Protocol, Answered
        cannot list containers: the answer has another form than expected
    an engine that stops in the middle: Timeout(Idle), Unknown
        cannot list containers: the engine stopped in the middle of its answer
    an engine that takes too long: Timeout(Total), Unknown
        cannot list containers: the whole call took too long
    an answer over the limit: TooLarge, Answered
        cannot list containers: the answer has more than 100 bytes
    a frozen engine: Timeout(Head), Unknown
        cannot list containers: the engine did not begin to answer in time
    nobody of that name: NotFound, Answered
        cannot inspect the container nobody: No such container: nobody (status 404)
    a name that is taken: Conflict, Answered
        cannot create the container web: Conflict. The container name "/web" is already in use by container … You have to remove (or rename) that container to be able to reuse that name. (status 409)
    an image that is not there: NotFound, Answered
        cannot create the container no/such:image: No such image: no/such:image (status 404)
        → pull the image first
    a name that is none: BadInput, NotSent
        cannot create the container ../etc: the spec is not valid
        because name: "../etc": at least two of letters, digits, '_', '.' and '-', the first a letter or a digit
    a variable without a name: BadInput, NotSent
        cannot create the container sample: the spec is not valid
        because env: variable 1 has no name or holds a NUL
    no program: BadInput, NotSent
        cannot run the command in the container web: there is no program to run
    a command in what does not run: Conflict, Answered
        cannot run the command in the container web: container … is not running (status 409)
    a log of neither stream: BadInput, NotSent
        cannot read logs of the container web: neither stdout nor stderr is wanted
    a command that takes too long: Timeout(Total), Unknown
        cannot run the command in the container web: it did not end within 60ms and may still run
        → an engine has no call that ends a command: use longshore-runtime's exec, or restart the container to be sure
    a frame of a stream that is none: Protocol, Answered
        cannot run the command in the container web: the answer is not what the protocol says
    a frame that is cut: Interrupted, Unknown
        cannot run the command in the container web: the connection was lost before the answer was complete
    a log that breaks off: Interrupted, Unknown
        cannot read logs of the container web: the connection was lost before the answer was complete
    a since that is none: Status, Answered
        cannot follow the engine's events: parsing time "yesterday" as a stamp: cannot parse "yesterday" (status 500)
    an upload that cannot be read: BadInput, Unknown
        cannot copy into the container web: what was to be sent could not be read
        because error from user's Body stream
    "#);
}
