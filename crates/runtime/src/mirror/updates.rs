//! A reader that follows the mirror's changes.
//!
//! Owns the snapshot it last told, and nothing else: what changed is a comparison with the newest, so a slow reader
//! skips generations and never has a queue.

use std::sync::Arc;

use longshore_core::Container;
use tokio::sync::watch;

use super::{Mirror, Mirrored, Snapshot, Update};

/// Changes of a [`Mirror`], coalesced by object. Made by [`Mirror::subscribe`].
///
/// ```
/// # async fn example(mirror: longshore_runtime::Mirror) {
/// let mut updates = mirror.subscribe();
/// println!("{} containers at first", updates.base().len());
/// while let Some(update) = updates.next().await {
///     println!("{} changed, {} gone", update.upserted.len(), update.removed.len());
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct MirrorUpdates<T: Mirrored = Container> {
    mirror: Mirror<T>,
    changed: watch::Receiver<u64>,
    base: Arc<Snapshot<T>>,
}

impl<T: Mirrored> MirrorUpdates<T> {
    pub(super) fn new(mirror: Mirror<T>, changed: watch::Receiver<u64>) -> Self {
        let base = mirror.snapshot();
        Self {
            mirror,
            changed,
            base,
        }
    }

    /// What was told so far: at first the snapshot at the time of subscribing, later with every update applied.
    pub fn base(&self) -> &Arc<Snapshot<T>> {
        &self.base
    }

    /// What changed since the last call, when something has; `None` when the watch was stopped. At most one in 10 ms,
    /// whatever happens on the engine.
    ///
    /// Cancel safe: nothing is taken before it is returned.
    pub async fn next(&mut self) -> Option<Update<T>> {
        loop {
            let generation = *self.changed.borrow_and_update();
            let newest = self.mirror.snapshot();
            if newest.generation() > self.base.generation() {
                let update = self.base.changes_to(&newest);
                self.base = newest;
                if !update.is_empty() {
                    return Some(update);
                }
            }
            if generation == u64::MAX {
                return None;
            }
            self.changed.changed().await.ok()?;
        }
    }
}
