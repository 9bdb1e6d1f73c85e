//! One thing done for many: a few at a time, an outcome for each.
//!
//! Owns how many are under way, and the outcomes in the order in which they were asked for. What is done is the caller's
//! closure, and so is what it may repeat.

use std::fmt;
use std::iter::FusedIterator;

use futures_util::stream::{self, Stream, StreamExt};

/// More only makes each call longer. 40 containers made, started and removed with 1, 2, 4, 8 and 16 at a time, on two busy
/// processors, medians of four interleaved rounds: 11.5, 6.6, 5.7, 5.5 and 6.0 s on 28.5; 11.5, 7.3, 6.6, 6.2 and 6.5 s on 20.10.
const AT_ONCE: usize = 4;

/// Failures that an error names; it counts the others.
const NAMED: usize = 8;

/// How one thing is done for many.
///
/// ```no_run
/// # async fn example(engine: longshore_engine::Engine, names: Vec<longshore_core::ObjectRef>) {
/// use longshore_core::Verb;
/// use longshore_runtime::Bulk;
/// let stopped = Bulk::default()
///     .at_once(8)
///     .run(names, |name| {
///         let engine = &engine;
///         async move { engine.act(&name, &Verb::Stop { timeout: Some(5), signal: None }).await }
///     })
///     .await;
/// println!("{} of {} stopped", stopped.done().count(), stopped.len());
/// for (name, error) in stopped.failed() {
///     eprintln!("{name}: {error}");
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bulk {
    /// How many are under way at a time; 0 counts as 1. Default: 4. Twice as fast as one after the other, by measurement;
    /// with 8 or 16 an engine is no faster, and each call takes longer. What mostly waits, such as a stop with its grace
    /// time, gains by more.
    pub at_once: usize,
}

impl Default for Bulk {
    fn default() -> Self {
        Self { at_once: AT_ONCE }
    }
}

impl Bulk {
    /// Sets [`Self::at_once`].
    #[must_use]
    pub fn at_once(mut self, at_once: usize) -> Self {
        self.at_once = at_once;
        self
    }

    /// Does `one` for each of `items`, and gives all outcomes when the last is done. No failure stops the others or hides
    /// one. The same item twice is done twice, perhaps at a time.
    ///
    /// Dropping the future drops what is under way, as dropping each call would, and begins nothing more; it spawns nothing.
    /// What was done until then is not told: [`each`](Self::each) tells it.
    pub fn run<K, T, E, F, Fut>(
        self,
        items: impl IntoIterator<Item = K>,
        one: F,
    ) -> impl Future<Output = Batch<K, T, E>>
    where
        K: Clone,
        F: FnMut(K) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        // All at once, so that the future holds no iterator, which might bind it to its thread.
        let items: Vec<K> = items.into_iter().collect();
        async move {
            let mut all: Vec<_> = self.outcomes(items, one).collect().await;
            all.sort_unstable_by_key(|(place, _)| *place);
            Batch {
                outcomes: all.into_iter().map(|(_, outcome)| outcome).collect(),
            }
        }
    }

    /// As [`run`](Self::run), but gives each outcome when it is there, with its item: for progress, and to stop early. The
    /// next one begins when one is done. Nothing goes on while the stream is not polled; dropping it is dropping the future of
    /// `run`.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use futures_util::StreamExt;
    /// use longshore_runtime::Bulk;
    /// let doubled = Bulk::default().each([1, 2, 3], |n: u32| async move { n.checked_mul(2).ok_or("too many") });
    /// let mut doubled = std::pin::pin!(doubled);
    /// while let Some((n, outcome)) = doubled.next().await {
    ///     assert_eq!(outcome, Ok(2 * n));
    /// }
    /// # });
    /// ```
    pub fn each<K, T, E, F, Fut>(
        self,
        items: impl IntoIterator<Item = K>,
        one: F,
    ) -> impl Stream<Item = (K, Result<T, E>)>
    where
        K: Clone,
        F: FnMut(K) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.outcomes(items, one).map(|(_, outcome)| outcome)
    }

    fn outcomes<K, T, E, F, Fut>(
        self,
        items: impl IntoIterator<Item = K>,
        mut one: F,
    ) -> impl Stream<Item = (usize, (K, Result<T, E>))>
    where
        K: Clone,
        F: FnMut(K) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let calls = items.into_iter().enumerate().map(move |(place, item)| {
            let call = one(item.clone());
            async move { (place, (item, call.await)) }
        });
        stream::iter(calls).buffer_unordered(self.at_once.max(1))
    }
}

/// What came of each of many, in the order in which they were asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "what failed is in it"]
pub struct Batch<K, T, E> {
    outcomes: Vec<(K, Result<T, E>)>,
}

impl<K, T, E> Batch<K, T, E> {
    /// How many there were.
    pub fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// Whether there were none.
    pub fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
    }

    /// Whether none failed; so it is when there were none.
    pub fn is_ok(&self) -> bool {
        self.failed().next().is_none()
    }

    /// Each with its outcome.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &(K, Result<T, E>)> + FusedIterator {
        self.outcomes.iter()
    }

    /// Those that were done, and what came of them.
    pub fn done(&self) -> impl Iterator<Item = (&K, &T)> {
        self.iter()
            .filter_map(|(item, outcome)| Some((item, outcome.as_ref().ok()?)))
    }

    /// Those that failed, and why.
    pub fn failed(&self) -> impl Iterator<Item = (&K, &E)> {
        self.iter()
            .filter_map(|(item, outcome)| Some((item, outcome.as_ref().err()?)))
    }

    /// What came of all, when none failed.
    ///
    /// # Errors
    /// [`BatchError`] with every failure; what the others gave is dropped.
    pub fn into_result(self) -> Result<Vec<T>, BatchError<K, E>> {
        let total = self.outcomes.len();
        let (mut done, mut failures) = (Vec::with_capacity(total), Vec::new());
        for (item, outcome) in self.outcomes {
            match outcome {
                Ok(value) => done.push(value),
                Err(error) => failures.push((item, error)),
            }
        }
        if failures.is_empty() {
            return Ok(done);
        }
        Err(BatchError { total, failures })
    }
}

