//! The task that writes what a feed tells, in batches, and deletes what is too much or too old.
//!
//! It reads the feed as any reader does, from a place of its own, so that it holds up nobody however slow the store is;
//! what the feed's ring loses meanwhile becomes a gap in the history.

use std::{sync::Arc, time::Duration};

use longshore_core::Timestamp;
use longshore_fleet::runtime::{Backoff, Cursor, Feed, FeedItem, FeedReader, GapReason, Record, RecordBody};
use longshore_store::{EventPlace, EventRow, EventRowBody, Retention, Store, StoreError};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep},
};

use crate::metrics::HistoryMetrics;

use super::{KNOWN, rows, too_old};

/// How long records gather, unless somebody waits for them or there are [`ENOUGH`].
const GATHER: Duration = Duration::from_millis(100);
/// How often it is looked how many there are.
const LOOK: Duration = Duration::from_millis(10);
/// Records that are worth a transaction. A cursor names the lines that are not written yet: on a busy engine these are to be
/// few.
const ENOUGH: usize = 16;
/// Most records of a transaction.
const BATCH: usize = 512;
/// An event whose text is larger is not kept.
const LARGEST: usize = 64 * 1024;
/// How often what is too old is deleted.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// After so many records what is too much is deleted.
const SWEEP_AFTER: usize = 1_000;

/// Where a writer puts rows: the store, or what a test puts in its place.
pub(super) trait Shelf: Send + Sync + 'static {
    type Error: std::fmt::Display + Send;
    fn append(&self, host: &str, rows: &[EventRow]) -> impl Future<Output = Result<(), Self::Error>> + Send;
    fn sweep(&self, keep: Retention) -> impl Future<Output = Result<u64, Self::Error>> + Send;
}

impl Shelf for Store {
    type Error = StoreError;

    async fn append(&self, host: &str, rows: &[EventRow]) -> Result<(), StoreError> {
        self.append_events(host, rows).await
    }

    async fn sweep(&self, keep: Retention) -> Result<u64, StoreError> {
        self.sweep_events(keep).await
    }
}

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keep {
    pub(super) most: u64,
    pub(super) age: Duration,
}

/// See the module.
pub(super) struct Writer<S> {
    pub(super) host: String,
    pub(super) shelf: S,
    pub(super) keep: Keep,
    /// Up to which sequence everything is written, or told as missing.
    pub(super) written: watch::Sender<u64>,
    /// Somebody waits.
    pub(super) hurry: Arc<Notify>,
    pub(super) metrics: HistoryMetrics,
}

/// What is to be written next.
#[derive(Debug, Default)]
struct Batch {
    rows: Vec<EventRow>,
    /// The sequence of the newest record in it.
    newest: u64,
    /// The stamp of the last record that was taken, in any batch.
    last: Option<Timestamp>,
    /// Records are missing before the next.
    is_broken: bool,
}

impl<S: Shelf> Writer<S> {
    /// Writes everything that the feed holds and is told, until the feed ends.
    pub(super) async fn run(self, feed: Feed) {
        let epoch = feed.epoch();
        let mut reader = feed.subscribe(usize::MAX, Some(Cursor { epoch, seq: 0 }));
        let mut batch = Batch::default();
        let (mut swept_at, mut unswept) = (Instant::now(), usize::MAX);
        while let Some(item) = reader.next().await {
            batch.add(item, &self.metrics);
            self.gather(&mut reader, &mut batch).await;
            if batch.rows.is_empty() {
                continue;
            }
            self.write(&batch.rows).await;
            self.metrics.written.inc_by(batch.rows.len() as u64);
            unswept = unswept.saturating_add(batch.rows.len());
            self.written.send_replace(batch.newest);
            batch.rows.clear();
            if unswept >= SWEEP_AFTER || swept_at.elapsed() >= SWEEP_EVERY {
                self.sweep().await;
                (swept_at, unswept) = (Instant::now(), 0);
            }
        }
    }

    /// Takes what there is, and lets more come. The first of a run are written at once: a run of which nothing is written
    /// is not known by its cursors.
    async fn gather(&self, reader: &mut FeedReader, batch: &mut Batch) {
        let is_first = *self.written.borrow() == 0;
        let mut patience = if is_first { Duration::ZERO } else { GATHER };
        let began = Instant::now();
        loop {
            while batch.rows.len() < BATCH
                && let Some(item) = reader.try_next()
            {
                batch.add(item, &self.metrics);
            }
            if batch.rows.len() >= ENOUGH || began.elapsed() >= patience {
                return;
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                () = self.hurry.notified() => patience = Duration::ZERO,
            }
        }
    }

    /// Tries until it is done. The feed goes on meanwhile, and what its ring loses is told by the reader.
    async fn write(&self, rows: &[EventRow]) {
        let backoff = Backoff::default();
        let mut attempt = 0;
        while let Err(error) = self.shelf.append(&self.host, rows).await {
            attempt += 1;
            self.metrics.failed.inc();
            let pause = backoff.pause(attempt);
            tracing::warn!(%error, attempt, ?pause, "events are not kept; trying again");
            sleep(pause).await;
        }
    }

    async fn sweep(&self) {
        let keep = Retention {
            most: self.keep.most,
            since: too_old(self.keep.age),
            lines: KNOWN as u64,
        };
        if let Err(error) = self.shelf.sweep(keep).await {
            self.metrics.failed.inc();
            tracing::warn!(%error, "old events are not deleted; trying again later");
        }
    }
}

