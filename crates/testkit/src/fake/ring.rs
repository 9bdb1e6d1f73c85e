//! The event log of the fake engine, with what is nasty in the real one.
//!
//! Owns: the ring of the last 256, the replay that scans backwards and stops at the first older stamp, the
//! queue a subscriber, the silent drop, and the three steps (stamp, append, publish) that may interleave
//! with those of other events. Leaves to others: who emits what, and the wire.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::clock::{Clock, Dice};
use super::event::{Draft, FakeEvent};
use super::lock;

#[derive(Debug)]
pub(super) struct EventLog {
    inner: Mutex<Inner>,
    settings: Settings,
    dropped: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) ring: usize,
    pub(super) queue: usize,
    pub(super) patience: Duration,
    pub(super) interleave: Option<Duration>,
    pub(super) keep_truth: bool,
}

#[derive(Debug, Default)]
struct Inner {
    ring: VecDeque<Arc<FakeEvent>>,
    subscribers: Vec<mpsc::Sender<Arc<FakeEvent>>>,
    truth: Vec<Arc<FakeEvent>>,
    published: u64,
}

/// What a new subscriber gets: the replay, and the queue of what is published from now on.
pub(super) struct Subscription {
    pub(super) replay: Vec<Arc<FakeEvent>>,
    pub(super) live: mpsc::Receiver<Arc<FakeEvent>>,
}

