//! The event monitor under load: from an event at the engine's socket to the message at each of many subscribers, and what
//! the server takes for it.
//!
//! The server is a process of its own (this program again), so that its processor time is its own; the fake engine and the
//! subscribers are here. A subscriber is a bare TCP connection that finds events in the bytes: it costs less than what it
//! measures.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use longshore_fleet::FleetConfig;
use longshore_server::{Server, ServerConfig};
use longshore_store::{Role, Store};
use longshore_testkit::fake::{Draft, FakeConfig, FakeEngine};
use memchr::memmem;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    Result,
    figures::Figures,
    op::monotonic_ns,
    sampling::{resident, threads},
};

/// Longer than anything here takes; it only ends a run that would hang.
const PATIENCE: Duration = Duration::from_secs(60);
/// For how long each load is told.
const SPAN: Duration = Duration::from_secs(10);
/// What comes before the time in an event: it is the object's id.
const MARK: &[u8] = br#""actor":{"id":""#;

/// How many listen to how much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) subscribers: usize,
    /// Events a second.
    pub(crate) rate: u32,
    /// Arrays of messages.
    pub(crate) batch: bool,
    /// The most that the 99th percentile may be, in microseconds.
    pub(crate) limit: f64,
}

/// The loads that are promised.
pub(crate) const LOADS: [Load; 2] = [
    Load {
        subscribers: 1_000,
        rate: 20,
        batch: false,
        limit: 30_000.0,
    },
    Load {
        subscribers: 100,
        rate: 1_000,
        batch: true,
        limit: 10_000.0,
    },
];

/// What came of a load.
pub(crate) struct Outcome {
    pub(crate) load: Load,
    /// Microseconds from the engine to each subscriber.
    pub(crate) latency: Figures,
    /// Messages that came, of those that should.
    pub(crate) came: usize,
    pub(crate) due: usize,
    /// Percent of one processor that the server took.
    pub(crate) percent: f64,
}

/// Is the server, until its input ends: how this program starts itself.
pub(crate) async fn serve(host: &str, data: &Path) -> Result<()> {
    let store = Store::open(data).await?;
    let now = std::time::SystemTime::now().into();
    let token = store.create_token("bench", Role::Viewer, now).await?;
    store.close().await;
    let mut config = ServerConfig::new("127.0.0.1:0".parse()?, data, FleetConfig::at(host.parse()?))
        .max_streams(LOADS.iter().map(|load| load.subscribers).max().unwrap_or(0) + 8);
    config.max_connections = config.max_streams;
    let server = Server::bind(config).await?;
    println!("{} {}", server.address(), token.reveal());
    let stop = CancellationToken::new();
    let serving = server.serve(stop.clone());
    let ended = async {
        let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
        stop.cancel();
    };
    tokio::join!(serving, ended);
    Ok(())
}

pub(crate) struct Process {
    child: Child,
    address: String,
    token: String,
    _data: tempfile::TempDir,
}

impl Process {
    pub(crate) async fn start(host: &str) -> Result<Self> {
        let data = tempfile::tempdir()?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--host", host, "--serve"])
            .arg(data.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child.stdout.take().ok_or("no stdout")?;
        let line = timeout(PATIENCE, BufReader::new(stdout).lines().next_line()).await??;
        let line = line.ok_or("the server did not start")?;
        let (address, token) = line.split_once(' ').ok_or("the server says something else")?;
        Ok(Self {
            child,
            address: address.to_owned(),
            token: token.to_owned(),
            _data: data,
        })
    }

    /// Nanoseconds on a processor so far.
    fn time(&self) -> u64 {
        self.child.id().map_or(0, threads)
    }

    /// Bytes of memory that it holds.
    pub(crate) fn resident(&self) -> Result<u64> {
        let pid = self.child.id().ok_or("the server has ended")?;
        resident(pid)
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        timeout(PATIENCE, self.child.wait()).await??;
        Ok(())
    }

    pub(crate) async fn subscribe(&self, batch: bool) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).await?;
        let query = if batch { "?batch=1" } else { "" };
        let head = format!(
            "GET /api/v1/events/ws{query} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.address, self.token
        );
        stream.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            // Byte by byte, so that nothing of what follows is taken.
            answer.push(timeout(PATIENCE, stream.read_u8()).await??);
        }
        if !answer.starts_with(b"HTTP/1.1 101") {
            return Err(String::from_utf8_lossy(&answer).into_owned().into());
        }
        Ok(stream)
    }
}

