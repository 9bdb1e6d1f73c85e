//! The one way for a test to wait: poll a condition until it holds, or fail with what was last seen.
//!
//! Owns: the intervals (1 ms at first, half as much again each time, at most 50 ms) and the failure text.
//! Leaves to others: the condition. A fixed sleep is either too long or flaky; this is neither.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long [`eventually`] goes on before it fails.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

const FIRST_INTERVAL: Duration = Duration::from_millis(1);
const LAST_INTERVAL: Duration = Duration::from_millis(50);

/// Polls `look` until it returns `Ok`, for at most [`DEFAULT_DEADLINE`].
///
/// `look` returns `Ok(value)` when the condition holds, and `Err(seen)` with what it saw otherwise.
///
/// # Panics
/// When the deadline passes, with `what`, the time spent and the last `seen`.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use longshore_testkit::eventually;
/// let mut n = 0;
/// let got = eventually("the counter reaches three", async || {
///     n += 1;
///     if n >= 3 { Ok(n) } else { Err(n) }
/// })
/// .await;
/// assert_eq!(got, 3);
/// # });
/// ```
#[track_caller]
pub fn eventually<T, S: Debug, F: AsyncFnMut() -> Result<T, S>>(
    what: &str,
    look: F,
) -> impl Future<Output = T> {
    Eventually::within(DEFAULT_DEADLINE).holds(what, look)
}

/// [`eventually`] with another deadline.
#[derive(Debug, Clone, Copy)]
#[must_use = "call `holds` and await it"]
pub struct Eventually {
    deadline: Duration,
}

impl Eventually {
    /// Gives up after `deadline`.
    pub fn within(deadline: Duration) -> Self {
        Self { deadline }
    }

    /// Polls `look` until it returns `Ok`.
    ///
    /// A `look` that hangs is cut off at the deadline too, so a test fails with a text and never with the
    /// silence of a runner's own timeout.
    ///
    /// # Panics
    /// When the deadline passes.
    #[track_caller]
    pub fn holds<T, S: Debug, F: AsyncFnMut() -> Result<T, S>>(
        self,
        what: &str,
        look: F,
    ) -> impl Future<Output = T> {
        let caller = std::panic::Location::caller();
        async move {
            match self.poll(look).await {
                Ok(value) => value,
                Err(seen) => fail(what, self.deadline, seen.as_ref(), caller),
            }
        }
    }

    /// As [`holds`](Self::holds), but hands the last thing seen back in place of a panic (`None`: the first
    /// look never came back).
    ///
    /// # Errors
    /// What was last seen, when the deadline passes.
    pub async fn poll<T, S, F: AsyncFnMut() -> Result<T, S>>(self, mut look: F) -> Result<T, Option<S>> {
        let end = Instant::now() + self.deadline;
        let mut interval = FIRST_INTERVAL;
        let mut last = None;
        loop {
            match tokio::time::timeout_at(end, look()).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(seen)) => last = Some(seen),
                Err(_) => return Err(last),
            }
            let now = Instant::now();
            if now >= end {
                return Err(last);
            }
            sleep(interval.min(end - now)).await;
            interval = (interval * 3 / 2).min(LAST_INTERVAL);
        }
    }
}

#[expect(
    clippy::panic,
    reason = "a test's condition that does not hold is a failed test"
)]
fn fail<S: Debug>(what: &str, deadline: Duration, seen: Option<&S>, caller: &std::panic::Location<'_>) -> ! {
    match seen {
        Some(seen) => panic!("waited {deadline:?} at {caller} until {what}; last seen: {seen:#?}"),
        None => panic!("waited {deadline:?} at {caller} until {what}; the first look never came back"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn returns_at_once_when_it_holds() {
        let before = Instant::now();
        eventually("nothing", async || Ok::<_, ()>(())).await;
        assert_eq!(before.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn hands_back_what_was_last_seen() {
        let mut looks = 0;
        let seen = Eventually::within(Duration::from_millis(20))
            .poll(async || {
                looks += 1;
                Err::<(), _>(looks)
            })
            .await;
        let last = seen.unwrap_err().unwrap();
        assert!(last > 3, "{last}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_hangs_ends_at_the_deadline() {
        let seen = Eventually::within(Duration::from_millis(20))
            .poll(async || std::future::pending::<Result<(), ()>>().await)
            .await;
        assert_eq!(seen, Err(None));
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "until pigs fly; last seen: \"a pig on the ground\"")]
    async fn fails_with_what_it_waited_for() {
        Eventually::within(Duration::from_millis(5))
            .holds("pigs fly", async || Err::<(), _>("a pig on the ground"))
            .await;
    }
}
