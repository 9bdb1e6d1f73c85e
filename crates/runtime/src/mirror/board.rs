//! What the follower tells the keeper: which containers were touched, and when to list again.
//!
//! Owns the marks, one for each object, so that it is bounded however many events come; setting one never waits.
//! Leaves to others what a mark causes ([`keeper`](super::keeper)).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use longshore_core::{ContainerId, Event, EventType, Health, Timestamp};
use tokio::sync::Notify;

/// Actions that change nothing of what an inspect says.
const QUIET: [&str; 9] = [
    "top",
    "attach",
    "detach",
    "resize",
    "export",
    "commit",
    "copy",
    "archive-path",
    "extract-to-dir",
];

/// Most different actions remembered for an object between two looks of the keeper. More are not needed: an object
/// with so many real events needs no made-up ones.
const MAX_VERBS: usize = 16;

/// Why to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Relist {
    /// The first time: what is found is no news.
    Initial,
    /// Events may be missing: what is found different is told.
    Gap,
}

/// What happened to one container since the keeper last looked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Touch {
    /// The actions told about it, with their last stamps.
    pub(crate) verbs: BTreeMap<Box<str>, Timestamp>,
    /// The health last told, when that is all that happened.
    pub(crate) only_health: Option<Health>,
}

/// Everything since the keeper last looked.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    pub(crate) touched: HashMap<ContainerId, Touch>,
    pub(crate) relist: Option<Relist>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Board {
    marks: Mutex<(Marks, bool)>,
    wake: Notify,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, (Marks, bool)> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an event; `late` ones come out of order.
    pub(crate) fn note(&self, event: &Event, late: bool) {
        let Some(id) = touched_by(event) else { return };
        let mut marks = self.lock();
        let known = marks.0.touched.contains_key(&id);
        let touch = marks.0.touched.entry(id).or_default();
        let verb = event.verb();
        let health = (verb == "health_status" && !late).then(|| Health::from(event.detail().unwrap_or("")));
        touch.only_health = match health {
            Some(health) if !known || touch.only_health.is_some() => Some(health),
            _ => None,
        };
        if touch.verbs.len() < MAX_VERBS || touch.verbs.contains_key(verb) {
            touch.verbs.insert(verb.into(), event.at);
        }
        drop(marks);
        self.wake.notify_one();
    }

    /// Asks for a list.
    pub(crate) fn relist(&self, why: Relist) {
        let mut marks = self.lock();
        marks.0.relist = marks.0.relist.max(Some(why));
        drop(marks);
        self.wake.notify_one();
    }

    /// Whether calls to the engine make sense.
    pub(crate) fn set_live(&self, live: bool) {
        self.lock().1 = live;
        self.wake.notify_one();
    }

    /// Takes the marks, and whether the engine is there.
    pub(super) fn take(&self) -> (Marks, bool) {
        let mut marks = self.lock();
        (std::mem::take(&mut marks.0), marks.1)
    }

    /// Waits until there may be something to take. Cancel safe.
    pub(super) async fn changed(&self) {
        self.wake.notified().await;
    }
}

/// The container that an event changes, if it changes one.
pub(crate) fn touched_by(event: &Event) -> Option<ContainerId> {
    let id = match &event.kind {
        EventType::Container if event.is_exec() || QUIET.contains(&event.verb()) => return None,
        EventType::Container => &event.id,
        EventType::Network => event.attributes.get("container")?,
        _ => return None,
    };
    ContainerId::new(id).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use longshore_core::Scope;

    use super::*;

    fn event(kind: EventType, action: &str, id: &str) -> Event {
        Event {
            kind,
            action: action.into(),
            id: id.into(),
            attributes: [("container".into(), "inside".into())].into(),
            scope: Scope::Local,
            at: Timestamp::from_secs(1),
        }
    }

    #[test]
    fn what_changes_nothing_marks_nothing() {
        let board = Board::default();
        for action in [
            "exec_create: ls",
            "exec_die",
            "top",
            "attach",
            "resize",
            "archive-path",
        ] {
            board.note(&event(EventType::Container, action, "a"), false);
        }
        board.note(&event(EventType::Image, "pull", "a"), false);
        board.note(&event(EventType::Container, "start", "../x"), false);
        assert!(board.take().0.touched.is_empty());
        board.note(&event(EventType::Container, "an action of tomorrow", "a"), false);
        board.note(&event(EventType::Network, "connect", "a network"), false);
        let marked: BTreeSet<String> = board.take().0.touched.keys().map(ToString::to_string).collect();
        assert_eq!(marked, ["a".to_owned(), "inside".to_owned()].into());
    }

    #[test]
    fn only_health_is_told_apart_from_health_and_more() {
        let only = |actions: &[&str]| {
            let board = Board::default();
            for action in actions {
                board.note(&event(EventType::Container, action, "a"), false);
            }
            board
                .take()
                .0
                .touched
                .values()
                .next()
                .unwrap()
                .only_health
                .clone()
        };
        assert_eq!(only(&["health_status: healthy"]), Some(Health::Healthy));
        assert_eq!(
            only(&["health_status: healthy", "health_status: unhealthy"]),
            Some(Health::Unhealthy)
        );
        assert_eq!(only(&["start", "health_status: healthy"]), None);
        assert_eq!(only(&["health_status: healthy", "die"]), None);
    }
}
