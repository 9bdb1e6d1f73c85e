//! A thread that does what `Drop` must not wait for.
//!
//! Owns the queue of containers whose guards were dropped, and the thread that ends them, one after the other. It has a
//! runtime and connections of its own: those of the guard may be gone with the test. What it does not get to, because the
//! queue is full or the process ends, the sweep finds.

use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use longshore_core::{ObjectRef, Verb};
use longshore_engine::{Endpoint, Engine, EngineConfig};

/// Guards that may wait.
const QUEUE: usize = 1_024;
/// For one container.
const LIMIT: Duration = Duration::from_secs(30);

/// One container to end.
pub(super) struct Job {
    pub(super) endpoint: Endpoint,
    pub(super) config: EngineConfig,
    pub(super) container: ObjectRef,
    pub(super) verb: Verb,
}

static QUEUED: OnceLock<Option<SyncSender<Job>>> = OnceLock::new();
static WAITING: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

fn waiting() -> MutexGuard<'static, usize> {
    WAITING.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hands a container over. Never waits.
pub(super) fn hand_over(job: Job) {
    let Some(queue) = QUEUED.get_or_init(start) else {
        tracing::warn!(container = %job.container, "there is no thread to end it: left to the next sweep");
        return;
    };
    *waiting() += 1;
    if let Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) = queue.try_send(job) {
        done();
        tracing::warn!(container = %job.container, "too many containers wait for their end: left to the next sweep");
    }
}

fn done() {
    *waiting() -= 1;
    WAITING.1.notify_all();
}

/// Waits until every container was ended whose guard was dropped, at most `limit`; whether that is so. Blocks: for the end
/// of a program, outside of async code.
pub fn settle(limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    let mut waiting = waiting();
    while *waiting > 0 {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        let woken = WAITING.1.wait_timeout(waiting, left);
        waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
    }
    true
}

fn start() -> Option<SyncSender<Job>> {
    let (sender, jobs) = sync_channel::<Job>(QUEUE);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    let reap = move || {
        for job in jobs {
            runtime.block_on(end(&job));
            done();
        }
    };
    let named = std::thread::Builder::new().name("longshore-reaper".to_owned());
    named.spawn(reap).ok().map(|_| sender)
}

async fn end(job: &Job) {
    let engine = Engine::new(job.endpoint.clone(), job.config.clone());
    let acted = tokio::time::timeout(LIMIT, engine.act(&job.container, &job.verb)).await;
    match acted {
        Ok(Ok(_)) => {}
        Ok(Err(error)) if error.is_not_found() => {}
        Ok(Err(error)) => tracing::warn!(container = %job.container, %error, "left to the next sweep"),
        Err(_) => {
            tracing::warn!(container = %job.container, "no answer within {LIMIT:?}: left to the next sweep");
        }
    }
}
