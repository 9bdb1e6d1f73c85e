//! What a test asks of a fake engine, without a request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::Value;

use super::event::FakeEvent;
use super::world::Refusal;
use super::{FakeEngine, lock};

impl FakeEngine {
    /// Every event in the order of publishing, when the truth is kept.
    #[must_use]
    pub fn truth(&self) -> Vec<Arc<FakeEvent>> {
        self.shared.log.truth()
    }

    /// The events that it still holds, in the order in which they were appended.
    #[must_use]
    pub fn ring(&self) -> Vec<Arc<FakeEvent>> {
        self.shared.log.ring()
    }

    /// How many events were published since it was started.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.shared.log.published()
    }

    /// How many times an event was silently dropped for a subscriber.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.log.dropped()
    }

    /// How many event streams are open.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.shared.log.subscribers()
    }

    /// How many requests it has read.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// How many requests of this shape it has read, such as `"GET /containers/{id}/json"`.
    #[must_use]
    pub fn calls(&self, shape: &str) -> u64 {
        lock(&self.shared.calls).get(shape).copied().unwrap_or(0)
    }

    /// Each container's state, by id.
    #[must_use]
    pub fn states(&self) -> BTreeMap<String, String> {
        let world = lock(&self.shared.world);
        world
            .containers
            .iter()
            .map(|(id, container)| (id.clone(), container.state.to_owned()))
            .collect()
    }

    /// A container as inspect shows it.
    ///
    /// # Errors
    /// When there is none.
    pub fn inspect(&self, reference: &str) -> Result<Value, Refusal> {
        Ok(lock(&self.shared.world).container(reference)?.inspect())
    }

    /// Its clock, in nanoseconds since the epoch.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.shared.clock.now()
    }
}
