//! The records in memory: the newest, so many a container and so many in all.
//!
//! Pure. Owns what is forgotten, and putting later news into records that are there.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use longshore_core::{ContainerId, DeathRecord};

#[derive(Debug)]
pub(super) struct Memory {
    records: VecDeque<Arc<DeathRecord>>,
    of: HashMap<ContainerId, usize>,
    max: usize,
    max_each: usize,
}

impl Memory {
    pub(super) fn new(max: usize, max_each: usize) -> Self {
        Self {
            records: VecDeque::new(),
            of: HashMap::new(),
            max: max.max(1),
            max_each: max_each.max(1),
        }
    }

    pub(super) fn push(&mut self, record: Arc<DeathRecord>) {
        let count = self.of.entry(record.container.clone()).or_default();
        *count += 1;
        let oldest = if *count > self.max_each {
            self.records
                .iter()
                .position(|old| old.container == record.container)
        } else {
            (self.records.len() == self.max).then_some(0)
        };
        self.records.push_back(record);
        if let Some(gone) = oldest.and_then(|at| self.records.remove(at))
            && let Some(count) = self.of.get_mut(&gone.container)
        {
            *count -= 1;
            if *count == 0 {
                self.of.remove(&gone.container);
            }
        }
    }

    /// Changes the records of a container, or only its newest; gives those that are other than before.
    pub(super) fn amend(
        &mut self,
        id: &ContainerId,
        newest_only: bool,
        change: impl Fn(&mut DeathRecord),
    ) -> Vec<Arc<DeathRecord>> {
        let count = match self.of.get(id) {
            None => return Vec::new(),
            Some(_) if newest_only => 1,
            Some(count) => *count,
        };
        let mine = self
            .records
            .iter_mut()
            .rev()
            .filter(|record| record.container == *id);
        let mut changed = Vec::new();
        for record in mine.take(count) {
            let mut other = DeathRecord::clone(record);
            change(&mut other);
            if other != **record {
                *record = Arc::new(other);
                changed.push(Arc::clone(record));
            }
        }
        changed.reverse();
        changed
    }

    /// The newest first, of one container or of all.
    pub(super) fn newest(&self, of: Option<&ContainerId>, limit: usize) -> Vec<Arc<DeathRecord>> {
        let newest = self.records.iter().rev();
        let wanted = newest.filter(|record| of.is_none_or(|id| record.container == *id));
        wanted.take(limit).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use longshore_core::Timestamp;

    use super::*;

    fn death(id: &str, secs: i64) -> Arc<DeathRecord> {
        let id = ContainerId::new(id).unwrap();
        Arc::new(DeathRecord::new(id, Timestamp::from_secs(secs)))
    }

    fn held(memory: &Memory, of: Option<&str>) -> Vec<i64> {
        let of = of.map(|id| ContainerId::new(id).unwrap());
        let newest = memory.newest(of.as_ref(), 100);
        newest.iter().map(|record| record.ended.as_secs()).collect()
    }

    #[test]
    fn the_oldest_go_by_container_and_in_all() {
        let mut memory = Memory::new(4, 2);
        for (id, secs) in [("a", 1), ("b", 2), ("a", 3), ("a", 4)] {
            memory.push(death(id, secs));
        }
        assert_eq!(held(&memory, None), [4, 3, 2]);
        for (id, secs) in [("c", 5), ("d", 6)] {
            memory.push(death(id, secs));
        }
        assert_eq!(held(&memory, None), [6, 5, 4, 3]);
        assert_eq!(
            (held(&memory, Some("a")), held(&memory, Some("b"))),
            (vec![4, 3], vec![])
        );
        assert_eq!(memory.of.len(), 3);
    }

    #[test]
    fn later_news_reach_the_records_that_are_there() {
        let mut memory = Memory::new(10, 5);
        for (id, secs) in [("a", 1), ("b", 2), ("a", 3)] {
            memory.push(death(id, secs));
        }
        let a = ContainerId::new("a").unwrap();
        let removed = |record: &mut DeathRecord| record.removed = Some(Timestamp::from_secs(9));
        assert_eq!(memory.amend(&a, false, removed).len(), 2);
        assert_eq!(memory.amend(&a, false, removed).len(), 0, "nothing new");
        let oom = |record: &mut DeathRecord| record.oom = Some(true);
        let changed = memory.amend(&a, true, oom);
        assert_eq!((changed.len(), changed[0].ended.as_secs()), (1, 3));
        assert_eq!(memory.amend(&ContainerId::new("x").unwrap(), false, oom).len(), 0);
    }
}
