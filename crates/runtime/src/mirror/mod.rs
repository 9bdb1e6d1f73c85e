//! The objects of one engine as they are now, read without a call and without waiting.
//!
//! Owns: the readers' side, a concurrent map by id and a sorted snapshot behind an atomic pointer. Leaves to others:
//! who writes it ([`keeper`]), when (the follower), and how it looks to users.

mod agenda;
mod board;
mod calls;
mod keeper;
mod kind;
mod snapshot;
mod suspense;
#[cfg(test)]
pub(crate) mod testing;
mod unseen;
mod updates;

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use longshore_core::Container;
use tokio::sync::watch;

pub(crate) use board::{Board, Boards, Relist, touched_by};
pub(crate) use keeper::Keeper;
pub(crate) use kind::Kept;
pub use kind::Mirrored;
pub use snapshot::{Snapshot, Update};
pub use updates::MirrorUpdates;

/// A live mirror of an engine's objects of one kind: containers, where nothing else is said; `Mirror<Image>`,
/// `Mirror<Network>` and `Mirror<Volume>` are the others. Cheap to clone; reads take no lock and make no call.
///
/// While the engine is out of reach it shows what was last known; the watch's
/// [`Status`](crate::Status) says whether it is current.
///
/// ```
/// # async fn example(mirror: longshore_runtime::Mirror) {
/// mirror.ready().await;
/// for container in mirror.snapshot().containers() {
///     println!("{} {} {}", container.id.short(), container.name, container.state);
/// }
/// match mirror.find("web") {
///     Ok(web) => println!("web runs {}", web.image),
///     Err(error) => println!("{error}"),
/// }
/// # }
/// ```
pub struct Mirror<T: Mirrored = Container> {
    shared: Arc<Shared<T>>,
}

impl<T: Mirrored> Clone for Mirror<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

struct Shared<T: Mirrored> {
    by_id: papaya::HashMap<T::Id, Arc<T>>,
    snapshot: ArcSwap<Snapshot<T>>,
    /// Generation of the newest snapshot; wakes readers.
    generation: watch::Sender<u64>,
    ready: watch::Sender<bool>,
}

impl<T: Mirrored> fmt::Debug for Mirror<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror")
            .field("of", &T::NOUN)
            .field("len", &self.shared.by_id.len())
            .field("generation", &self.snapshot().generation())
            .finish_non_exhaustive()
    }
}

/// Why [`Mirror::find`] found no single object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindError<T: Mirrored = Container> {
    /// None has this id, name or prefix.
    NotFound,
    /// Several ids begin with it.
    Ambiguous(Vec<T::Id>),
}

impl<T: Mirrored> fmt::Display for FindError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => write!(f, "no {} has this id or name", T::NOUN),
            Self::Ambiguous(ids) => {
                write!(
                    f,
                    "{} {}s have an id that begins so; give more of it:",
                    ids.len(),
                    T::NOUN
                )?;
                ids.iter()
                    .take(4)
                    .try_for_each(|id| write!(f, " {:.12}", hex_of(id.as_ref())))
            }
        }
    }
}

impl<T: Mirrored> std::error::Error for FindError<T> {}

/// An id without its algorithm, as people write it.
fn hex_of(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}

