//! What is kept of events: written as they come, and read by who was away.
//!
//! Owns the writer's tasks, and where a reader goes on: in the feed's ring while it can, else in the store. Leaves rows,
//! age and number to `longshore-store`, and what was missed between two runs to the follower, which is given what the run
//! before has told. Design: `docs/design/monitor.md`.

mod rows;
mod writer;

use std::{sync::Arc, time::Duration};

use futures_util::stream::{self, BoxStream, StreamExt};
use longshore_core::{ContainerId, EventType, Timestamp};
use longshore_fleet::{
    Fleet, Host,
    runtime::{Cursor, Feed, FeedFollow, FollowItem, GapReason, KnownLine, Record, RecordBody},
};
use longshore_store::{Broken, EventPlace, EventRow, Store};
use tokio::{sync::Notify, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    app::{App, now},
    metrics::HistoryMetrics,
};

use writer::{Keep, Writer};

/// How far a subscriber may fall behind before it is told what it missed.
const CAPACITY: usize = 4_096;
/// Most items of one chunk.
const CHUNK: usize = 256;
/// Records read at once for who comes back.
const PAGE: usize = 500;
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

/// What was told after `cursor`, at most `limit`; first a gap when that place cannot be continued from.
pub(crate) async fn after(app: &App, host: &Host, cursor: Cursor, limit: usize) -> Vec<Arc<Record>> {
    let feed = host.feed();
    if limit == 0 || feed.can_continue(cursor) {
        return feed.history(Some(cursor), limit);
    }
    let Some(written) = app.history.settled(host).await else {
        return feed.history(Some(cursor), limit);
    };
    let place = EventPlace {
        epoch: cursor.epoch,
        seq: cursor.seq,
    };
    let found = match app.store.events_after(host.name(), place, limit).await {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(%error, "the history of events cannot be read");
            return feed.history(Some(cursor), limit);
        }
    };
    let mut records = Vec::with_capacity(found.rows.len() + 1);
    if let Some(broken) = found.broken {
        let Some(first) = found.rows.first() else {
            // Nothing is kept: what the ring holds is all that there is.
            return feed.history(Some(cursor), limit);
        };
        records.push(told(broken, first));
    }
    records.extend(found.rows.into_iter().map(rows::record));
    extend(&mut records, &feed, written, limit);
    records.truncate(limit);
    records
}

/// The newest records of a host, oldest first, at most `limit`.
pub(crate) async fn newest(app: &App, host: &Host, limit: usize) -> Vec<Arc<Record>> {
    let feed = host.feed();
    let Some(written) = app.history.settled(host).await else {
        return feed.history(None, limit);
    };
    match app.store.newest_events(host.name(), limit).await {
        Ok(found) => {
            let mut records = found.into_iter().map(rows::record).collect();
            extend(&mut records, &feed, written, usize::MAX);
            records.drain(..records.len().saturating_sub(limit));
            records
        }
        Err(error) => {
            tracing::warn!(%error, "the history of events cannot be read");
            feed.history(None, limit)
        }
    }
}

/// What happened to a container at or after `since`, and the gaps since then, oldest first, at most the newest `limit`. Without
/// commands run inside it.
pub(crate) async fn of(
    app: &App,
    host: &Host,
    container: &ContainerId,
    since: Timestamp,
    limit: usize,
) -> Vec<Arc<Record>> {
    let feed = host.feed();
    let kept = match app.history.settled(host).await {
        None => None,
        Some(written) => match app
            .store
            .container_events(host.name(), container, since, limit)
            .await
        {
            Ok(found) => Some((written, found)),
            Err(error) => {
                tracing::warn!(%error, "the history of events cannot be read");
                None
            }
        },
    };
    let (mut records, held): (Vec<_>, _) = match kept {
        Some((written, found)) => {
            let place = Cursor {
                epoch: feed.epoch(),
                seq: written,
            };
            let rest = feed.history(Some(place), usize::MAX);
            (found.into_iter().map(rows::record).collect(), rest)
        }
        None => (Vec::new(), feed.history(None, usize::MAX)),
    };
    let is_wanted = |record: &Arc<Record>| match &record.body {
        RecordBody::Event { event, .. } => {
            event.kind == EventType::Container
                && *event.id == *container.as_str()
                && event.at >= since
                && !event.is_exec()
        }
        RecordBody::Gap { from, .. } => *from >= since,
    };
    records.extend(held.into_iter().filter(is_wanted));
    records.drain(..records.len().saturating_sub(limit));
    records
}

