//! Progress from whoever works to whoever shows it.
//!
//! Owns the way: bounded, and lossy for a receiver that is slow, who is told. What is told is `longshore-core`'s.

use std::fmt;
use std::sync::Arc;

use longshore_core::{Level, ProgressEvent};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// How far a receiver may be behind.
const CAPACITY: usize = 1_024;

/// Tells progress to all who listen. Cheap to clone; telling never waits, and costs next to nothing while nobody listens.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use longshore_core::{Level, ProgressEvent};
/// use longshore_runtime::ProgressReporter;
/// let (reporter, mut receiver) = ProgressReporter::new();
/// let mut other = reporter.subscribe();
/// reporter.message(Level::Info, "one of two");
/// drop(reporter);
/// assert!(matches!(receiver.recv().await, Ok(ProgressEvent::Operation { .. })));
/// assert!(other.recv().await.is_ok());
/// assert!(receiver.recv().await.is_err(), "nobody is left to tell anything");
/// # }
/// ```
#[derive(Clone)]
pub struct ProgressReporter {
    events: broadcast::Sender<ProgressEvent>,
}

impl ProgressReporter {
    /// A reporter, and its first receiver.
    #[must_use]
    #[allow(
        clippy::new_ret_no_self,
        reason = "the two are made together, as with channels"
    )]
    pub fn new() -> (Self, ProgressReceiver) {
        let (events, receiver) = broadcast::channel(CAPACITY);
        (Self { events }, ProgressReceiver { events: receiver })
    }

    /// A further receiver, of what is told from now on.
    #[must_use]
    pub fn subscribe(&self) -> ProgressReceiver {
        ProgressReceiver {
            events: self.events.subscribe(),
        }
    }

    /// Tells everyone. Nobody has to listen.
    pub fn report(&self, event: ProgressEvent) {
        // Without receivers there is nobody to tell.
        let _ = self.events.send(event);
    }

    /// Tells a message in words.
    pub fn message(&self, level: Level, message: impl Into<Arc<str>>) {
        self.report(ProgressEvent::Operation {
            message: message.into(),
            level,
        });
    }
}

impl fmt::Debug for ProgressReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProgressReporter")
            .field("receivers", &self.events.receiver_count())
            .finish()
    }
}

/// Hears what a [`ProgressReporter`] tells. Dropping it harms nothing.
#[derive(Debug)]
pub struct ProgressReceiver {
    events: broadcast::Receiver<ProgressEvent>,
}

impl ProgressReceiver {
    /// The next event. One that is more than 1,024 behind loses the oldest, and hears [`ProgressEvent::Lagged`] in their place.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// When every reporter is gone and everything was heard.
    pub async fn recv(&mut self) -> Result<ProgressEvent, ProgressClosed> {
        match self.events.recv().await {
            Ok(event) => Ok(event),
            Err(RecvError::Lagged(missed)) => Ok(ProgressEvent::Lagged { missed }),
            Err(RecvError::Closed) => Err(ProgressClosed),
        }
    }
}

/// Nothing more will be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgressClosed;

impl fmt::Display for ProgressClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("every reporter of progress is gone")
    }
}

impl std::error::Error for ProgressClosed {}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(event: Result<ProgressEvent, ProgressClosed>) -> Option<usize> {
        match event.unwrap() {
            ProgressEvent::Operation { message, .. } => message.parse().ok(),
            _ => None,
        }
    }

    #[tokio::test]
    async fn who_is_slow_is_told_how_many_it_missed_and_harms_nobody() {
        let (reporter, mut slow) = ProgressReporter::new();
        let mut quick = reporter.subscribe();
        for n in 0..2_000 {
            reporter.message(Level::Debug, n.to_string());
            assert_eq!(number(quick.recv().await), Some(n));
        }
        let missed = 2_000 - CAPACITY as u64;
        assert_eq!(slow.recv().await, Ok(ProgressEvent::Lagged { missed }));
        assert_eq!(number(slow.recv().await), Some(2_000 - CAPACITY));
        drop((slow, quick));
        reporter.message(Level::Error, "to nobody");
    }

    #[tokio::test]
    async fn it_ends_with_the_last_reporter_and_not_before() {
        let (reporter, mut receiver) = ProgressReporter::new();
        let clone = reporter.clone();
        drop(reporter);
        clone.message(Level::Info, "7");
        drop(clone);
        assert_eq!(number(receiver.recv().await), Some(7));
        assert_eq!(receiver.recv().await, Err(ProgressClosed));
    }
}
