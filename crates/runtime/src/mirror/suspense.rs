//! Made-up events, held for a moment in which the real ones may still come.
//!
//! Owns which real events came since a gap, and which made-up ones are still to be told. Pure: the time is handed in.
//! Leaves to others making them up ([`unseen`](super::unseen)) and telling them.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::Duration;

use longshore_core::{Event, Timestamp};
use tokio::time::Instant;

use super::unseen::MadeUp;

/// How long the real event of the same action may still come. The engine publishes within 12 ms of a change; this is
/// for a busy machine.
const PATIENCE: Duration = Duration::from_secs(1);
/// A real event is stamped after what it tells has its time, on Docker; with Podman two programs look at the clock.
const SKEW: i64 = 100_000_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Suspense<I> {
    /// Real actions by object since it was last inspected or since the gap, with their last stamps.
    told: HashMap<I, BTreeMap<Box<str>, Timestamp>>,
    held: Vec<(Instant, I, Vec<MadeUp>)>,
}

impl<I> Default for Suspense<I> {
    fn default() -> Self {
        Self {
            told: HashMap::new(),
            held: Vec::new(),
        }
    }
}

impl<I: Clone + Eq + Hash> Suspense<I> {
    /// Real events came.
    pub(super) fn told(&mut self, id: &I, verbs: BTreeMap<Box<str>, Timestamp>) {
        self.told.entry(id.clone()).or_default().extend(verbs);
    }

    /// Holds what was made up about an object.
    pub(super) fn hold(&mut self, id: &I, events: Vec<MadeUp>, now: Instant) {
        if !events.is_empty() {
            self.held.push((now + PATIENCE, id.clone(), events));
        }
    }

    /// What is to be told by now, in order of time: no real event has told it, that is, none of its action, or only one
    /// that is older than it can be. With each whether a real event of the
    /// same container that is younger was told already.
    pub(super) fn release(&mut self, now: Instant) -> Vec<(Event, bool)> {
        let nothing = BTreeMap::new();
        let mut events = Vec::new();
        for (_, id, held) in self.held.extract_if(.., |(due, ..)| *due <= now) {
            let told = self.told.get(&id).unwrap_or(&nothing);
            // What nobody knows the time of was before the end of it all.
            let end = told
                .get("destroy")
                .map(|end| Timestamp::from_nanos(end.as_nanos().saturating_sub(1)));
            for MadeUp { mut event, is_timed } in held {
                let real = told.get(event.verb());
                if real.is_some_and(|real| !is_timed || real.as_nanos() + SKEW >= event.at.as_nanos()) {
                    continue;
                }
                event.at = end.map_or(event.at, |end| end.min(event.at));
                let late = end.is_some() || told.values().any(|at| *at > event.at);
                events.push((event, late));
            }
        }
        events.sort_by_key(|(event, _)| event.at);
        events
    }

    /// When [`release`](Self::release) has something next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.held.iter().map(|(due, ..)| *due).min()
    }

    /// Nothing more is being explained: forgets what was told of what was inspected since, once nothing is held.
    pub(super) fn calm(&mut self, was_inspected: impl Fn(&I) -> bool) {
        if self.held.is_empty() {
            self.told.retain(|id, _| !was_inspected(id));
        }
    }
}

#[cfg(test)]
mod tests {
    use longshore_core::ContainerState;

    use super::*;
    use crate::mirror::testing::container;
    use crate::mirror::unseen::unseen;

    #[tokio::test(start_paused = true)]
    async fn a_real_event_wins_over_a_made_up_one() {
        let mut suspense = Suspense::default();
        let now = Instant::now();
        let mut after = container("a");
        after.started_at = Some(Timestamp::from_secs(5));
        let made_up = unseen(None, Some(&after), Timestamp::from_secs(9));
        assert_eq!(made_up.len(), 3, "create, start, die");
        suspense.hold(&after.id, made_up, now);
        suspense.calm(|_| true);
        suspense.told(&after.id, [(Box::from("start"), Timestamp::from_secs(7))].into());
        assert!(suspense.release(now).is_empty());
        let due = suspense.next_due().unwrap();
        let told: Vec<_> = suspense
            .release(due)
            .into_iter()
            .map(|(event, late)| (event.action, late))
            .collect();
        assert_eq!(told, [("create".into(), true), ("die".into(), false)]);
        suspense.calm(|_| false);
        assert!(
            !suspense.told.is_empty(),
            "it may have been told before the engine went, and the inspect has failed"
        );
        suspense.calm(|_| true);
        assert!(suspense.told.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_another_run_is_not_the_end_of_this_one() {
        let mut suspense = Suspense::default();
        let mut before = container("a");
        before.state = ContainerState::Running;
        before.started_at = Some(Timestamp::from_secs(1));
        let mut after = before.clone();
        after.started_at = Some(Timestamp::from_secs(5));
        after.state = ContainerState::Exited;
        after.finished_at = Some(Timestamp::from_secs(7));
        // It ended and was started again before the gap, and was not inspected meanwhile.
        let real = [("die", 4), ("start", 6)].map(|(verb, at)| (Box::from(verb), Timestamp::from_secs(at)));
        suspense.told(&after.id, real.into());
        let made_up = unseen(Some(&before), Some(&after), Timestamp::from_secs(9));
        suspense.hold(&after.id, made_up, Instant::now());
        let due = suspense.next_due().unwrap();
        let told = suspense.release(due);
        let told: Vec<_> = told
            .iter()
            .map(|(event, late)| (event.verb(), event.at.as_secs(), *late))
            .collect();
        assert_eq!(told, [("die", 7, false)]);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_made_up_after_the_real_end() {
        let mut suspense = Suspense::default();
        let mut before = container("a");
        before.state = ContainerState::Running;
        let made_up = unseen(Some(&before), None, Timestamp::from_secs(9));
        assert_eq!(made_up.len(), 2, "die, destroy");
        suspense.hold(&before.id, made_up, Instant::now());
        suspense.told(
            &before.id,
            [(Box::from("destroy"), Timestamp::from_secs(8))].into(),
        );
        let due = suspense.next_due().unwrap();
        let told = suspense.release(due);
        let told: Vec<_> = told
            .iter()
            .map(|(event, late)| (event.verb(), event.at, *late))
            .collect();
        assert_eq!(told, [("die", Timestamp::from_nanos(7_999_999_999), true)]);
    }
}