/// Adds what the feed has and the store has not, up to `limit` in all.
fn extend(records: &mut Vec<Arc<Record>>, feed: &Feed, written: u64, limit: usize) {
    let epoch = feed.epoch();
    let last = records.last().map(|record| record.cursor);
    let place = match last {
        Some(last) if last.epoch == epoch => last,
        _ => Cursor { epoch, seq: written },
    };
    // Of a page that is not the last one, what follows is in the store.
    if place.seq >= written {
        let room = limit.saturating_sub(records.len());
        records.extend(feed.history(Some(place), room));
    }
}

/// That a place cannot be continued from, before the first record kept.
fn told(broken: Broken, first: &EventRow) -> Arc<Record> {
    let record = rows::record(first.clone());
    let to = match &record.body {
        RecordBody::Event { event, .. } => event.at,
        RecordBody::Gap { from, .. } => *from,
    };
    let reason = match broken {
        Broken::Forgotten => GapReason::Forgotten,
        Broken::Unknown => GapReason::UnknownCursor,
    };
    Arc::new(Record {
        cursor: Cursor {
            epoch: record.cursor.epoch,
            seq: record.cursor.seq.saturating_sub(1),
        },
        body: RecordBody::Gap {
            from: Timestamp::default(),
            to,
            reason,
        },
        line: None,
        unsure: 0,
        received: std::time::SystemTime::now(),
    })
}

/// Where a follow is.
enum At {
    /// After that place, which may be before the ring.
    Kept(Cursor),
    Live(FeedFollow),
}

/// What happened on a host after `from`, and happens: out of the store as far as need be, then out of the feed. Without
/// `from`, what happens from now on. In chunks of what there is at the time, none of them empty.
pub(crate) fn follow(
    app: &App,
    host: &Arc<Host>,
    from: Option<Cursor>,
) -> BoxStream<'static, Vec<FollowItem>> {
    let feed = host.feed();
    let at = match from {
        Some(from) if !feed.can_continue(from) => At::Kept(from),
        from => At::Live(feed.follow(CAPACITY, from)),
    };
    let (app, host) = (App::clone(app), Arc::clone(host));
    stream::unfold(at, move |at| step(App::clone(&app), Arc::clone(&host), at)).boxed()
}

async fn step(app: App, host: Arc<Host>, mut at: At) -> Option<(Vec<FollowItem>, At)> {
    loop {
        at = match at {
            At::Live(mut follow) => {
                let mut items = vec![follow.next().await?];
                while items.len() < CHUNK
                    && let Some(item) = follow.try_next()
                {
                    items.push(item);
                }
                return Some((items, At::Live(follow)));
            }
            At::Kept(place) => {
                let feed = host.feed();
                if feed.can_continue(place) {
                    At::Live(feed.follow(CAPACITY, Some(place)))
                } else {
                    let page = after(&app, &host, place, PAGE).await;
                    let Some(last) = page.last() else {
                        // The end of an earlier run, and this one has told nothing yet.
                        let epoch = feed.epoch();
                        at = At::Live(feed.follow(CAPACITY, Some(Cursor { epoch, seq: 0 })));
                        continue;
                    };
                    let place = last.cursor;
                    let items = page.into_iter().map(FollowItem::Record).collect();
                    return Some((items, At::Kept(place)));
                }
            }
        };
    }
}

/// What was received before then goes.
fn too_old(age: Duration) -> Timestamp {
    let age = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
    Timestamp::from_nanos(now().as_nanos().saturating_sub(age))
}
