//! What is kept of events: written as they come, and read by who was away.
//!
//! Owns the writer's tasks and how far they have come. Leaves what readers are told to [`reading`], rows, age and number to
//! `longshore-store`, and what was missed between two runs to the follower, which is given what the run
//! before has told. Design: `docs/design/monitor.md`.

mod reading;
mod rows;
mod writer;

use std::{sync::Arc, time::Duration};

use longshore_core::Timestamp;
use longshore_fleet::{Fleet, Host, runtime::KnownLine};
use longshore_store::Store;
use tokio::{sync::Notify, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{app::now, metrics::HistoryMetrics};

pub(crate) use reading::{Had, Told, after, follow, newest, of, place};
use writer::{Keep, Writer};

/// How long a reader waits for the writer to have what the feed has.
const SETTLE: Duration = Duration::from_millis(500);
/// How long the last records may take when the server stops.
const FINISH: Duration = Duration::from_secs(5);
/// Lines that a follower is given to know, and that stay kept for it: four times what an engine holds.
const KNOWN: usize = 1_024;

/// The history of all hosts.
#[derive(Debug)]
pub(crate) struct History {
    /// In the fleet's order; none when nothing is kept.
    hosts: Vec<Kept>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// How far one host's history has come.
#[derive(Debug)]
struct Kept {
    host: String,
    /// The sequence of this run up to which everything is in the store, or told there as missing.
    written: tokio::sync::watch::Receiver<u64>,
    hurry: Arc<Notify>,
}

/// What the run before has told of a host, for its follower. A store that cannot be read is no reason not to follow.
pub(crate) async fn known(store: &Store, host: &str) -> Vec<KnownLine> {
    match store.newest_lines(host, KNOWN).await {
        Ok(lines) => rows::known(&lines),
        Err(error) => {
            tracing::warn!(%error, "the history of events cannot be read: the next will be told without it");
            Vec::new()
        }
    }
}

impl History {
    /// Begins to keep what the hosts tell: at most `most` records, none older than `age`. With `most` 0 nothing is kept.
    pub(crate) fn start(
        fleet: &Fleet,
        store: &Store,
        metrics: &HistoryMetrics,
        (most, age): (u64, Duration),
    ) -> Self {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let hosts = if most == 0 { &[] } else { fleet.hosts() };
        let keep = |host: &Arc<Host>| {
            let (sender, written) = tokio::sync::watch::channel(0);
            let hurry = Arc::new(Notify::new());
            let writer = Writer {
                host: host.name().to_owned(),
                shelf: store.clone(),
                keep: Keep { most, age },
                written: sender,
                hurry: Arc::clone(&hurry),
                metrics: metrics.clone(),
            };
            let work = writer.run(host.feed());
            tasks.spawn(stop.clone().run_until_cancelled_owned(work));
            Kept {
                host: host.name().to_owned(),
                written,
                hurry,
            }
        };
        let hosts = hosts.iter().map(keep).collect();
        tasks.close();
        Self { hosts, tasks, stop }
    }

    /// Waits until what the feeds held when they ended is written; not for a store that fails.
    pub(crate) async fn finish(&self) {
        self.hosts.iter().for_each(|kept| kept.hurry.notify_one());
        if timeout(FINISH, self.tasks.wait()).await.is_err() {
            tracing::warn!("the last events were not kept in time");
            self.stop.cancel();
            self.tasks.wait().await;
        }
    }

    /// The sequence up to which everything is in the store; `None` when nothing is kept of that host.
    fn written(&self, host: &Host) -> Option<u64> {
        let kept = self.hosts.iter().find(|kept| kept.host == host.name())?;
        Some(*kept.written.borrow())
    }

    /// Waits a little until the store has what the feed has; says up to which sequence it does. `None` when nothing is
    /// kept of that host.
    async fn settled(&self, host: &Host) -> Option<u64> {
        let kept = self.hosts.iter().find(|kept| kept.host == host.name())?;
        let newest = host.feed().last().map_or(0, |record| record.cursor.seq);
        let mut written = kept.written.clone();
        kept.hurry.notify_one();
        let _ = timeout(SETTLE, written.wait_for(|seq| *seq >= newest)).await;
        Some(*written.borrow())
    }
}

/// What was received before then goes.
fn too_old(age: Duration) -> Timestamp {
    let age = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
    Timestamp::from_nanos(now().as_nanos().saturating_sub(age))
}
