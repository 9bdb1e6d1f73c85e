//! What the tests here share.

use std::path::PathBuf;
use std::time::Duration;

use longshore_core::{ContainerSpec, ObjectRef, Verb};
use longshore_engine::{Engine, EngineConfig, LogStream, StdStream};
use longshore_testkit::lease::{IMAGE, LABEL, Lease};
use longshore_testkit::raw::Target;
use longshore_testkit::{FakeEngine, eventually};

use futures_util::TryStreamExt as _;

/// A client of a leased engine.
pub(crate) async fn client(lease: &Lease) -> Engine {
    Engine::connect(lease.docker_host().parse().unwrap(), EngineConfig::default())
        .await
        .unwrap()
}

/// Whether the engine is Podman. What it does otherwise than Docker is asserted where it does; docs/engines.md lists it.
pub(crate) fn is_podman(lease: &Lease) -> bool {
    lease.engine_name() == "podman"
}

/// The sample image's name in lists: Podman puts the registry in front that Docker leaves out.
pub(crate) fn sample(lease: &Lease) -> String {
    let registry = if is_podman(lease) { "docker.io/" } else { "" };
    format!("{registry}{IMAGE}")
}

/// A client of a fake engine that keeps no connection, so that a fault hits the call that it was made for.
pub(crate) fn careless(fake: &FakeEngine) -> Engine {
    let config = EngineConfig::default()
        .max_idle_connections(0)
        .head_timeout(Duration::from_secs(5));
    Engine::new(fake.endpoint().parse().unwrap(), config)
}

/// A spec that belongs to the lease, without a network.
pub(crate) fn spec(lease: &Lease, suffix: &str, argv: &[&str]) -> ContainerSpec {
    let mut spec = ContainerSpec::new(IMAGE)
        .name(lease.name(suffix))
        .cmd(argv.to_vec())
        .label(LABEL, lease.run_id());
    spec.network_mode = Some("none".to_owned());
    spec.init = true;
    spec
}

/// Creates and starts.
pub(crate) async fn start(engine: &Engine, spec: &ContainerSpec) -> ObjectRef {
    let created = engine.create_container(spec).await.unwrap();
    let id = ObjectRef::from(&created.id);
    engine.act(&id, &Verb::Start).await.unwrap();
    id
}

/// All of a log, by stream.
pub(crate) async fn read_all(logs: LogStream) -> Result<(String, String), longshore_engine::Error> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let frames: Vec<_> = logs.try_collect().await?;
    for frame in frames {
        match frame.stream {
            StdStream::Stdout => out.extend_from_slice(&frame.bytes),
            StdStream::Stderr => err.extend_from_slice(&frame.bytes),
        }
    }
    Ok((String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap()))
}

/// A name that no object has.
pub(crate) fn nobody() -> ObjectRef {
    ObjectRef::new("no-such-container").unwrap()
}

/// `eventually` within a task that may move between threads, of which its own future cannot be a part.
pub(crate) async fn comes_true<E: std::fmt::Debug>(
    what: &'static str,
    look: impl AsyncFnMut() -> Result<(), E> + Send + 'static,
) {
    let runtime = tokio::runtime::Handle::current();
    let waiting = move || runtime.block_on(eventually(what, look));
    tokio::task::spawn_blocking(waiting).await.unwrap();
}

/// Does what an engine does for one caller at a time (a prune, the disk usage) when its turn has come.
pub(crate) async fn unless_busy<T, F>(mut call: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, longshore_engine::Error>>,
{
    // Not `eventually`: a future that holds its closure is not `Send` here.
    for _ in 0..400 {
        match call().await {
            Err(error) if error.is_conflict() || is_removing(&error) => {
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
            result => return result.unwrap(),
        }
    }
    panic!("the engine is never free");
}

/// What Podman says when something that it counts goes meanwhile.
fn is_removing(error: &longshore_engine::Error) -> bool {
    const SAID: [&str; 6] = [
        "no such container",
        "no such volume",
        "no such file or directory",
        "image not known",
        "layer not known",
        "size is not known",
    ];
    let said = |text: &str| SAID.iter().any(|said| text.contains(said));
    error.status() == Some(500) && error.message().is_some_and(said)
}

/// The path of the socket that the leased engine listens on.
pub(crate) fn socket(lease: &Lease) -> PathBuf {
    match lease.target() {
        Target::Unix(path) => path.clone(),
        Target::Tcp(_) => panic!("the engines of a test run listen on unix sockets"),
    }
}

/// Removes what runs, too.
pub(crate) const REMOVE: Verb = Verb::Remove {
    force: true,
    volumes: true,
};
