//! The blocking side of a round: one call that reads the files of all containers, outside the runtime's threads.
//!
//! Owns the reader's way there and back, and what happens when it does not come back.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use longshore_core::{ContainerId, Counters};
use tokio::time::timeout;

use super::cgroup::CgroupReader;
use super::target::Target;

/// What was read, `None` for a container whose files cannot be.
pub(super) type Read = Vec<(ContainerId, Option<Counters>)>;

/// The files of an engine's containers, when they may be looked for.
pub(super) struct Files {
    reader: Option<Box<CgroupReader>>,
    limit: Duration,
    reading: Option<Reading>,
}

/// A call under way, and whose files it reads.
struct Reading {
    call: BoxFuture<'static, Option<(Box<CgroupReader>, Read)>>,
    ids: Vec<ContainerId>,
}

impl Files {
    /// Those under `root`; none without it.
    pub(super) fn new(root: Option<PathBuf>, most: Option<usize>, limit: Duration) -> Self {
        Self {
            reader: root.map(|root| Box::new(CgroupReader::new(root, most))),
            limit,
            reading: None,
        }
    }

    /// Whether a call may begin.
    pub(super) fn is_idle(&self) -> bool {
        self.reader.is_some()
    }

    /// Whether one is under way.
    pub(super) fn is_reading(&self) -> bool {
        self.reading.is_some()
    }

    /// Begins to read, when that may be.
    pub(super) fn begin(&mut self, targets: Vec<Target>) {
        let Some(mut reader) = self.reader.take() else {
            return;
        };
        let ids = targets.iter().map(|target| target.id.clone()).collect();
        let call = tokio::task::spawn_blocking(move || {
            let read = reader.read(targets);
            (reader, read)
        });
        let limit = self.limit;
        let call = async move { timeout(limit, call).await.ok()?.ok() };
        self.reading = Some(Reading {
            call: call.boxed(),
            ids,
        });
    }

    /// What was read. When the call did not come back in time, or failed inside, nothing was, and never will be again.
    ///
    /// Cancel safe. Never ready when nothing is being read.
    pub(super) async fn read(&mut self) -> Read {
        let Some(reading) = &mut self.reading else {
            return std::future::pending().await;
        };
        let done = (&mut reading.call).await;
        let ids = std::mem::take(&mut reading.ids);
        self.reading = None;
        match done {
            Some((reader, read)) => {
                self.reader = Some(reader);
                read
            }
            None => {
                tracing::warn!("files of cgroups cannot be read; the engine is asked instead");
                ids.into_iter().map(|id| (id, None)).collect()
            }
        }
    }
}
