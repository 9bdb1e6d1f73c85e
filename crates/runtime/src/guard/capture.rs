//! The last lines of a guarded container, kept while it runs, so that they are there when a test panics.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt;
use longshore_core::ContainerId;
use longshore_engine::Engine;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::logs::{AfterExit, LogItem, LogQuery, follow};
use crate::tasks::guarded;

const LINES: usize = 200;
const BYTES: usize = 64 * 1024;
/// Of one line.
const LINE: usize = 1024;

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<String>,
    bytes: usize,
}

/// Follows a container's log until it is dropped.
#[derive(Debug)]
pub(super) struct Capture {
    kept: Arc<Mutex<Kept>>,
    tasks: TaskTracker,
    stop: CancellationToken,
    _stop: DropGuard,
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Capture {
    pub(super) fn start(engine: Engine, id: ContainerId) -> Self {
        let kept = Arc::<Mutex<Kept>>::default();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let query = LogQuery::follow().max_line(LINE).after_exit(AfterExit::Stay);
        let mut log = follow(engine, id, query);
        let into = Arc::clone(&kept);
        let read = async move {
            while let Some(Ok(item)) = log.next().await {
                if let LogItem::Line(line) = item {
                    lock(&into).push(String::from_utf8_lossy(&line.text).into_owned());
                }
            }
        };
        tasks.spawn(
            stop.clone()
                .run_until_cancelled_owned(guarded("a guard's log", read)),
        );
        tasks.close();
        Self {
            kept,
            tasks,
            stop: stop.clone(),
            _stop: stop.drop_guard(),
        }
    }

    pub(super) fn lines(&self) -> Vec<String> {
        lock(&self.kept).lines.iter().cloned().collect()
    }

    pub(super) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Kept {
    fn push(&mut self, line: String) {
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.lines.len() > LINES || self.bytes > BYTES {
            let Some(oldest) = self.lines.pop_front() else {
                break;
            };
            self.bytes -= oldest.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_lines_are_kept_and_no_more() {
        let mut kept = Kept::default();
        for number in 0..1_000 {
            kept.push(format!("{number}"));
        }
        assert_eq!(
            (kept.lines.len(), kept.lines.back().map(String::as_str)),
            (LINES, Some("999"))
        );
        kept.push("x".repeat(BYTES));
        assert_eq!((kept.lines.len(), kept.bytes), (1, BYTES));
    }
}
