//! All objects of a kind at one moment, and what changed from one such moment to another.

use std::cmp::Ordering;
use std::sync::Arc;

use longshore_core::{Container, ContainerState};

use super::Mirrored;

/// All objects of a kind that an engine has, at one moment, sorted by id. Containers, where nothing else is said.
#[derive(Debug, Clone)]
pub struct Snapshot<T = Container> {
    generation: u64,
    objects: Box<[Arc<T>]>,
}

impl<T> Default for Snapshot<T> {
    fn default() -> Self {
        Self {
            generation: 0,
            objects: Box::default(),
        }
    }
}

impl Snapshot {
    /// All of them, sorted by id.
    pub fn containers(&self) -> &[Arc<Container>] {
        &self.objects
    }

    /// How many of them run; a paused one does not.
    pub fn running(&self) -> usize {
        let runs = |container: &&Arc<Container>| container.state == ContainerState::Running;
        self.objects.iter().filter(runs).count()
    }
}

impl<T: Mirrored> Snapshot<T> {
    pub(super) fn new(generation: u64, objects: Box<[Arc<T>]>) -> Self {
        Self { generation, objects }
    }

    /// Grows by one with each snapshot; 0 is the empty one before the first.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// All of them, sorted by id. [`containers`](Snapshot::containers) is the same of containers.
    pub fn objects(&self) -> &[Arc<T>] {
        &self.objects
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// One of them.
    pub fn get(&self, id: &T::Id) -> Option<&Arc<T>> {
        let at = self.objects.binary_search_by(|object| object.id().cmp(id)).ok()?;
        self.objects.get(at)
    }

    /// What has to be done to `self` to get `newer`.
    pub fn changes_to(&self, newer: &Self) -> Update<T> {
        let mut update = Update {
            upserted: Vec::new(),
            removed: Vec::new(),
            generation: newer.generation,
        };
        let (mut old, mut new) = (self.objects.iter().peekable(), newer.objects.iter().peekable());
        loop {
            match (old.peek(), new.peek()) {
                (None, None) => return update,
                (Some(before), Some(after)) => match before.id().cmp(after.id()) {
                    Ordering::Less => update
                        .removed
                        .extend(old.next().map(|object| object.id().clone())),
                    Ordering::Greater => update.upserted.extend(new.next().cloned()),
                    Ordering::Equal => {
                        if !Arc::ptr_eq(before, after) {
                            update.upserted.push(Arc::clone(after));
                        }
                        old.next();
                        new.next();
                    }
                },
                (Some(_), None) => update
                    .removed
                    .extend(old.next().map(|object| object.id().clone())),
                (None, Some(_)) => update.upserted.extend(new.next().cloned()),
            }
        }
    }
}

/// What changed since a reader last asked, one entry an object however often it changed.
#[derive(Debug, Clone)]
pub struct Update<T: Mirrored = Container> {
    /// Objects that are new or different.
    pub upserted: Vec<Arc<T>>,
    /// Ids of those that are gone.
    pub removed: Vec<T::Id>,
    /// The generation that the reader is at now.
    pub generation: u64,
}

impl<T: Mirrored> Default for Update<T> {
    fn default() -> Self {
        Self {
            upserted: Vec::new(),
            removed: Vec::new(),
            generation: 0,
        }
    }
}

impl<T: Mirrored> Update<T> {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.upserted.is_empty() && self.removed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use longshore_core::ContainerId;
    use proptest::prelude::*;

    use super::*;
    use crate::mirror::testing::container;

    fn snapshot(names: &BTreeMap<u8, Arc<Container>>) -> Snapshot {
        Snapshot::new(1, names.values().cloned().collect())
    }

    proptest! {
        /// A reader that applies the changes has the newer snapshot, and was told no more than that.
        #[test]
        fn changes_lead_from_one_to_the_other(
            before in prop::collection::btree_set(0u8..20, 0..15),
            after in prop::collection::btree_set(0u8..20, 0..15),
            changed in prop::collection::btree_set(0u8..20, 0..15),
        ) {
            let make = |n: &u8| (*n, Arc::new(container(&format!("c{n:02}"))));
            let old: BTreeMap<u8, _> = before.iter().map(make).collect();
            let new: BTreeMap<u8, _> = after
                .iter()
                .map(|n| match old.get(n) {
                    Some(same) if !changed.contains(n) => (*n, Arc::clone(same)),
                    _ => make(n),
                })
                .collect();
            let update = snapshot(&old).changes_to(&snapshot(&new));
            prop_assert_eq!(update.removed.len(), before.difference(&after).count());
            prop_assert_eq!(
                update.upserted.len(),
                after.iter().filter(|n| !before.contains(n) || changed.contains(n)).count()
            );
            let mut held: BTreeMap<ContainerId, Arc<Container>> =
                old.values().map(|container| (container.id.clone(), Arc::clone(container))).collect();
            held.extend(update.upserted.into_iter().map(|container| (container.id.clone(), container)));
            held.retain(|id, _| !update.removed.contains(id));
            let newer = snapshot(&new);
            prop_assert_eq!(held.len(), newer.len());
            prop_assert!(held.iter().all(|(id, c)| newer.get(id).is_some_and(|found| Arc::ptr_eq(found, c))));
        }
    }
}
