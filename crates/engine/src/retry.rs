//! Which failed calls are sent again, how often, and when that ends.
//!
//! Owns the policy as a value and the budget that all calls of one engine share. Which calls are harmless to repeat each
//! says itself ([`Call::idempotent`](crate::call::Call)); which failures pass by themselves the error says.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::{Backoff, Delivery, Error};

/// How a call that failed in a way that may pass is tried again.
///
/// Sent again is what never left us (no connection was made), whatever it is, and what is harmless to repeat: reads, and
/// the few changes that mean the same twice. A command in a container is never sent twice; nor is an upload.
///
/// All calls of one engine share a budget: ten retries, and one more for every ten calls that succeed. An engine in
/// trouble is not buried under the retries of many callers.
///
/// ```
/// use longshore_engine::{EngineConfig, Retry};
/// let config = EngineConfig::default().retry(Retry::times(3));
/// assert_eq!(EngineConfig::default().retry.attempts, 0);
/// # assert_eq!(config.retry.attempts, 3);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// How often after the first time. Default: 0.
    pub attempts: u32,
    /// The pauses between. Default: 1 s, doubled to 30 s at most, half of it random.
    pub backoff: Backoff,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 0,
            backoff: Backoff {
                first: Duration::from_secs(1),
                longest: Duration::from_secs(30),
                ..Backoff::default()
            },
        }
    }
}

impl Retry {
    /// Tries so often after the first time.
    #[must_use]
    pub fn times(attempts: u32) -> Self {
        Self {
            attempts,
            ..Self::default()
        }
    }

    /// Sets [`Self::backoff`].
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// The pause before a call that has failed `failures` times is sent again; `None` when it is not.
    pub(crate) fn pause(
        &self,
        error: &Error,
        idempotent: bool,
        failures: u32,
        budget: &Budget,
    ) -> Option<Duration> {
        let may_repeat = idempotent || error.delivery() == Delivery::NotSent;
        let wanted = may_repeat && error.is_transient() && failures <= self.attempts;
        (wanted && budget.withdraw()).then(|| self.backoff.pause(failures))
    }
}

/// A retry, in tenths.
const RETRY: u32 = 10;
/// Ten retries.
const FULL: u32 = 100;

/// What retries are paid from.
#[derive(Debug)]
pub(crate) struct Budget(AtomicU32);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicU32::new(FULL))
    }
}

impl Budget {
    /// A call has succeeded.
    pub(crate) fn deposit(&self) {
        // Full is the common case: it costs one read.
        if self.0.load(Ordering::Relaxed) < FULL {
            let add = |tenths: u32| (tenths < FULL).then_some(tenths + 1);
            let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
    }

    fn withdraw(&self) -> bool {
        let take = |tenths: u32| tenths.checked_sub(RETRY);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorKind, TimeoutKind};

    fn error(kind: ErrorKind) -> Error {
        Error::new(kind, "do it")
    }

    #[test]
    fn what_may_have_arrived_is_sent_again_only_where_that_is_harmless() {
        let retry = Retry::times(2);
        let sent = |kind, idempotent| {
            retry
                .pause(&error(kind), idempotent, 1, &Budget::default())
                .is_some()
        };
        assert!(sent(ErrorKind::Connect, false), "it never left us");
        assert!(sent(ErrorKind::Interrupted, true));
        assert!(!sent(ErrorKind::Interrupted, false));
        assert!(!sent(ErrorKind::Timeout(TimeoutKind::Head), false));
        assert!(sent(ErrorKind::Timeout(TimeoutKind::Connect), false));
        assert!(
            !sent(ErrorKind::NotFound, true),
            "it will not be found by asking again"
        );
    }

    #[test]
    fn attempts_are_counted_after_the_first() {
        let sent = |attempts, failures| {
            Retry::times(attempts)
                .pause(&error(ErrorKind::Connect), true, failures, &Budget::default())
                .is_some()
        };
        assert_eq!(
            [sent(0, 1), sent(1, 1), sent(1, 2), sent(3, 3)],
            [false, true, false, true]
        );
    }

    #[test]
    fn a_budget_is_spent_and_earned() {
        let budget = Budget::default();
        assert_eq!((0..20).filter(|_| budget.withdraw()).count(), 10);
        for _ in 0..9 {
            budget.deposit();
        }
        assert!(!budget.withdraw());
        budget.deposit();
        assert!(budget.withdraw());
        for _ in 0..1_000 {
            budget.deposit();
        }
        assert_eq!(
            (0..20).filter(|_| budget.withdraw()).count(),
            10,
            "it holds no more"
        );
    }
}
