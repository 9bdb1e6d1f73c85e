//! All containers at one moment, and what changed from one such moment to another.

use std::cmp::Ordering;
use std::sync::Arc;

use longshore_core::{Container, ContainerId, ContainerState};

/// All containers of an engine at one moment, sorted by id.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    generation: u64,
    containers: Box<[Arc<Container>]>,
}

impl Snapshot {
    pub(super) fn new(generation: u64, containers: Box<[Arc<Container>]>) -> Self {
        Self {
            generation,
            containers,
        }
    }

    /// Grows by one with each snapshot; 0 is the empty one before the first.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// All of them, sorted by id.
    pub fn containers(&self) -> &[Arc<Container>] {
        &self.containers
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.containers.len()
    }

    /// How many of them run; a paused one does not.
    pub fn running(&self) -> usize {
        let runs = |container: &&Arc<Container>| container.state == ContainerState::Running;
        self.containers.iter().filter(runs).count()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty()
    }

    /// One of them.
    pub fn get(&self, id: &ContainerId) -> Option<&Arc<Container>> {
        let at = self
            .containers
            .binary_search_by(|container| container.id.cmp(id))
            .ok()?;
        self.containers.get(at)
    }

    /// What has to be done to `self` to get `newer`.
    pub fn changes_to(&self, newer: &Self) -> Update {
        let mut update = Update {
            upserted: Vec::new(),
            removed: Vec::new(),
            generation: newer.generation,
        };
        let (mut old, mut new) = (
            self.containers.iter().peekable(),
            newer.containers.iter().peekable(),
        );
        loop {
            match (old.peek(), new.peek()) {
                (None, None) => return update,
                (Some(before), Some(after)) => match before.id.cmp(&after.id) {
                    Ordering::Less => update
                        .removed
                        .extend(old.next().map(|container| container.id.clone())),
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
                    .extend(old.next().map(|container| container.id.clone())),
                (None, Some(_)) => update.upserted.extend(new.next().cloned()),
            }
        }
    }
}

/// What changed since a reader last asked, one entry an object however often it changed.
#[derive(Debug, Clone, Default)]
pub struct Update {
    /// Containers that are new or different.
    pub upserted: Vec<Arc<Container>>,
    /// Containers that are gone.
    pub removed: Vec<ContainerId>,
    /// The generation that the reader is at now.
    pub generation: u64,
}

impl Update {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.upserted.is_empty() && self.removed.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
