//! The event monitor for minutes, with subscribers that never read: what memory the server holds meanwhile.
//!
//! Each minute one more subscriber stops reading before its first message; what became of it is the server's matter. The
//! others read everything.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use longshore_testkit::fake::{Draft, FakeConfig, FakeEngine};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    Result,
    monitor::{Load, Process, emit},
};

const LOAD: Load = Load {
    subscribers: 100,
    rate: 1_000,
    batch: true,
    limit: 10_000.0,
};
const MINUTE: Duration = Duration::from_secs(60);

/// Reads all, and says now and then that it lives: who says nothing is disconnected after a minute.
async fn drain(stream: TcpStream, read: Arc<AtomicU64>) {
    const PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];
    let (mut reading, mut writing) = stream.into_split();
    let mut buffer = vec![0; 64 * 1024];
    let mut ticks = interval(Duration::from_secs(15));
    loop {
        tokio::select! {
            _ = ticks.tick() => if writing.write_all(&PONG).await.is_err() { return },
            came = reading.read(&mut buffer) => match came {
                Ok(more @ 1..) => {
                    read.fetch_add(more as u64, Ordering::Relaxed);
                }
                _ => return,
            }
        };
    }
}

/// A table of the server's memory, a row a minute.
pub(crate) async fn measure(minutes: u32) -> Result<String> {
    let engine = FakeEngine::start(FakeConfig {
        keep_truth: false,
        ..FakeConfig::default()
    })
    .await?;
    engine.emit(Draft::new("container", "create", "before")).await;
    let server = Process::start(&engine.endpoint()).await?;
    let read = Arc::new(AtomicU64::new(0));
    let mut readers = JoinSet::new();
    for _ in 0..LOAD.subscribers {
        readers.spawn(drain(server.subscribe(LOAD.batch).await?, Arc::clone(&read)));
    }
    let mut text = format!(
        "### memory of the server: {} subscribers at {} events a second, one more that never reads each minute\n\n\
         | minute | resident | that read | what they have read |\n|---|---|---|---|\n",
        LOAD.subscribers, LOAD.rate
    );
    let mut gone = 0;
    let mut stuck = Vec::new();
    let mut ticks = interval(MINUTE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for minute in 0..=minutes {
        ticks.tick().await;
        while readers.try_join_next().is_some() {
            gone += 1;
        }
        let _ = writeln!(
            text,
            "| {minute} | {:.1} MB | {} | {:.0} MB |",
            server.resident()? as f64 / 1e6,
            LOAD.subscribers - gone,
            read.load(Ordering::Relaxed) as f64 / 1e6
        );
        if minute < minutes {
            stuck.push(server.subscribe(LOAD.batch).await?);
            emit(&engine, LOAD.rate, LOAD.rate as usize * 59).await;
        }
    }
    readers.shutdown().await;
    server.stop().await?;
    engine.stop().await;
    Ok(text)
}