impl Batch {
    fn add(&mut self, item: FeedItem, metrics: &HistoryMetrics) {
        let record = match item {
            FeedItem::Lagged { missed } => {
                metrics.not_kept.inc_by(missed);
                self.is_broken = true;
                return;
            }
            FeedItem::Record(record) => record,
        };
        let stamp = rows::stamp(&record);
        if std::mem::take(&mut self.is_broken) {
            // In the place of the last one that is missing.
            let place = EventPlace {
                epoch: record.cursor.epoch,
                seq: record.cursor.seq.saturating_sub(1),
            };
            self.rows.push(not_kept(&record, place, self.last, stamp));
        }
        if is_too_large(&record) {
            metrics.not_kept.inc();
            let row = EventRow {
                line: record.line.map(longshore_fleet::runtime::LineId::to_bytes),
                unsure: Some(record.unsure),
                ..not_kept(&record, rows::place(&record), Some(stamp), stamp)
            };
            self.rows.push(row);
        } else {
            self.rows.push(rows::row(&record));
        }
        self.newest = record.cursor.seq;
        self.last = Some(stamp);
    }
}

/// That something before or at a record is missing.
fn not_kept(record: &Record, place: EventPlace, from: Option<Timestamp>, to: Timestamp) -> EventRow {
    let from = from.unwrap_or(to).min(to);
    EventRow {
        place,
        received: record.received.into(),
        line: None,
        unsure: Some(0),
        body: EventRowBody::Gap {
            from,
            to,
            reason: GapReason::NotKept.as_str().to_owned(),
        },
    }
}

fn is_too_large(record: &Record) -> bool {
    match &record.body {
        RecordBody::Event { event, .. } => {
            event.action.len() + event.id.len() + event.attributes.weight() > LARGEST
        }
        RecordBody::Gap { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    };

    use longshore_fleet::{
        engine::{Engine, EngineConfig},
        runtime::{Watch, WatchConfig},
    };
    use longshore_testkit::{
        eventually,
        fake::{Draft, FakeConfig, FakeEngine},
    };
    use tokio::{sync::Semaphore, task::JoinSet};

    use super::*;

    /// Keeps rows in memory: not before it may, and not while it is to fail.
    #[derive(Debug, Clone)]
    struct Memory {
        rows: Arc<Mutex<Vec<EventRow>>>,
        may: Arc<Semaphore>,
        failures: Arc<AtomicU32>,
    }

    impl Shelf for Memory {
        type Error = &'static str;

        async fn append(&self, _host: &str, rows: &[EventRow]) -> Result<(), &'static str> {
            self.may.acquire().await.map_err(|_| "closed")?.forget();
            let left = |left: u32| left.checked_sub(1);
            if self
                .failures
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, left)
                .is_ok()
            {
                return Err("no space left");
            }
            self.rows.lock().unwrap().extend(rows.iter().cloned());
            Ok(())
        }

        async fn sweep(&self, _keep: Retention) -> Result<u64, &'static str> {
            Ok(0)
        }
    }

    #[tokio::test]
    async fn a_store_that_is_stuck_or_fails_holds_up_nobody_and_what_is_lost_is_a_gap() {
        let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
        let engine = Engine::new(fake.endpoint().parse().unwrap(), EngineConfig::default());
        let config = WatchConfig::default().feed_bounds(20, 1 << 20);
        let watch = Watch::start(engine, config);
        let shelf = Memory {
            rows: Arc::default(),
            may: Arc::new(Semaphore::new(0)),
            failures: Arc::new(AtomicU32::new(2)),
        };
        let (sender, mut written) = watch::channel(0);
        let metrics = HistoryMetrics::default();
        let writer = Writer {
            host: "local".to_owned(),
            shelf: shelf.clone(),
            keep: Keep {
                most: 1_000,
                age: Duration::from_secs(1),
            },
            written: sender,
            hurry: Arc::new(Notify::new()),
            metrics: metrics.clone(),
        };
        let hurry = Arc::clone(&writer.hurry);
        let mut tasks = JoinSet::new();
        tasks.spawn(writer.run(watch.feed()));
        let emit = async |n: u64| {
            fake.emit(Draft::new("container", "start", &n.to_string())).await;
            eventually("the follower goes on", async || match watch.feed().last() {
                Some(last) if last.cursor.seq == n => Ok(()),
                other => Err(other),
            })
            .await;
        };
        emit(1).await;
        // It has the first in its hands.
        hurry.notify_one();
        for n in 2..=100 {
            emit(n).await;
        }
        assert!(shelf.rows.lock().unwrap().is_empty());
        assert_eq!(*written.borrow(), 0);
        shelf.may.add_permits(1_000);
        hurry.notify_one();
        written.wait_for(|seq| *seq == 100).await.unwrap();
        let rows = shelf.rows.lock().unwrap().clone();
        assert_eq!(metrics.failed.get(), 2);
        // What came while the first was being written: 20 are in the ring, the others are one gap in the place of the last.
        let gaps: Vec<_> = rows
            .iter()
            .filter(|row| matches!(&row.body, EventRowBody::Gap { reason, .. } if reason == "not_kept"))
            .collect();
        assert_eq!(gaps.len(), 1, "{rows:?}");
        assert_eq!(gaps[0].place.seq, 80);
        let kept = rows.len() as u64 - 1;
        assert_eq!(metrics.not_kept.get(), 100 - kept);
        assert!(rows.windows(2).all(|pair| pair[0].place.seq < pair[1].place.seq));
        watch.stop().await;
        tasks.join_next().await.unwrap().unwrap();
        fake.stop().await;
    }
}