impl<K, T, E> IntoIterator for Batch<K, T, E> {
    type Item = (K, Result<T, E>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.outcomes.into_iter()
    }
}

/// Some of many failed.
///
/// `Display` counts them and says of the first eight what each failed with; it has no source, for it has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchError<K, E> {
    total: usize,
    failures: Vec<(K, E)>,
}

impl<K, E> BatchError<K, E> {
    /// How many there were, those that were done with them.
    pub fn total(&self) -> usize {
        self.total
    }

    /// Those that failed, and why; at least one.
    pub fn failures(&self) -> &[(K, E)] {
        &self.failures
    }
}

impl<K, E: fmt::Display> fmt::Display for BatchError<K, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} failed", self.failures.len(), self.total)?;
        for (at, (_, error)) in self.failures.iter().take(NAMED).enumerate() {
            write!(f, "{} {error}", if at == 0 { ":" } else { ";" })?;
        }
        match self.failures.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl<K: fmt::Debug, E: fmt::Debug + fmt::Display> std::error::Error for BatchError<K, E> {}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::pin::pin;
    use std::time::Duration;

    use tokio::time::{Instant, sleep, timeout};

    use super::*;

    /// Counts itself while it lives.
    struct UnderWay<'a>(&'a Cell<usize>);

    impl<'a> UnderWay<'a> {
        fn begin(now: &'a Cell<usize>, most: &Cell<usize>) -> Self {
            now.set(now.get() + 1);
            most.set(most.get().max(now.get()));
            Self(now)
        }
    }

    impl Drop for UnderWay<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_are_under_way_at_a_time_and_outcomes_are_in_the_order_of_the_items() {
        for at_once in [0, 1, 3, 100] {
            let (now, most) = (Cell::new(0), Cell::new(0));
            let one = |n: u64| {
                let (now, most) = (&now, &most);
                async move {
                    let _under_way = UnderWay::begin(now, most);
                    // The first takes longest.
                    sleep(Duration::from_millis(100 - n)).await;
                    if n % 4 == 1 {
                        Err(format!("no {n}"))
                    } else {
                        Ok(n * 2)
                    }
                }
            };
            let batch = Bulk::default().at_once(at_once).run(0..10, one).await;
            assert_eq!((now.get(), most.get()), (0, at_once.clamp(1, 10)));
            let items: Vec<u64> = batch.iter().map(|(item, _)| *item).collect();
            assert_eq!(items, (0..10).collect::<Vec<_>>());
            assert!(!batch.is_ok() && batch.len() == 10);
            let failed: Vec<_> = batch.failed().map(|(item, error)| (*item, &**error)).collect();
            assert_eq!(failed, [(1, "no 1"), (5, "no 5"), (9, "no 9")]);
            assert!(batch.done().all(|(item, value)| *value == item * 2) && batch.done().count() == 7);
            let error = batch.into_result().unwrap_err();
            assert_eq!(error.to_string(), "3 of 10 failed: no 1; no 5; no 9");
            assert_eq!((error.total(), error.failures().len()), (10, 3));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn by_default_four_are_under_way_and_no_slot_waits_for_the_slowest() {
        let begun = Instant::now();
        let one = |n: u64| async move {
            // One of ten seconds, and thirty of one second, which the three other slots share.
            sleep(Duration::from_secs(if n == 0 { 10 } else { 1 })).await;
            Ok::<_, ()>(n)
        };
        let batch = Bulk::default().run(0..31, one).await;
        assert_eq!(batch.into_result().unwrap(), (0..31).collect::<Vec<_>>());
        assert_eq!(begun.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_dropped_ends_what_is_under_way_and_begins_nothing_more() {
        let (now, most) = (Cell::new(0), Cell::new(0));
        let begun = RefCell::new(Vec::new());
        let one = |n: u64| {
            begun.borrow_mut().push(n);
            let (now, most) = (&now, &most);
            async move {
                let _under_way = UnderWay::begin(now, most);
                sleep(Duration::from_secs(n + 1)).await;
                Ok::<_, ()>(n)
            }
        };
        let bulk = Bulk::default().at_once(2);
        {
            let mut each = pin!(bulk.each(0..100, one));
            assert_eq!(each.next().await, Some((0, Ok(0))));
            assert_eq!(each.next().await, Some((1, Ok(1))));
        }
        assert_eq!((now.get(), &*begun.borrow()), (0, &vec![0, 1, 2]));
        begun.borrow_mut().clear();
        let batch = timeout(Duration::from_millis(1500), bulk.run(0..100, one)).await;
        assert!(batch.is_err());
        assert_eq!((now.get(), &*begun.borrow()), (0, &vec![0, 1, 2]));
    }

    #[tokio::test]
    async fn none_at_all_is_well_and_many_failures_are_counted() {
        let nothing = Bulk::default()
            .run([0_u8; 0], |_| async { Err::<(), _>("no") })
            .await;
        assert!(nothing.is_empty() && nothing.is_ok() && nothing.into_result() == Ok(Vec::new()));
        let all = Bulk::default().run(0..20, |_| async { Err::<(), _>("no") }).await;
        let text = all.into_result().unwrap_err().to_string();
        assert_eq!(
            text,
            "20 of 20 failed: no; no; no; no; no; no; no; no; and 12 more"
        );
    }
}
