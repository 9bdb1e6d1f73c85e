//! What the follower tells the keepers: which objects were touched, and when to list again.
//!
//! Owns the marks, one for each object, so that it is bounded however many events come; setting one never waits.
//! Leaves to others what a mark causes ([`keeper`](super::keeper)).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore_core::{ContainerId, Event, EventType, Health, NetworkId, ObjectRef, Timestamp};
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
    /// An event that does not say all that it changed: what is found different is looked at.
    Discover,
    /// The first time: what is found is no news.
    Initial,
    /// Events may be missing: what is found different is told.
    Gap,
}

/// What happened to one object since the keeper last looked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Touch {
    /// The actions told about it, with their last stamps.
    pub(crate) verbs: BTreeMap<Box<str>, Timestamp>,
    /// The health last told, when that is all that happened.
    pub(crate) only_health: Option<Health>,
}

/// Everything since the keeper last looked.
#[derive(Debug)]
pub(crate) struct Marks<I> {
    pub(crate) touched: HashMap<I, Touch>,
    /// Containers that are gone or have another name now: what shows them changed too.
    pub(crate) mentioned: BTreeSet<ContainerId>,
    /// Any object may have changed.
    pub(crate) all: bool,
    pub(crate) relist: Option<Relist>,
}

impl<I> Default for Marks<I> {
    fn default() -> Self {
        Self {
            touched: HashMap::new(),
            mentioned: BTreeSet::new(),
            all: false,
            relist: None,
        }
    }
}

#[derive(Debug)]
struct State<I> {
    marks: Marks<I>,
    is_live: bool,
    /// Whether anybody asked for this kind. Before that nothing is kept and nothing is called.
    is_wanted: bool,
}

/// The marks of one kind.
#[derive(Debug)]
pub(crate) struct Board<I> {
    state: Mutex<State<I>>,
    wake: Notify,
}

impl<I: Eq + Hash> Board<I> {
    pub(crate) fn new(is_wanted: bool) -> Self {
        Self {
            state: Mutex::new(State {
                marks: Marks::default(),
                is_live: false,
                is_wanted,
            }),
            wake: Notify::new(),
        }
    }

    fn change(&self, change: impl FnOnce(&mut State<I>)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.wake.notify_one();
    }

