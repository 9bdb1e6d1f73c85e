//! Thresholds over all containers of a sampler: each has a state of its own, and crossings come as events.
//!
//! Owns who is looked at and what happens when one goes. When a threshold is crossed is `longshore-core`'s.

use std::collections::{HashMap, VecDeque};

use longshore_core::{ContainerId, ContainerState, Crossing, Threshold, ThresholdState, Timestamp};

use super::{Sample, SampleReader};
use crate::Mirror;

/// That a container crossed a threshold.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ThresholdEvent {
    /// Which container.
    pub container: ContainerId,
    /// Which threshold.
    pub threshold: Threshold,
    /// Which way.
    pub crossing: Crossing,
    /// The value that decided it; `None` for one that is cleared because its container does not run any more.
    pub value: Option<f64>,
    /// When the sample was taken; of a container that does not run any more, its last.
    pub at: Timestamp,
}

/// Crossings as they come. Made by [`Sampler::thresholds`](super::Sampler::thresholds).
///
/// It is a reader of the sampler: while it lives, sampling goes on. It holds a state for each running container and
/// threshold. One who reads it slowly misses samples between, as every reader does; a `hold` is measured from sample to
/// sample all the same.
#[derive(Debug)]
pub struct ThresholdEvents {
    reader: SampleReader,
    mirror: Mirror,
    thresholds: Vec<Threshold>,
    states: HashMap<ContainerId, Watched>,
    ready: VecDeque<ThresholdEvent>,
}

#[derive(Debug)]
struct Watched {
    states: Vec<ThresholdState>,
    at: Timestamp,
}

impl ThresholdEvents {
    pub(super) fn new(reader: SampleReader, mirror: Mirror, thresholds: Vec<Threshold>) -> Self {
        Self {
            reader,
            mirror,
            thresholds,
            states: HashMap::new(),
            ready: VecDeque::new(),
        }
    }

    /// The next crossing; `None` when the sampler was stopped.
    ///
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<ThresholdEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let round = self.reader.next().await?;
            for (id, sample) in round.iter() {
                self.take(id, sample);
            }
            self.leave_out_what_ended();
        }
    }

    fn take(&mut self, id: &ContainerId, sample: &Sample) {
        let watched = self.states.entry(id.clone()).or_insert_with(|| Watched {
            states: vec![ThresholdState::default(); self.thresholds.len()],
            at: sample.at,
        });
        watched.at = sample.at;
        for (threshold, state) in self.thresholds.iter().zip(&mut watched.states) {
            let value = threshold.measure.of(&sample.usage);
            if let Some(crossing) = state.step(threshold, sample.elapsed, value) {
                self.ready.push_back(ThresholdEvent {
                    container: id.clone(),
                    threshold: *threshold,
                    crossing,
                    value,
                    at: sample.at,
                });
            }
        }
    }

    fn leave_out_what_ended(&mut self) {
        let (mirror, thresholds, ready) = (&self.mirror, &self.thresholds, &mut self.ready);
        self.states.retain(|id, watched| {
            let runs = mirror
                .get(id)
                .is_some_and(|container| container.state == ContainerState::Running);
            if !runs {
                let raised = thresholds.iter().zip(&watched.states);
                let raised = raised.filter(|(_, state)| state.is_raised());
                ready.extend(raised.map(|(threshold, _)| ThresholdEvent {
                    container: id.clone(),
                    threshold: *threshold,
                    crossing: Crossing::Cleared,
                    value: None,
                    at: watched.at,
                }));
            }
            runs
        });
    }
}