impl EventLog {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            inner: Mutex::default(),
            settings,
            dropped: AtomicU64::new(0),
        }
    }

    /// Stamps, appends and publishes one event; returns when every subscriber has it or was given up on.
    pub(super) async fn emit(&self, draft: Draft, clock: &Clock, dice: &Dice) -> Arc<FakeEvent> {
        let (event, stuck) = if let Some(most) = self.settings.interleave {
            let event = Arc::new(draft.stamp(clock.now()));
            tokio::time::sleep(dice.pause(most)).await;
            self.append(&mut lock(&self.inner), &event);
            tokio::time::sleep(dice.pause(most)).await;
            let stuck = self.publish(&mut lock(&self.inner), &event);
            (event, stuck)
        } else {
            let mut inner = lock(&self.inner);
            let event = Arc::new(draft.stamp(clock.now()));
            self.append(&mut inner, &event);
            let stuck = self.publish(&mut inner, &event);
            (event, stuck)
        };
        self.wait_for(stuck, &event).await;
        event
    }

    fn append(&self, inner: &mut Inner, event: &Arc<FakeEvent>) {
        if inner.ring.len() >= self.settings.ring {
            inner.ring.pop_front();
        }
        inner.ring.push_back(Arc::clone(event));
    }

    /// Hands the event to every queue with room; returns those without.
    fn publish(&self, inner: &mut Inner, event: &Arc<FakeEvent>) -> Vec<mpsc::Sender<Arc<FakeEvent>>> {
        inner.published += 1;
        if self.settings.keep_truth {
            inner.truth.push(Arc::clone(event));
        }
        let mut stuck = Vec::new();
        inner
            .subscribers
            .retain(|subscriber| match subscriber.try_send(Arc::clone(event)) {
                Ok(()) => true,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    stuck.push(subscriber.clone());
                    true
                }
                Err(mpsc::error::TrySendError::Closed(_)) => false,
            });
        stuck
    }

    /// The engine waits for a full queue, all of them at once, and then drops the event without a word.
    async fn wait_for(&self, stuck: Vec<mpsc::Sender<Arc<FakeEvent>>>, event: &Arc<FakeEvent>) {
        let mut waits = JoinSet::new();
        for subscriber in stuck {
            let event = Arc::clone(event);
            let patience = self.settings.patience;
            waits.spawn(async move { subscriber.send_timeout(event, patience).await.is_ok() });
        }
        while let Some(sent) = waits.join_next().await {
            if !sent.unwrap_or(false) {
                event.count_drop();
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Subscribes and takes the replay in one step, as the engine does under one lock. An event that is
    /// appended and not yet published comes twice: in the replay and live.
    ///
    /// `since` and `until` are nanoseconds; no `since` and no `until` means no replay.
    pub(super) fn subscribe(&self, since: Option<i64>, until: Option<i64>) -> Subscription {
        let (sender, live) = mpsc::channel(self.settings.queue.max(1));
        let mut inner = lock(&self.inner);
        let mut replay = Vec::new();
        if since.is_some() || until.is_some() {
            for event in inner.ring.iter().rev() {
                if since.is_some_and(|since| event.time_nano < since) {
                    break;
                }
                if until.is_none_or(|until| event.time_nano <= until) {
                    replay.push(Arc::clone(event));
                }
            }
            replay.reverse();
        }
        inner.subscribers.push(sender);
        Subscription { replay, live }
    }

    /// What an engine that restarts forgets.
    pub(super) fn forget(&self) {
        let mut inner = lock(&self.inner);
        inner.ring.clear();
        inner.subscribers.clear();
    }

    pub(super) fn truth(&self) -> Vec<Arc<FakeEvent>> {
        lock(&self.inner).truth.clone()
    }

    pub(super) fn ring(&self) -> Vec<Arc<FakeEvent>> {
        lock(&self.inner).ring.iter().cloned().collect()
    }

    pub(super) fn subscribers(&self) -> usize {
        let mut inner = lock(&self.inner);
        inner.subscribers.retain(|subscriber| !subscriber.is_closed());
        inner.subscribers.len()
    }

    pub(super) fn published(&self) -> u64 {
        lock(&self.inner).published
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(queue: usize, interleave: Option<Duration>) -> EventLog {
        EventLog::new(Settings {
            ring: 4,
            queue,
            patience: Duration::from_millis(100),
            interleave,
            keep_truth: true,
        })
    }

    fn draft(n: usize) -> Draft {
        Draft::new("container", "start", &n.to_string())
    }

    fn actors(events: &[Arc<FakeEvent>]) -> Vec<&str> {
        events.iter().map(|event| event.actor.as_str()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_ring_keeps_the_last() {
        let (log, clock, dice) = (log(8, None), Clock::default(), Dice::new(1));
        for n in 0..6 {
            log.emit(draft(n), &clock, &dice).await;
        }
        assert_eq!(actors(&log.subscribe(Some(0), None).replay), ["2", "3", "4", "5"]);
        assert!(log.subscribe(None, None).replay.is_empty());
        assert_eq!(log.truth().len(), 6);
        log.forget();
        assert!(log.subscribe(Some(0), None).replay.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_replay_stops_at_the_first_older_stamp() {
        let (log, clock, dice) = (log(8, None), Clock::default(), Dice::new(1));
        let mut since = 0;
        for n in 0..2 {
            since = log.emit(draft(n), &clock, &dice).await.time_nano;
        }
        log.emit(draft(2).stamped(5).swarm(), &clock, &dice).await;
        log.emit(draft(3), &clock, &dice).await;
        // Event 1 bears `since` itself, but the old one after it hides it.
        assert_eq!(actors(&log.subscribe(Some(since), None).replay), ["3"]);
        assert_eq!(actors(&log.subscribe(Some(0), None).replay), ["0", "1", "2", "3"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_costs_patience_and_the_event() {
        let (log, clock, dice) = (log(1, None), Clock::default(), Dice::new(1));
        let mut stuck = log.subscribe(None, None);
        let mut reader = log.subscribe(None, None);
        log.emit(draft(0), &clock, &dice).await;
        assert_eq!(reader.live.recv().await.unwrap().actor, "0");
        let before = tokio::time::Instant::now();
        let event = log.emit(draft(1), &clock, &dice).await;
        assert!(before.elapsed() >= Duration::from_millis(100));
        assert_eq!((event.dropped(), log.dropped()), (1, 1));
        assert_eq!(reader.live.recv().await.unwrap().actor, "1");
        assert_eq!(stuck.live.recv().await.unwrap().actor, "0");
        assert!(stuck.live.try_recv().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn interleaved_events_differ_in_order() {
        let log = Arc::new(log(1024, Some(Duration::from_millis(5))));
        let (clock, dice) = (Arc::new(Clock::default()), Arc::new(Dice::new(3)));
        let mut writers = JoinSet::new();
        for n in 0..64 {
            let (log, clock, dice) = (Arc::clone(&log), Arc::clone(&clock), Arc::clone(&dice));
            writers.spawn(async move { log.emit(draft(n), &clock, &dice).await });
        }
        while writers.join_next().await.is_some() {}
        let truth = log.truth();
        let inversions = truth
            .windows(2)
            .filter(|pair| pair[1].time_nano < pair[0].time_nano)
            .count();
        assert_eq!(truth.len(), 64);
        assert!(inversions > 0);
    }
}