    fn mark(&self, mark: impl FnOnce(&mut Marks<I>)) {
        let mut state = self.lock();
        if state.is_wanted {
            mark(&mut state.marks);
            drop(state);
            self.wake.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<I>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an event about an object; `late` ones come out of order.
    pub(crate) fn touch(&self, id: I, event: &Event, late: bool) {
        self.mark(|marks| {
            let known = marks.touched.contains_key(&id);
            let touch = marks.touched.entry(id).or_default();
            let verb = event.verb();
            let health =
                (verb == "health_status" && !late).then(|| Health::from(event.detail().unwrap_or("")));
            touch.only_health = match health {
                Some(health) if !known || touch.only_health.is_some() => Some(health),
                _ => None,
            };
            if touch.verbs.len() < MAX_VERBS || touch.verbs.contains_key(verb) {
                touch.verbs.insert(verb.into(), event.at);
            }
        });
    }

    /// Asks for a list, which is kept for when the kind is asked for.
    pub(crate) fn relist(&self, why: Relist) {
        self.change(|state| state.marks.relist = state.marks.relist.max(Some(why)));
    }

    /// Asks for the kind, from now on.
    pub(crate) fn want(&self) {
        self.change(|state| state.is_wanted = true);
    }

    /// Whether calls to the engine make sense.
    pub(crate) fn set_live(&self, live: bool) {
        self.change(|state| state.is_live = live);
    }

    /// Takes the marks, and whether the engine is there and this kind asked for.
    pub(super) fn take(&self) -> (Marks<I>, bool) {
        let mut state = self.lock();
        (std::mem::take(&mut state.marks), state.is_live && state.is_wanted)
    }

    /// Waits until there may be something to take. Cancel safe.
    pub(super) async fn changed(&self) {
        self.wake.notified().await;
    }
}

/// The marks of all kinds.
#[derive(Debug, Clone)]
pub(crate) struct Boards {
    pub(crate) containers: Arc<Board<ContainerId>>,
    pub(crate) images: Arc<Board<String>>,
    pub(crate) networks: Arc<Board<NetworkId>>,
    pub(crate) volumes: Arc<Board<String>>,
}

impl Default for Boards {
    fn default() -> Self {
        Self {
            containers: Arc::new(Board::new(true)),
            images: Arc::new(Board::new(false)),
            networks: Arc::new(Board::new(false)),
            volumes: Arc::new(Board::new(false)),
        }
    }
}

impl Boards {
    /// Notes an event on every kind that it may have changed.
    pub(crate) fn note(&self, event: &Event, late: bool) {
        if let Some(id) = touched_by(event) {
            self.containers.touch(id, event, late);
        }
        match &event.kind {
            EventType::Container => self.note_container(event),
            // An event names one image and may take a name from another, so a list has to tell which differ.
            EventType::Image if event.verb() != "save" => self.images.relist(Relist::Discover),
            EventType::Network => match NetworkId::new(&event.id) {
                Ok(id) => self.networks.touch(id, event, late),
                Err(_) => self.networks.relist(Relist::Discover),
            },
            EventType::Volume if matches!(event.verb(), "mount" | "unmount") => {}
            EventType::Volume => match ObjectRef::new(&event.id) {
                Ok(name) => self.volumes.touch(name.to_string(), event, late),
                Err(_) => self.volumes.relist(Relist::Discover),
            },
            EventType::Daemon => {
                self.images.relist(Relist::Discover);
                self.networks.relist(Relist::Discover);
                self.volumes.relist(Relist::Discover);
            }
            _ => {}
        }
    }

    fn note_container(&self, event: &Event) {
        match event.verb() {
            "rename" | "destroy" => {
                if let Ok(id) = ContainerId::new(&event.id) {
                    self.networks.mark(|marks| {
                        marks.mentioned.insert(id);
                    });
                }
            }
            // Podman's: it tells nothing of networks that come and go, nor of the containers on them.
            "init" | "cleanup" => {
                self.networks.mark(|marks| marks.all = true);
                self.networks.relist(Relist::Discover);
            }
            "commit" => self.images.relist(Relist::Discover),
            _ => {}
        }
    }

    /// Asks for a list of every kind.
    pub(crate) fn relist(&self, why: Relist) {
        self.containers.relist(why);
        self.images.relist(why);
        self.networks.relist(why);
        self.volumes.relist(why);
    }

    /// Whether calls to the engine make sense.
    pub(crate) fn set_live(&self, live: bool) {
        self.containers.set_live(live);
        self.images.set_live(live);
        self.networks.set_live(live);
        self.volumes.set_live(live);
    }
}

/// The container that an event changes, if it changes one.
pub(crate) fn touched_by(event: &Event) -> Option<ContainerId> {
    let id = match &event.kind {
        EventType::Container if event.is_exec() || QUIET.contains(&event.verb()) => return None,
        EventType::Container => &event.id,
        EventType::Network => event.attribute("container")?,
        _ => return None,
    };
    ContainerId::new(id).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use longshore_core::{Attributes, Scope};

    use super::*;

    fn event(kind: EventType, action: &str, id: &str) -> Event {
        Event {
            kind,
            action: action.into(),
            id: id.into(),
            attributes: Attributes::from_iter([("container", "inside")]),
            scope: Scope::Local,
            at: Timestamp::from_secs(1),
        }
    }

    #[test]
    fn what_changes_nothing_marks_nothing() {
        let board = Boards::default();
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
        assert!(board.containers.take().0.touched.is_empty());
        board.note(&event(EventType::Container, "an action of tomorrow", "a"), false);
        board.note(&event(EventType::Network, "connect", "a network"), false);
        let marked: BTreeSet<String> = board
            .containers
            .take()
            .0
            .touched
            .keys()
            .map(ToString::to_string)
            .collect();
        assert_eq!(marked, ["a".to_owned(), "inside".to_owned()].into());
    }

    #[test]
    fn each_kind_is_marked_by_what_may_have_changed_it() {
        let boards = Boards::default();
        boards.note(&event(EventType::Volume, "create", "early"), false);
        boards.volumes.want();
        boards.networks.want();
        boards.images.want();
        for (kind, action, id) in [
            (EventType::Volume, "mount", "mounted"),
            (EventType::Volume, "destroy", "gone"),
            (EventType::Network, "connect", "net"),
            (EventType::Container, "rename", "renamed"),
            (EventType::Image, "save", "sha256:0"),
        ] {
            boards.note(&event(kind, action, id), false);
        }
        let (volumes, _) = boards.volumes.take();
        assert_eq!(Vec::from_iter(volumes.touched.keys()), ["gone"]);
        let (networks, _) = boards.networks.take();
        assert_eq!(networks.touched.len(), 1);
        assert_eq!(networks.mentioned.len(), 1);
        assert!(!networks.all);
        assert_eq!(boards.images.take().0.relist, None);
        assert_eq!(volumes.relist, None);
        boards.note(&event(EventType::Volume, "create", "../not/a/name"), false);
        let (volumes, _) = boards.volumes.take();
        assert!(volumes.touched.is_empty());
        assert_eq!(volumes.relist, Some(Relist::Discover));
        boards.note(&event(EventType::Image, "tag", "sha256:0"), false);
        boards.note(&event(EventType::Container, "cleanup", "a"), false);
        assert_eq!(boards.images.take().0.relist, Some(Relist::Discover));
        assert!(boards.networks.take().0.all);
    }

    #[test]
    fn only_health_is_told_apart_from_health_and_more() {
        let only = |actions: &[&str]| {
            let board = Boards::default();
            for action in actions {
                board.note(&event(EventType::Container, action, "a"), false);
            }
            board
                .containers
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
