//! What is measured, and one run of it.

use std::time::Instant;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::Result;

/// One operation that every peer can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Op {
    Ping,
    Inspect,
    List,
    Lifecycle,
    Exec,
    Many,
}

/// Containers of [`Op::Many`].
pub(crate) const MANY: usize = 200;
/// How many of them at a time: more only adds latency, by a bare loop with 1, 2, 4, 8 and 16.
pub(crate) const AT_ONCE: usize = 4;

impl Op {
    pub(crate) const ALL: [Self; 6] = [
        Self::Ping,
        Self::Inspect,
        Self::List,
        Self::Lifecycle,
        Self::Exec,
        Self::Many,
    ];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Inspect => "inspect one container",
            Self::List => "list 200 containers",
            Self::Lifecycle => "create, start, wait, remove",
            Self::Exec => "exec `true`",
            Self::Many => "200 containers: create, start, remove, four at a time",
        }
    }

    /// Repetitions in one round. A program that is started anew for each call gets fewer: it needs them less.
    pub(crate) const fn count(self, kept: bool) -> usize {
        match (self, kept) {
            (Self::Ping | Self::Inspect, true) => 500,
            (Self::Ping | Self::Inspect, false) => 4,
            (Self::List, true) => 20,
            (Self::List, false) => 3,
            (Self::Lifecycle | Self::Exec, true) => 4,
            (Self::Lifecycle | Self::Exec, false) => 2,
            (Self::Many, _) => 1,
        }
    }

    /// Turns in which a round is done. A machine of others changes its speed within a second: of calls that last for
    /// microseconds each client does a few, then the next one, again and again.
    pub(crate) const fn turns(self) -> usize {
        match self {
            Self::Ping | Self::Inspect => 20,
            _ => 1,
        }
    }

    /// Repetitions in one of a round's turns; those of all turns are [`count`](Self::count).
    pub(crate) const fn count_in(self, turn: usize, kept: bool) -> usize {
        let (all, turns) = (self.count(kept), self.turns());
        all * (turn + 1) / turns - all * turn / turns
    }
}

/// Counted rounds of one client: of those that last for many seconds ours and the floor do seven, the others two.
pub(crate) fn rounds(op: Op, client: &str, wanted: usize) -> usize {
    let is_pair = ["longshore", "hand-written"]
        .iter()
        .any(|name| client.starts_with(name));
    match (op, is_pair) {
        (Op::Many, true) => wanted.min(7),
        (Op::Many, false) => wanted.min(2),
        _ => wanted,
    }
}

/// What the operations are done to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Subject {
    /// A running container.
    pub(crate) id: String,
    /// An image with `true` in it.
    pub(crate) image: String,
    /// The label that everything made here bears, and its value.
    pub(crate) label: (String, String),
}

/// One round of one operation by one peer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Microseconds of each repetition.
    pub(crate) us: Vec<f64>,
    /// Microseconds of the client's processor time in all; `None` where it cannot be told.
    pub(crate) cpu_us: Option<f64>,
}

impl Run {
    /// Adds what was done in a further turn.
    pub(crate) fn add(&mut self, more: Self) {
        self.cpu_us = match (self.us.is_empty(), self.cpu_us) {
            (true, _) => more.cpu_us,
            (false, before) => before.zip(more.cpu_us).map(|(before, more)| before + more),
        };
        self.us.extend(more.us);
    }
}

/// Does `once` `count` times and takes the times, and this thread's processor time.
pub(crate) async fn repeat(count: usize, mut once: impl AsyncFnMut() -> Result<()>) -> Result<Run> {
    let cpu = thread_cpu_us();
    let mut us = Vec::with_capacity(count);
    for _ in 0..count {
        let begin = Instant::now();
        once().await?;
        us.push(begin.elapsed().as_secs_f64() * 1e6);
    }
    let cpu_us = thread_cpu_us().zip(cpu).map(|(after, before)| after - before);
    Ok(Run { us, cpu_us })
}

/// Does `one` for each of [`MANY`], [`AT_ONCE`] at a time.
pub(crate) async fn many(one: impl AsyncFn() -> Result<()>) -> Result<()> {
    stream::iter((0..MANY).map(|_| one()))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// The kernel's count of this thread's time on a processor: everything runs on one thread here.
pub(crate) fn thread_cpu_us() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace()
        .next()?
        .parse::<f64>()
        .ok()
        .map(|ns| ns / 1e3)
}

/// The kernel's monotonic clock in nanoseconds, the same in every process of this machine.
pub(crate) fn monotonic_ns() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}
