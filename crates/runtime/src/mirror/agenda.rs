//! Which object is to be inspected next, and whether an inspect settled it.
//!
//! Owns the marks of the keeper: dirty, being inspected, touched lately, failed. Pure: the time is handed in. Leaves
//! to others the calls and what they find.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

use crate::Backoff;

/// A list lags behind events by some milliseconds: what was touched within this is not judged by one.
const TOUCHED_LATELY: Duration = Duration::from_secs(10);

/// After so many failures in a row an object no longer holds up the mirror's first readiness.
const HOPELESS: u32 = 3;

/// Where an object waits; the greater, the sooner its turn. One that is moved up leaves its old entry behind, which is
/// found clean when its turn comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Queued {
    #[default]
    No,
    Later,
    Cold,
    Hot,
}

#[derive(Debug, Default)]
struct Object {
    /// Counts marks, so that an inspect knows whether one came after it began.
    marks: u64,
    is_dirty: bool,
    inspecting: Option<u64>,
    queued: Queued,
    touched_at: Option<Instant>,
    failures: u32,
    /// After a failure, or to give an event time to come.
    not_before: Option<Instant>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Agenda<I> {
    objects: HashMap<I, Object>,
    /// Touched by events: first.
    hot: VecDeque<I>,
    /// Found by lists.
    cold: VecDeque<I>,
    /// Not to be asked before a time.
    later: Vec<I>,
    backoff: Backoff,
}

impl<I: Clone + Eq + Hash> Agenda<I> {
    pub(super) fn new(backoff: Backoff) -> Self {
        Self {
            objects: HashMap::new(),
            hot: VecDeque::new(),
            cold: VecDeque::new(),
            later: Vec::new(),
            backoff,
        }
    }

    /// An event touched it.
    pub(super) fn touch(&mut self, id: &I, now: Instant) {
        let object = self.objects.entry(id.clone()).or_default();
        object.touched_at = Some(now);
        object.not_before = None;
        object.failures = 0;
        object.marks += 1;
        object.is_dirty = true;
        self.enqueue(id, Queued::Hot);
    }

    /// A list, or a gap, says that it should be looked at; not before `not_before`, if given.
    pub(super) fn suspect(&mut self, id: &I, not_before: Option<Instant>) {
        let object = self.objects.entry(id.clone()).or_default();
        match not_before {
            None => {
                object.not_before = None;
                object.marks += 1;
                object.is_dirty = true;
                self.enqueue(id, Queued::Cold);
            }
            Some(_) if object.is_dirty => {}
            Some(_) => {
                object.marks += 1;
                object.is_dirty = true;
                object.not_before = not_before;
                self.enqueue(id, Queued::Later);
            }
        }
    }

    /// Lets it wait there, unless it is being inspected or waits in a better place.
    fn enqueue(&mut self, id: &I, place: Queued) {
        let Some(object) = self.objects.get_mut(id) else {
            return;
        };
        if object.inspecting.is_some() || object.queued >= place {
            return;
        }
        object.queued = place;
        match place {
            Queued::Hot => self.hot.push_back(id.clone()),
            Queued::Cold => self.cold.push_back(id.clone()),
            Queued::Later => self.later.push(id.clone()),
            Queued::No => {}
        }
    }

    /// Whether an event touched it so lately that a list says nothing about it.
    pub(super) fn is_touched_lately(&self, id: &I, now: Instant) -> bool {
        let touched_at = self.objects.get(id).and_then(|object| object.touched_at);
        touched_at.is_some_and(|at| now.duration_since(at) < TOUCHED_LATELY)
    }

    /// Takes the next to inspect; it counts as begun.
    pub(super) fn next(&mut self, now: Instant) -> Option<I> {
        let objects = &self.objects;
        let due = self.later.extract_if(.., |id| {
            objects
                .get(id)
                .is_none_or(|object| object.not_before.is_none_or(|at| at <= now))
        });
        self.cold.extend(due);
        while let Some(id) = self.hot.pop_front().or_else(|| self.cold.pop_front()) {
            let Some(object) = self.objects.get_mut(&id) else {
                continue;
            };
            object.queued = Queued::No;
            if object.is_dirty && object.inspecting.is_none() {
                object.inspecting = Some(object.marks);
                return Some(id);
            }
        }
        None
    }

    /// When [`next`](Self::next) may have something that it has not now.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.later
            .iter()
            .filter_map(|id| self.objects.get(id)?.not_before)
            .min()
    }

