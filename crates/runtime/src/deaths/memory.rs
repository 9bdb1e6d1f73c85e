//! The records in memory: the newest, so many a container and so many in all.
//!
//! Pure. Owns what is forgotten, and putting later news into records that are there.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use longshore_core::{ContainerId, DeathRecord};

#[derive(Debug)]
pub(super) struct Memory {
    /// By their numbers.
    records: VecDeque<(u64, Arc<DeathRecord>)>,
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

    /// `number` counts deaths as they were told: one that was told first may be known last.
    pub(super) fn put(&mut self, number: u64, record: &Arc<DeathRecord>) {
        let count = self.of.entry(record.container.clone()).or_default();
        *count += 1;
        let is_one_too_many = *count > self.max_each;
        let at = self.records.partition_point(|(other, _)| *other < number);
        self.records.insert(at, (number, Arc::clone(record)));
        let oldest = if is_one_too_many {
            self.records
                .iter()
                .position(|(_, old)| old.container == record.container)
        } else {
            (self.records.len() > self.max).then_some(0)
        };
        let gone = oldest.and_then(|at| self.records.remove(at));
        if let Some((_, gone)) = gone
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
            .map(|(_, record)| record)
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
        let newest = self.records.iter().rev().map(|(_, record)| record);
        let wanted = newest.filter(|record| of.is_none_or(|id| record.container == *id));
        wanted.take(limit).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use longshore_core::Timestamp;

    use super::*;

    /// The death of that second, which is its number.
    fn put(memory: &mut Memory, id: &str, secs: i64) {
        let id = ContainerId::new(id).unwrap();
        let record = DeathRecord::new(id, Timestamp::from_secs(secs));
        memory.put(secs.unsigned_abs(), &Arc::new(record));
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
            put(&mut memory, id, secs);
        }
        assert_eq!(held(&memory, None), [4, 3, 2]);
        for (id, secs) in [("c", 5), ("d", 6)] {
            put(&mut memory, id, secs);
        }
        assert_eq!(held(&memory, None), [6, 5, 4, 3]);
        assert_eq!(
            (held(&memory, Some("a")), held(&memory, Some("b"))),
            (vec![4, 3], vec![])
        );
        assert_eq!(memory.of.len(), 3);
    }

    #[test]
    fn they_stand_as_they_were_told_and_not_as_they_came_to_be_known() {
        let mut memory = Memory::new(4, 2);
        for (id, secs) in [("a", 2), ("b", 4), ("a", 1), ("b", 3)] {
            put(&mut memory, id, secs);
        }
        assert_eq!(held(&memory, None), [4, 3, 2, 1]);
        assert_eq!(held(&memory, Some("a")), [2, 1]);
        put(&mut memory, "a", 5);
        assert_eq!(held(&memory, Some("a")), [5, 2]);
    }

    #[test]
    fn later_news_reach_the_records_that_are_there() {
        let mut memory = Memory::new(10, 5);
        for (id, secs) in [("a", 1), ("a", 3), ("b", 2)] {
            put(&mut memory, id, secs);
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
