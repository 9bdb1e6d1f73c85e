//! Who waits for the next record.
//!
//! Owns one waker for each reader at most, so that a reader that is polled often, or never again, costs no more than one.
//! Leaves to others the lock around it, and waking outside of that lock.

use std::task::Waker;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// By reader; `None` while the reader does not wait.
    wakers: Vec<Option<Waker>>,
    /// Places that nobody has.
    free: Vec<usize>,
}

impl Waiting {
    /// A place for one more reader.
    pub(super) fn join(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.wakers.push(None);
            self.wakers.len() - 1
        })
    }

    /// The reader is no more. What it waited with is dropped by the caller, outside of the lock: nobody knows what else
    /// ends with it.
    #[must_use = "dropped outside of the lock"]
    pub(super) fn leave(&mut self, place: usize) -> Option<Waker> {
        self.free.push(place);
        self.wakers[place].take()
    }

    /// The reader waits for the next record. What it waited with before is dropped by the caller, as above.
    #[must_use = "dropped outside of the lock"]
    pub(super) fn wait(&mut self, place: usize, waker: &Waker) -> Option<Waker> {
        match &self.wakers[place] {
            Some(known) if known.will_wake(waker) => None,
            _ => self.wakers[place].replace(waker.clone()),
        }
    }

    /// All who wait; they do no longer.
    pub(super) fn take(&mut self) -> Vec<Waker> {
        self.wakers.iter_mut().filter_map(Option::take).collect()
    }
}