    /// The inspect that `next` began has ended with an answer, which counts whatever was marked since.
    pub(super) fn answered(&mut self, id: &I) {
        let Some(object) = self.objects.get_mut(id) else {
            return;
        };
        object.failures = 0;
        object.not_before = None;
        if object.inspecting.take() == Some(object.marks) {
            object.is_dirty = false;
        } else if object.is_dirty {
            self.enqueue(id, Queued::Hot);
        }
    }

    /// It has ended without one: it stays dirty.
    pub(super) fn failed(&mut self, id: &I, now: Instant) {
        let Some(object) = self.objects.get_mut(id) else {
            return;
        };
        object.inspecting = None;
        object.failures = object.failures.saturating_add(1);
        object.not_before = Some(now + self.backoff.pause(object.failures));
        self.enqueue(id, Queued::Later);
    }

    /// Whether it is settled, or has failed so often that nobody should wait for it.
    pub(super) fn is_settled(&self, id: &I) -> bool {
        self.objects
            .get(id)
            .is_none_or(|object| !object.is_dirty || object.failures >= HOPELESS)
    }

    /// Forgets what is gone, clean, and not touched lately.
    pub(super) fn sweep(&mut self, now: Instant, is_there: impl Fn(&I) -> bool) {
        self.objects.retain(|id, object| {
            let lately = object
                .touched_at
                .is_some_and(|at| now.duration_since(at) < TOUCHED_LATELY);
            object.is_dirty || object.inspecting.is_some() || lately || is_there(id)
        });
    }
}

#[cfg(test)]
mod tests {
    use longshore_core::ContainerId;

    use super::*;

    fn id(name: &str) -> ContainerId {
        ContainerId::new(name).unwrap()
    }

    fn agenda() -> (Agenda<ContainerId>, Instant) {
        (
            Agenda::new(Backoff {
                jitter: 0.0,
                ..Backoff::default()
            }),
            Instant::now(),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn an_inspect_begun_before_the_newest_event_does_not_clear_the_mark() {
        let (mut agenda, now) = agenda();
        agenda.touch(&id("a"), now);
        assert_eq!(agenda.next(now), Some(id("a")));
        agenda.touch(&id("a"), now);
        assert_eq!(agenda.next(now), None, "one at a time");
        agenda.answered(&id("a"));
        assert!(!agenda.is_settled(&id("a")));
        assert_eq!(agenda.next(now), Some(id("a")));
        agenda.answered(&id("a"));
        assert!(agenda.is_settled(&id("a")));
        assert_eq!(agenda.next(now), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_events_touch_comes_before_what_lists_find() {
        let (mut agenda, now) = agenda();
        agenda.suspect(&id("cold"), None);
        agenda.touch(&id("hot"), now);
        assert_eq!(
            [agenda.next(now), agenda.next(now)],
            [Some(id("hot")), Some(id("cold"))]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_tried_again_later_and_three_hold_up_nobody() {
        let (mut agenda, mut now) = agenda();
        agenda.touch(&id("a"), now);
        for pause in [100, 200, 400] {
            assert_eq!(agenda.next(now), Some(id("a")));
            assert!(!agenda.is_settled(&id("a")));
            agenda.failed(&id("a"), now);
            assert_eq!(agenda.next(now), None);
            assert_eq!(agenda.next_due(), Some(now + Duration::from_millis(pause)));
            now += Duration::from_millis(pause);
        }
        assert!(agenda.is_settled(&id("a")));
        agenda.touch(&id("a"), now);
        assert_eq!(agenda.next(now), Some(id("a")), "an event tries at once");
    }

    #[tokio::test(start_paused = true)]
    async fn a_suspicion_that_may_wait_waits_and_an_event_does_not() {
        let (mut agenda, now) = agenda();
        let due = now + Duration::from_secs(2);
        agenda.suspect(&id("a"), Some(due));
        assert_eq!((agenda.next(now), agenda.next_due()), (None, Some(due)));
        agenda.touch(&id("a"), now);
        assert_eq!(agenda.next(now), Some(id("a")));
        agenda.answered(&id("a"));
        assert_eq!(agenda.next(due), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_gone_is_remembered_for_ten_seconds() {
        let (mut agenda, now) = agenda();
        agenda.touch(&id("a"), now);
        agenda.next(now);
        agenda.answered(&id("a"));
        agenda.sweep(now, |_| false);
        assert!(agenda.is_touched_lately(&id("a"), now));
        agenda.sweep(now + Duration::from_secs(10), |_| false);
        assert!(agenda.objects.is_empty());
    }
}
