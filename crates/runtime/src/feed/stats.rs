//! How many events there were, by type, by action and by second.
//!
//! Owns the counts, each bounded, however many types and actions an engine makes up. Leaves to others what an event says.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use longshore_core::{Event, EventType};
use tokio::time::Instant;

/// How many seconds are kept.
pub(super) const SECONDS: usize = 60;
/// How many types, and of each how many actions, are counted by name. Docker has ten types and forty actions of a
/// container.
const NAMES: usize = 64;
/// What the rest is counted as.
const OTHER: &str = "other";

/// Counts of events since a watch was started, made-up ones included and gaps not.
///
/// ```
/// # fn example(watch: &longshore_runtime::Watch) {
/// let stats = watch.feed().stats();
/// println!("{} events, {:.1} a second lately", stats.total, stats.rate(std::time::Duration::from_secs(10)));
/// for (kind, actions) in &stats.by_action {
///     println!("{kind}: {actions:?}");
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct EventStats {
    /// All of them.
    pub total: u64,
    /// By type and action without its data (`exec_start` for `exec_start: ls`). Of each the first 64 by name; the rest is
    /// `other`.
    pub by_action: BTreeMap<Box<str>, BTreeMap<Box<str>, u64>>,
    /// By second of our clock, when we had them: the last minute, oldest first; the last one is the second at hand.
    pub per_second: Vec<u32>,
}

impl EventStats {
    /// How many of a type.
    pub fn of_type(&self, kind: &EventType) -> u64 {
        self.by_action
            .get(kind.as_str())
            .map_or(0, |actions| actions.values().sum())
    }

    /// How many of a type and action.
    pub fn of_action(&self, kind: &EventType, action: &str) -> u64 {
        let actions = self.by_action.get(kind.as_str());
        actions
            .and_then(|actions| actions.get(action))
            .copied()
            .unwrap_or(0)
    }

    /// Events a second over the last whole seconds of `span`, at most 59; 0 for a span under a second.
    pub fn rate(&self, span: Duration) -> f64 {
        let whole = self.per_second.len().saturating_sub(1);
        let seconds = usize::try_from(span.as_secs()).unwrap_or(whole).min(whole);
        let counted: u64 = self.per_second[whole - seconds..whole]
            .iter()
            .map(|count| u64::from(*count))
            .sum();
        if seconds == 0 {
            return 0.0;
        }
        #[allow(clippy::cast_precision_loss, reason = "counts of a minute are small")]
        let rate = counted as f64 / seconds as f64;
        rate
    }
}

/// The same while it is counted.
#[derive(Debug)]
pub(super) struct Tally {
    total: u64,
    types: HashMap<Box<str>, HashMap<Box<str>, u64>>,
    base: Instant,
    /// The second that was counted last, and the counts by second modulo [`SECONDS`].
    second: u64,
    seconds: [u32; SECONDS],
}

impl Tally {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            total: 0,
            types: HashMap::new(),
            base: now,
            second: 0,
            seconds: [0; SECONDS],
        }
    }

    pub(super) fn count(&mut self, event: &Event, now: Instant) {
        self.total += 1;
        self.turn(now);
        let slot = &mut self.seconds[slot(self.second)];
        *slot = slot.saturating_add(1);
        with(&mut self.types, event.kind.as_str(), |actions| {
            with(actions, event.verb(), |count| *count += 1);
        });
    }

    pub(super) fn read(&mut self, now: Instant) -> EventStats {
        self.turn(now);
        let counts = self.types.iter().map(|(kind, actions)| {
            let actions = actions.iter().map(|(action, count)| (action.clone(), *count));
            (kind.clone(), actions.collect())
        });
        EventStats {
            total: self.total,
            by_action: counts.collect(),
            per_second: (1..=SECONDS as u64)
                .map(|after| self.seconds[slot(self.second + after)])
                .collect(),
        }
    }

    /// Forgets the seconds that a minute has passed over.
    fn turn(&mut self, now: Instant) {
        let second = now.saturating_duration_since(self.base).as_secs();
        let passed = second.saturating_sub(self.second).min(SECONDS as u64);
        for after in 1..=passed {
            self.seconds[slot(second - passed + after)] = 0;
        }
        self.second = self.second.max(second);
    }
}

fn slot(second: u64) -> usize {
    usize::try_from(second % SECONDS as u64).unwrap_or_default()
}

/// Changes the count of that name; of the rest where there are too many names. A name that is known costs no allocation.
fn with<T: Default>(counts: &mut HashMap<Box<str>, T>, name: &str, change: impl FnOnce(&mut T)) {
    if let Some(count) = counts.get_mut(name) {
        return change(count);
    }
    let name = if counts.len() < NAMES { name } else { OTHER };
    change(counts.entry(name.into()).or_default());
}

#[cfg(test)]
mod tests {
    use longshore_core::{Attributes, Scope, Timestamp};
    use tokio::time::advance;

    use super::*;

    fn event(kind: &str, action: &str) -> Event {
        Event {
            kind: EventType::from(kind),
            action: action.into(),
            id: "a".into(),
            attributes: Attributes::default(),
            scope: Scope::Local,
            at: Timestamp::default(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn events_are_counted_by_type_action_and_second() {
        let mut tally = Tally::new(Instant::now());
        for action in ["start", "exec_start: ls", "exec_start: ps"] {
            tally.count(&event("container", action), Instant::now());
        }
        advance(Duration::from_secs(2)).await;
        tally.count(&event("image", "pull"), Instant::now());
        let stats = tally.read(Instant::now());
        assert_eq!(stats.total, 4);
        assert_eq!(stats.of_type(&EventType::Container), 3);
        assert_eq!(stats.of_action(&EventType::Container, "exec_start"), 2);
        assert_eq!(stats.of_action(&EventType::Image, "push"), 0);
        assert_eq!(stats.per_second[SECONDS - 3..], [3, 0, 1]);
        assert_eq!(
            (stats.rate(Duration::from_secs(2)), stats.rate(Duration::ZERO)),
            (1.5, 0.0)
        );
        advance(Duration::from_secs(58)).await;
        assert_eq!(tally.read(Instant::now()).per_second.iter().sum::<u32>(), 1);
        advance(Duration::from_secs(3_600)).await;
        let stats = tally.read(Instant::now());
        assert_eq!((stats.per_second.iter().sum::<u32>(), stats.total), (0, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn names_without_end_are_the_rest() {
        let mut tally = Tally::new(Instant::now());
        for n in 0..1_000 {
            tally.count(&event("container", &format!("made-up-{n}")), Instant::now());
            tally.count(&event(&format!("kind-{n}"), "x"), Instant::now());
        }
        let stats = tally.read(Instant::now());
        assert!(stats.by_action.len() <= NAMES + 1 && stats.by_action["container"].len() <= NAMES + 1);
        let counted: u64 = stats.by_action.values().flat_map(BTreeMap::values).sum();
        assert_eq!((counted, stats.total), (2_000, 2_000));
        assert!(stats.by_action["container"][OTHER] > 900);
    }
}
