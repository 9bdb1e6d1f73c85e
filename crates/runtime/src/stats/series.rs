//! What is kept of one container's samples.
//!
//! Owns the last reading, from which the next sample is reckoned, and a bounded history. Pure.

use std::collections::VecDeque;
use std::sync::Arc;

use longshore_core::{Counters, Timestamp, Usage};

/// What a container used at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When its counters were read, by the engine's clock.
    pub at: Timestamp,
    /// What they say. What needs two readings is unknown in a container's first sample.
    pub usage: Usage,
}

#[derive(Debug, Default)]
pub(super) struct Series {
    previous: Option<Counters>,
    samples: VecDeque<Arc<Sample>>,
}

impl Series {
    /// Makes a sample of a reading and keeps it, at most `kept` in all. `None` when the reading is none: the engine
    /// gives no time for one of a container that has just ended, and the same time twice for no new one.
    pub(super) fn add(&mut self, reading: Counters, kept: usize) -> Option<Arc<Sample>> {
        let is_same = self.previous.is_some_and(|previous| previous.at == reading.at);
        if is_same || reading.at == Timestamp::default() {
            return None;
        }
        let sample = Arc::new(Sample {
            at: reading.at,
            usage: reading.usage(self.previous.as_ref()),
        });
        self.previous = Some(reading);
        self.samples.push_back(Arc::clone(&sample));
        while self.samples.len() > kept.max(1) {
            self.samples.pop_front();
        }
        Some(sample)
    }

    /// Forgets the last reading: what comes next is so much later that a rate since then says nothing about now.
    pub(super) fn pause(&mut self) {
        self.previous = None;
    }

    pub(super) fn latest(&self) -> Option<&Arc<Sample>> {
        self.samples.back()
    }

    pub(super) fn history(&self) -> Vec<Arc<Sample>> {
        self.samples.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use longshore_core::CpuCounters;

    use super::*;

    fn reading(secs: i64, cpu_ms: u64) -> Counters {
        Counters {
            at: Timestamp::from_secs(secs),
            cpu: CpuCounters {
                total_ns: Some(cpu_ms * 1_000_000),
                ..CpuCounters::default()
            },
            ..Counters::default()
        }
    }

    #[test]
    fn the_first_is_unknown_and_so_is_the_first_after_a_pause() {
        let mut series = Series::default();
        let percents = [reading(1, 0), reading(2, 500), reading(3, 100)].map(|reading| {
            series
                .add(reading, 10)
                .and_then(|sample| sample.usage.cpu_percent)
        });
        assert_eq!(
            percents,
            [None, Some(50.0), None],
            "first, half a processor, counter went back"
        );
        series.pause();
        assert_eq!(
            series
                .add(reading(9, 900), 10)
                .map(|sample| sample.usage.cpu_percent),
            Some(None)
        );
    }

    #[test]
    fn no_reading_makes_no_sample() {
        let mut series = Series::default();
        assert_eq!(series.add(reading(0, 0), 10), None);
        assert!(series.add(reading(1, 0), 10).is_some());
        assert_eq!(series.add(reading(1, 0), 10), None);
        assert_eq!(series.history().len(), 1);
    }

    #[test]
    fn history_is_bounded() {
        let mut series = Series::default();
        for n in 1..=20 {
            series.add(reading(n, 0), 5);
        }
        let held: Vec<i64> = series
            .history()
            .iter()
            .map(|sample| sample.at.as_secs())
            .collect();
        assert_eq!(held, [16, 17, 18, 19, 20]);
    }
}
