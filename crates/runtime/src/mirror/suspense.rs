//! Made-up events, held for a moment in which the real ones may still come.
//!
//! Owns which real events came since a gap, and which made-up ones are still to be told. Pure: the time is handed in.
//! Leaves to others making them up ([`unseen`](super::unseen)) and telling them.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Duration;

use longshore_core::Event;
use tokio::time::Instant;

/// How long the real event of the same action may still come. The engine publishes within 12 ms of a change; this is
/// for a busy machine.
const PATIENCE: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Suspense<I> {
    /// Real actions by object since the gap.
    told: HashMap<I, BTreeSet<Box<str>>>,
    held: Vec<(Instant, I, Vec<Event>)>,
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
    pub(super) fn told(&mut self, id: &I, verbs: BTreeSet<Box<str>>) {
        self.told.entry(id.clone()).or_default().extend(verbs);
    }

    /// Holds what was made up about an object.
    pub(super) fn hold(&mut self, id: &I, events: Vec<Event>, now: Instant) {
        if !events.is_empty() {
            self.held.push((now + PATIENCE, id.clone(), events));
        }
    }

    /// What is to be told by now, in order of time: no real event has told it.
    pub(super) fn release(&mut self, now: Instant) -> Vec<Event> {
        let told = &self.told;
        let due = self.held.extract_if(.., |(due, ..)| *due <= now);
        let mut events: Vec<Event> = due
            .flat_map(|(_, id, events)| {
                let told = told.get(&id);
                events
                    .into_iter()
                    .filter(move |event| !told.is_some_and(|told| told.contains(event.verb())))
            })
            .collect();
        events.sort_by_key(|event| event.at);
        events
    }

    /// When [`release`](Self::release) has something next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.held.iter().map(|(due, ..)| *due).min()
    }

    /// Nothing more is being explained: forgets what was told, once nothing is held.
    pub(super) fn calm(&mut self) {
        if self.held.is_empty() {
            self.told.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use longshore_core::Timestamp;

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
        suspense.calm();
        suspense.told(&after.id, [Box::from("start")].into());
        assert!(suspense.release(now).is_empty());
        let due = suspense.next_due().unwrap();
        let told: Vec<_> = suspense
            .release(due)
            .into_iter()
            .map(|event| event.action)
            .collect();
        assert_eq!(told, ["create".into(), "die".into()]);
        suspense.calm();
        assert!(suspense.told.is_empty());
    }
}
