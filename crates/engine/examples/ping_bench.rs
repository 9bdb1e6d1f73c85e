//! Measures what the client adds to a hand-written loop over one kept connection: `ping`, and `inspect` of the first
//! container there is. Rounds are interleaved, so that what the machine does meanwhile hits both.
//!
//! `DOCKER_HOST=unix:///… cargo run --release -p longshore-engine --example ping_bench [calls a round]`

#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::error::Error;
use std::time::{Duration, Instant};

use longshore_core::ObjectRef;
use longshore_engine::{Engine, EngineConfig, ListContainers, discover};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const ROUNDS: usize = 9;

/// The least that anybody would write: one buffer, no parsing beyond the end of the answer.
struct HandWritten {
    stream: UnixStream,
    buffer: Vec<u8>,
}

impl HandWritten {
    async fn get(&mut self, path: &str) -> std::io::Result<usize> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let Some(head) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
                continue;
            };
            let text = String::from_utf8_lossy(&self.buffer[..head]).to_ascii_lowercase();
            let done = match text.split("content-length: ").nth(1) {
                Some(rest) => {
                    let length: usize = rest.split("\r\n").next().unwrap_or("0").parse().unwrap_or(0);
                    self.buffer.len() >= head + 4 + length
                }
                None => self.buffer.ends_with(b"0\r\n\r\n"),
            };
            if done {
                return Ok(self.buffer.len());
            }
        }
    }
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let calls: usize = std::env::args().nth(1).map_or(Ok(2000), |text| text.parse())?;
    let found = discover()?;
    let path = found
        .endpoint
        .socket_path()
        .ok_or("a unix socket is needed")?
        .to_owned();
    let engine = Engine::connect(found.endpoint, EngineConfig::default()).await?;
    let mut hand = HandWritten {
        stream: UnixStream::connect(path).await?,
        buffer: Vec::with_capacity(64 * 1024),
    };
    let first = engine
        .list_containers(&ListContainers::all())
        .await?
        .into_iter()
        .next();
    let id = first.as_ref().map(|container| ObjectRef::from(&container.id));
    let version = engine.api_version().ok_or("no version")?;
    let inspect_path = id.as_ref().map(|id| format!("/v{version}/containers/{id}/json"));

    let mut rows: Vec<(&str, Vec<f64>, Vec<f64>)> =
        vec![("ping", vec![], vec![]), ("inspect", vec![], vec![])];
    for _ in 0..ROUNDS {
        for (name, ours, theirs) in &mut rows {
            let (mut a, mut b) = (Vec::with_capacity(calls), Vec::with_capacity(calls));
            for _ in 0..calls {
                let began = Instant::now();
                match (*name, &inspect_path) {
                    ("ping", _) => hand.get("/_ping").await?,
                    (_, Some(path)) => hand.get(path).await?,
                    _ => 0,
                };
                b.push(began.elapsed());
                let began = Instant::now();
                match (*name, &id) {
                    ("ping", _) => drop(engine.ping().await?),
                    (_, Some(id)) => drop(engine.inspect_container(id).await?),
                    _ => {}
                }
                a.push(began.elapsed());
            }
            ours.push(median(&mut a));
            theirs.push(median(&mut b));
        }
    }
    for (name, mut ours, mut theirs) in rows {
        ours.sort_by(f64::total_cmp);
        theirs.sort_by(f64::total_cmp);
        let (ours, theirs) = (ours[ROUNDS / 2], theirs[ROUNDS / 2]);
        println!(
            "{name}: ours {ours:.1} µs, hand-written {theirs:.1} µs, added {:.1} µs",
            ours - theirs
        );
    }
    Ok(())
}
