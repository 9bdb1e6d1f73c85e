//! Made-up events, held for a moment in which the real ones may still come.
//!
//! Owns which real events came since a gap, and which made-up ones are still to be told. Pure: the time is handed in.
//! Leaves to others making them up ([`unseen`](super::unseen)) and telling them.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use longshore_core::{ContainerId, Event, Timestamp};
use tokio::time::Instant;

/// How long the real event of the same action may still come. The engine publishes within 12 ms of a change; this is
/// for a busy machine.
const PATIENCE: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Suspense {
    /// Real actions by container since the gap, with their last stamps.
    told: HashMap<ContainerId, BTreeMap<Box<str>, Timestamp>>,
    held: Vec<(Instant, ContainerId, Vec<Event>)>,
}

impl Suspense {
    /// Real events came.
    pub(super) fn told(&mut self, id: &ContainerId, verbs: BTreeMap<Box<str>, Timestamp>) {
        self.told.entry(id.clone()).or_default().extend(verbs);
    }

    /// Holds what was made up about a container.
    pub(super) fn hold(&mut self, id: &ContainerId, events: Vec<Event>, now: Instant) {
        if !events.is_empty() {
            self.held.push((now + PATIENCE, id.clone(), events));
        }
    }

    /// What is to be told by now, in order of time: no real event has told it. With each whether a real event of the
    /// same container that is younger was told already.
    pub(super) fn release(&mut self, now: Instant) -> Vec<(Event, bool)> {
        let nothing = BTreeMap::new();
        let mut events = Vec::new();
        for (_, id, held) in self.held.extract_if(.., |(due, ..)| *due <= now) {
            let told = self.told.get(&id).unwrap_or(&nothing);
            // What nobody knows the time of was before the end of it all.
            let end = told.get("destroy").copied();
            let untold = held.into_iter().filter(|event| !told.contains_key(event.verb()));
            events.extend(untold.map(|mut event| {
                event.at = end.map_or(event.at, |end| end.min(event.at));
                let late = end.is_some() || told.values().any(|at| *at > event.at);
                (event, late)
            }));
        }
        events.sort_by_key(|(event, _)| event.at);
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
        suspense.calm();
        suspense.told(&after.id, [(Box::from("start"), Timestamp::from_secs(7))].into());
        assert!(suspense.release(now).is_empty());
        let due = suspense.next_due().unwrap();
        let told: Vec<_> = suspense
            .release(due)
            .into_iter()
            .map(|(event, late)| (event.action, late))
            .collect();
        assert_eq!(told, [("create".into(), true), ("die".into(), false)]);
        suspense.calm();
        assert!(suspense.told.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_made_up_after_the_real_end() {
        let mut suspense = Suspense::default();
        let mut before = container("a");
        before.state = ContainerState::Running;
        let made_up = unseen(Some(&before), None, Timestamp::from_secs(9));
        assert_eq!(made_up.len(), 2, "die, destroy");
        suspense.hold(&before.id, made_up, Instant::now());
        let end = Timestamp::from_secs(8);
        suspense.told(&before.id, [(Box::from("destroy"), end)].into());
        let due = suspense.next_due().unwrap();
        let told = suspense.release(due);
        let told: Vec<_> = told
            .iter()
            .map(|(event, late)| (event.verb(), event.at, *late))
            .collect();
        assert_eq!(told, [("die", end, true)]);
    }
}
