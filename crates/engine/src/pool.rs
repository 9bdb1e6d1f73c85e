//! Idle connections kept for the next call.
//!
//! Last in, first out, so that a burst's extra connections age and go; bounded; never holds a connection with an
//! unread answer. Streams and upgrades do not come from here.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::conn::Conn;

/// An idle connection older than this is not tried: socket proxies close theirs after a minute or so, and dialling
/// costs a tenth of a millisecond.
const MAX_IDLE: Duration = Duration::from_secs(50);

pub(crate) struct Pool {
    idle: Mutex<Vec<(Conn, Instant)>>,
    capacity: usize,
}

/// What the pool had.
pub(crate) struct Taken {
    pub(crate) conn: Option<Conn>,
    /// A kept connection had been closed by the other side: the engine may have been restarted.
    pub(crate) lost: bool,
}

impl Pool {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            idle: Mutex::new(Vec::new()),
            capacity,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Conn, Instant)>> {
        // A panic elsewhere cannot leave a list of connections half changed.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection used last that still lives.
    pub(crate) fn take(&self) -> Taken {
        let mut lost = false;
        loop {
            let popped = self.lock().pop();
            let Some((mut conn, since)) = popped else {
                return Taken { conn: None, lost };
            };
            if since.elapsed() > MAX_IDLE {
                // Those below it are older still.
                self.clear();
            } else if conn.is_usable() {
                return Taken {
                    conn: Some(conn),
                    lost,
                };
            } else {
                lost = true;
            }
        }
    }

    /// Keeps `conn` when there is room, and drops what has been idle for too long.
    pub(crate) fn put(&self, conn: Conn) {
        let mut idle = self.lock();
        let expired = idle
            .iter()
            .take_while(|(_, since)| since.elapsed() > MAX_IDLE)
            .count();
        let dropped: Vec<_> = idle.drain(..expired).collect();
        if idle.len() < self.capacity {
            idle.push((conn, Instant::now()));
        }
        drop(idle);
        drop(dropped);
    }

    /// Forgets all: after one was found broken, the others are no better.
    pub(crate) fn clear(&self) {
        let dropped = std::mem::take(&mut *self.lock());
        drop(dropped);
    }
}