/// What all subscribers saw.
type Seen = Arc<Mutex<Vec<f64>>>;

/// Reads until the connection ends: notes for each event how long it took.
async fn listen(mut stream: TcpStream, seen: Seen) {
    let (mut buffer, mut held) = (vec![0; 64 * 1024], 0);
    let finder = memmem::Finder::new(MARK);
    while let Ok(more @ 1..) = stream.read(&mut buffer[held..]).await {
        let (now, end) = (monotonic_ns(), held + more);
        let mut from = 0;
        let mut times = Vec::new();
        while let Some(at) = finder.find(&buffer[from..end]) {
            let digits = from + at + MARK.len();
            let Some(len) = buffer[digits..end].iter().position(|byte| *byte == b'"') else {
                break;
            };
            let sent = std::str::from_utf8(&buffer[digits..digits + len]).ok();
            // What is no time is an event of the engine's own.
            if let Some(sent) = sent.and_then(|text| text.parse::<i64>().ok()) {
                times.push((now - sent) as f64 / 1e3);
            }
            from = digits + len;
        }
        // A mark may be cut in two.
        let keep = from.max(end.saturating_sub(64));
        buffer.copy_within(keep..end, 0);
        held = end - keep;
        seen.lock().unwrap_or_else(PoisonError::into_inner).extend(times);
    }
}

/// Emits at a pace, each event with the time in its id.
pub(crate) async fn emit(engine: &FakeEngine, rate: u32, count: usize) {
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for _ in 0..count {
        ticks.tick().await;
        let draft = Draft::new("container", "start", &monotonic_ns().to_string())
            .with("image", "registry.example/shop/web:2.4")
            .with("name", "shop-web-1")
            .with("com.docker.compose.project", "shop")
            .with("com.docker.compose.service", "web");
        engine.emit(draft).await;
    }
}

async fn run(engine: &FakeEngine, load: Load) -> Result<Outcome> {
    let server = Process::start(&engine.endpoint()).await?;
    let seen = Seen::default();
    let mut listeners = JoinSet::new();
    for _ in 0..load.subscribers {
        let stream = server.subscribe(load.batch).await?;
        listeners.spawn(listen(stream, Arc::clone(&seen)));
    }
    let read = || std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    let until = async |due: usize| {
        let begun = Instant::now();
        while seen.lock().unwrap_or_else(PoisonError::into_inner).len() < due && begun.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // Everybody stands, and everything is warm.
    let warm = load.rate as usize;
    emit(engine, load.rate, warm).await;
    until(warm * load.subscribers).await;
    let _ = read();
    let count = load.rate as usize * usize::try_from(SPAN.as_secs())?;
    let due = count * load.subscribers;
    let (before, begun) = (server.time(), Instant::now());
    emit(engine, load.rate, count).await;
    let percent = server.time().saturating_sub(before) as f64 / begun.elapsed().as_nanos() as f64 * 100.0;
    until(due).await;
    let times = read();
    listeners.shutdown().await;
    server.stop().await?;
    Ok(Outcome {
        load,
        came: times.len(),
        due,
        latency: Figures::of(times),
        percent,
    })
}

/// Each load, one after the other.
pub(crate) async fn measure() -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for load in LOADS {
        let engine = FakeEngine::start(FakeConfig {
            keep_truth: false,
            ..FakeConfig::default()
        })
        .await?;
        engine.emit(Draft::new("container", "create", "before")).await;
        outcomes.push(run(&engine, load).await?);
        engine.stop().await;
    }
    Ok(outcomes)
}
