//! Pulls that are shared: one call for all callers, one result, one end.

use std::sync::Arc;
use std::time::Duration;

use longshore_engine::{Credentials, Endpoint, Engine, EngineConfig, ErrorKind, PullImage};
use longshore_runtime::{PullError, Puller};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;

/// An engine whose pulls say what a test says.
struct Script {
    puller: Puller,
    say: broadcast::Sender<&'static str>,
    /// How many pulls are open, and how many there were.
    pulls: watch::Sender<(usize, usize)>,
    _tasks: JoinSet<()>,
    _folder: tempfile::TempDir,
}

fn script() -> Script {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    let say = broadcast::Sender::new(16);
    let pulls = watch::Sender::new((0, 0));
    let mut tasks = JoinSet::new();
    let (told, counted) = (say.clone(), pulls.clone());
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(answer(stream, told.subscribe(), counted.clone()));
        }
    });
    let engine = Engine::new(Endpoint::unix(socket), EngineConfig::default());
    Script {
        puller: Puller::new(engine),
        say,
        pulls,
        _tasks: tasks,
        _folder: folder,
    }
}

async fn answer(
    mut stream: UnixStream,
    mut said: broadcast::Receiver<&'static str>,
    pulls: watch::Sender<(usize, usize)>,
) {
    let mut request = vec![0; 16 * 1024];
    let read = stream.read(&mut request).await.unwrap_or(0);
    let head = "HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nConnection: close\r\n";
    if String::from_utf8_lossy(&request[..read]).contains("/_ping") {
        let _ = stream
            .write_all(format!("{head}Content-Length: 2\r\n\r\nOK").as_bytes())
            .await;
        return;
    }
    let _ = stream.write_all(format!("{head}\r\n").as_bytes()).await;
    pulls.send_modify(|(open, all)| (*open, *all) = (*open + 1, *all + 1));
    loop {
        tokio::select! {
            // Empty text is the end.
            text = said.recv() => match text {
                Ok("") | Err(RecvError::Closed) => break,
                Err(RecvError::Lagged(_)) => {}
                Ok(text) => drop(stream.write_all(text.as_bytes()).await),
            },
            _ = stream.read(&mut request) => break,
        }
    }
    pulls.send_modify(|(open, _)| *open -= 1);
}

impl Script {
    fn pull(&self, options: &PullImage) -> longshore_runtime::Pull {
        self.puller.pull(&"app:1".parse().unwrap(), options)
    }

    async fn open(&self, open: usize, all: usize) {
        let seen = self
            .pulls
            .subscribe()
            .wait_for(|pulls| *pulls == (open, all))
            .await
            .map(|pulls| *pulls);
        assert_eq!(seen.unwrap(), (open, all));
    }
}

const DIGEST: &str = "{\"status\":\"Digest: sha256:77\"}\n{\"status\":\"Status: Downloaded newer image\"}\n";
const HALF: &str =
    "{\"status\":\"Downloading\",\"id\":\"a\",\"progressDetail\":{\"current\":1,\"total\":2}}\n";

#[tokio::test]
async fn callers_of_the_same_pull_share_one_call_and_its_result() {
    let script = script();
    let plain = PullImage::default();
    let mut pulls: Vec<_> = (0..10).map(|_| script.pull(&plain)).collect();
    script.open(1, 1).await;
    script.say.send(HALF).unwrap();
    for pull in &mut pulls {
        assert_eq!(pull.changed().await.unwrap().fraction, Some(0.35));
    }
    let mut late = script
        .puller
        .pull(&"docker.io/library/app:1".parse().unwrap(), &plain);
    assert_eq!(
        late.changed().await.unwrap().fraction,
        Some(0.35),
        "who comes late sees how it stands"
    );
    pulls.push(late);
    script.say.send(DIGEST).unwrap();
    script.say.send("").unwrap();
    for mut pull in pulls {
        while pull.changed().await.is_some() {}
        let done = pull.finish().await.unwrap();
        assert_eq!(
            (done.digest.as_deref(), done.is_new),
            (Some("sha256:77"), Some(true))
        );
    }
    script.open(0, 1).await;
    drop(script.pull(&plain));
    let held = script.pull(&plain);
    script.open(1, 2).await;
    drop(held);
    script.open(0, 2).await;
}

#[tokio::test]
async fn what_differs_in_platform_or_credentials_is_not_shared() {
    let script = script();
    let me = |password: &str| PullImage::default().credentials(Credentials::password("me", password));
    let options = [
        PullImage::default(),
        PullImage::default().platform("linux/arm64".parse().unwrap()),
        me("a"),
        me("b"),
    ];
    let pulls: Vec<_> = options
        .iter()
        .chain(&options)
        .map(|options| script.pull(options))
        .collect();
    script.open(4, 4).await;
    drop(pulls);
    script.open(0, 4).await;
}

#[tokio::test]
async fn the_last_who_goes_ends_it_and_nobody_before() {
    let script = script();
    let plain = PullImage::default();
    let (one, mut two) = (script.pull(&plain), script.pull(&plain));
    script.open(1, 1).await;
    drop(one);
    script.say.send(HALF).unwrap();
    assert!(two.changed().await.is_some(), "it goes on for who stays");
    drop(two);
    script.open(0, 1).await;
}

#[tokio::test]
async fn a_failure_is_everybodys_and_the_next_caller_begins_anew() {
    let script = script();
    let plain = PullImage::default();
    let pulls = [script.pull(&plain), script.pull(&plain)];
    script.open(1, 1).await;
    script
        .say
        .send("{\"errorDetail\":{\"message\":\"no space left on device\"}}\n")
        .unwrap();
    for pull in pulls {
        let error = pull.finish().await.unwrap_err();
        assert_eq!(error.engine().unwrap().kind(), ErrorKind::Failed);
        assert!(error.to_string().contains("no space left"), "{error}");
        let again = script.pull(&plain);
        drop(again);
    }
    let anew = script.pull(&plain);
    let seen = script
        .pulls
        .subscribe()
        .wait_for(|pulls| pulls.0 == 1 && pulls.1 > 1)
        .await
        .map(|_| ());
    seen.unwrap();
    script.puller.close().await;
    assert!(matches!(anew.finish().await, Err(PullError::Closed)));
    assert!(matches!(
        script.pull(&plain).finish().await,
        Err(PullError::Closed)
    ));
}

#[tokio::test]
async fn progress_is_told_no_more_often_than_it_is_read() {
    let script = script();
    let mut pull = script.pull(&PullImage::default());
    script.open(1, 1).await;
    let say = script.say.clone();
    let flood = async move {
        for _ in 0..300 {
            say.send(HALF).unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        say.send("").unwrap();
    };
    let counted = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = Arc::clone(&counted);
    let reading = async move {
        while pull.changed().await.is_some() {
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    };
    let began = std::time::Instant::now();
    tokio::join!(flood, reading);
    let most = began.elapsed().as_millis() / 100 + 2;
    let counted = counted.load(std::sync::atomic::Ordering::Relaxed) as u128;
    assert!(
        (1..=most).contains(&counted),
        "{counted} updates of 300, at most {most}"
    );
}