impl<T: Mirrored> Mirror<T> {
    pub(crate) fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                by_id: papaya::HashMap::new(),
                snapshot: ArcSwap::default(),
                generation: watch::Sender::new(0),
                ready: watch::Sender::new(false),
            }),
        }
    }

    /// Whether every object that the first list named has been looked at.
    pub fn is_ready(&self) -> bool {
        *self.shared.ready.borrow()
    }

    /// Waits for [`is_ready`](Self::is_ready). Cancel safe. Goes on waiting for as long as the engine is out of
    /// reach: use a timeout, or the watch's status.
    pub async fn ready(&self) {
        // The sender is in `self`, so the wait can only end by its condition.
        let _ = self.shared.ready.subscribe().wait_for(|ready| *ready).await;
    }

    /// The object of that id. At most microseconds behind the inspect that found it.
    pub fn get(&self, id: &T::Id) -> Option<Arc<T>> {
        self.shared.by_id.pin().get(id).cloned()
    }

    /// The object that a person means: by id, else by name, else by a prefix of an id (without `sha256:` too).
    ///
    /// # Errors
    /// [`FindError`] when there is none, or more than one.
    pub fn find(&self, text: &str) -> Result<Arc<T>, FindError<T>> {
        let by_id = self.shared.by_id.pin();
        if let Some(found) = T::id_from(text).and_then(|id| by_id.get(&id)) {
            return Ok(Arc::clone(found));
        }
        if let Some(found) = by_id.values().find(|object| object.is_named(text)) {
            return Ok(Arc::clone(found));
        }
        if text.is_empty() {
            return Err(FindError::NotFound);
        }
        let mut found: Vec<_> = by_id
            .values()
            .filter(|object| {
                let id = object.id().as_ref();
                id.starts_with(text) || hex_of(id).starts_with(text)
            })
            .collect();
        match found.as_slice() {
            [] => Err(FindError::NotFound),
            [one] => Ok(Arc::clone(one)),
            _ => {
                found.sort_by(|a, b| a.id().cmp(b.id()));
                Err(FindError::Ambiguous(
                    found.into_iter().map(|object| object.id().clone()).collect(),
                ))
            }
        }
    }

    /// All objects at one moment. At most 10 ms behind [`get`](Self::get).
    pub fn snapshot(&self) -> Arc<Snapshot<T>> {
        self.shared.snapshot.load_full()
    }

    /// Follows changes from now on, at the reader's own pace.
    pub fn subscribe(&self) -> MirrorUpdates<T> {
        let changed = self.shared.generation.subscribe();
        MirrorUpdates::new(self.clone(), changed)
    }

    fn put(&self, object: Arc<T>) {
        self.shared.by_id.pin().insert(object.id().clone(), object);
    }

    fn remove(&self, id: &T::Id) {
        self.shared.by_id.pin().remove(id);
    }

    fn publish(&self, objects: Box<[Arc<T>]>) {
        let generation = self.snapshot().generation() + 1;
        self.shared
            .snapshot
            .store(Arc::new(Snapshot::new(generation, objects)));
        self.shared.generation.send_replace(generation);
    }

    fn set_ready(&self) {
        self.shared
            .ready
            .send_if_modified(|ready| !std::mem::replace(ready, true));
    }

    /// Tells readers that nothing more will come.
    pub(crate) fn close(&self) {
        self.shared.generation.send_replace(u64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::testing::container;
    use super::*;

    fn mirror(ids: &[&str]) -> Mirror {
        let mirror = Mirror::new();
        for id in ids {
            let mut container = container(id);
            container.name = format!("name-{id}");
            mirror.put(Arc::new(container));
        }
        mirror
    }

    fn found(mirror: &Mirror, text: &str) -> Result<String, FindError> {
        mirror.find(text).map(|container| container.id.to_string())
    }

    #[test]
    fn a_person_means_an_id_a_name_or_a_prefix() {
        let mirror = mirror(&["abc", "abd", "ab"]);
        assert_eq!(
            found(&mirror, "ab"),
            Ok("ab".to_owned()),
            "the whole id, though it is a prefix of others"
        );
        assert_eq!(found(&mirror, "abc"), Ok("abc".to_owned()));
        assert_eq!(found(&mirror, "name-abd"), Ok("abd".to_owned()));
        assert_eq!(found(&mirror, "/name-abd"), Ok("abd".to_owned()));
        assert_eq!(found(&mirror, "x"), Err(FindError::NotFound));
        assert_eq!(found(&mirror, ""), Err(FindError::NotFound));
        let Err(FindError::Ambiguous(ids)) = found(&mirror, "a") else {
            panic!("several begin with a")
        };
        assert_eq!(ids.len(), 3);
    }

    #[test]
    fn a_name_wins_over_a_prefix() {
        let mirror = mirror(&["feed1", "beef2"]);
        let mut named = container("beef2");
        named.name = "feed".into();
        mirror.put(Arc::new(named));
        assert_eq!(found(&mirror, "feed"), Ok("beef2".to_owned()));
    }
}
