//! The follower: one task, one state, one step.
//!
//! Owns the streams and the sequence of what is told. What a line or a replay means is [`Ledger`]'s; states and
//! failures are drawn in `docs/design/watch.md`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use longshore_core::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::incoming::{Heard, Incoming};
use super::known::LineId;
use super::ledger::{Arrival, Ledger};
use super::reader::{Message, Reader};
use super::resume::Verdict;
use super::status::{Meters, Status};
use crate::WatchConfig;
use crate::feed::{Feed, GapReason, Moment};
use crate::mirror::{Boards, Relist};
use crate::source::{EventSource, SourceError};

/// Everything that the follower works with; its state is separate.
pub(crate) struct Follower<S> {
    pub(crate) source: Arc<S>,
    pub(crate) config: WatchConfig,
    pub(crate) feed: Feed,
    pub(crate) boards: Boards,
    pub(crate) status: watch::Sender<Status>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) tasks: TaskTracker,
    pub(crate) base: Instant,
    pub(crate) ledger: Ledger,
    /// Failures in a row.
    pub(crate) attempt: u32,
    /// Whether a stream was judged before, in this run.
    pub(crate) has_looked: bool,
}

#[derive(Debug)]
enum State {
    Waiting { until: Instant },
    Opening { incoming: Incoming },
    Live { current: Current },
    Rotating { current: Current, incoming: Incoming },
}

/// The stream that is followed.
#[derive(Debug)]
struct Current {
    reader: Reader,
    opened: Duration,
    since: Instant,
    rotate_at: Instant,
    is_suspicion: bool,
}

/// How an incoming stream got further.
enum Progress {
    Same,
    Judged(Verdict),
    Failed(SourceError),
}

impl<S: EventSource> Follower<S> {
    /// Follows until `stop`.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut state = State::Opening {
            incoming: self.open(),
        };
        loop {
            state = tokio::select! {
                () = stop.cancelled() => break,
                state = self.step(state) => state,
            };
        }
    }

    /// One thing happens: a message, or a deadline. Nothing in here waits for anything else.
    async fn step(&mut self, state: State) -> State {
        let feed = self.feed.clone();
        match state {
            State::Waiting { until } => {
                sleep_until(until).await;
                State::Opening {
                    incoming: self.open(),
                }
            }
            State::Opening { mut incoming } => match self.progress(&mut incoming, false).await {
                Progress::Same => State::Opening { incoming },
                Progress::Judged(verdict) => self.judged(incoming, verdict),
                Progress::Failed(error) => self.lost(error),
            },
            State::Live { mut current } => tokio::select! {
                biased;
                // First, or a stream that never pauses would never be renewed.
                () = sleep_until(current.rotate_at) => {
                    self.meters.rotations.count();
                    State::Rotating { current, incoming: self.open() }
                }
                () = next_batch(&feed, &mut current.reader) => match self.take_batch(&mut current) {
                    Some(error) => self.broke(&current, error),
                    None => State::Live { current },
                },
            },
            State::Rotating {
                mut current,
                mut incoming,
            } => tokio::select! {
                biased;
                progress = self.progress(&mut incoming, true) => match progress {
                    Progress::Same => State::Rotating { current, incoming },
                    Progress::Judged(verdict) => {
                        self.attempt = if current.since.elapsed() >= self.config.backoff.healthy_after { 0 } else { self.attempt };
                        if !current.is_suspicion {
                            self.ledger.turn();
                        }
                        self.judged(incoming, verdict)
                    }
                    // The engine that does not let us in again may have left the old stream half open.
                    Progress::Failed(error) => self.broke(&current, error),
                },
                () = next_batch(&feed, &mut current.reader) => match self.take_batch(&mut current) {
                    Some(_) => {
                        self.meters.losses.count();
                        State::Opening { incoming }
                    }
                    None => State::Rotating { current, incoming },
                },
            },
        }
    }

    fn open(&mut self) -> Incoming {
        let reader = Reader::start(&self.source, &self.tasks, self.base);
        Incoming::new(reader, &self.config)
    }

    /// Waits for the next thing about a stream that is not judged. Cancel safe.
    async fn progress(&mut self, incoming: &mut Incoming, overlapping: bool) -> Progress {
        let counted = match incoming.next().await {
            Heard::Nothing => return Progress::Same,
            Heard::Failed(error) => return Progress::Failed(error),
            Heard::First => None,
            Heard::All => Some(incoming.held.len()),
        };
        let verdict = self
            .ledger
            .judge(incoming.first, overlapping, counted, self.base.elapsed());
        verdict.map_or(Progress::Same, Progress::Judged)
    }

    fn judged(&mut self, incoming: Incoming, verdict: Verdict) -> State {
        let is_first = !std::mem::replace(&mut self.has_looked, true);
        if is_first {
            self.ledger.looked(Timestamp::from(SystemTime::now()));
        }
        if self.status.borrow().is_lost() {
            self.feed.restored();
        }
        match verdict {
            Verdict::Baseline | Verdict::Continuous => {}
            Verdict::Gap { from, to, reason } => self.gap(from, to, reason, None),
        }
        if is_first || matches!(verdict, Verdict::Gap { .. }) {
            // What is found when nothing was known is no news, gap or not.
            self.boards
                .relist(if is_first { Relist::Initial } else { Relist::Gap });
        }
        let now = Instant::now();
        let mut current = Current {
            reader: incoming.reader,
            opened: incoming.opened.unwrap_or_default(),
            since: now,
            rotate_at: now + self.config.rotate_every,
            is_suspicion: false,
        };
        self.status.send_if_modified(|status| {
            let was_live = status.is_live();
            if !was_live {
                *status = Status::Live {
                    since: SystemTime::now(),
                };
            }
            !was_live
        });
        self.boards.set_live(true);
        let now = Moment::now();
        for line in incoming.held {
            self.take(&mut current, Message::Line(line), now);
        }
        self.feed.announce();
        State::Live { current }
    }

    /// The batch of the stream that is followed; its end, when it is in it.
    fn take_batch(&mut self, current: &mut Current) -> Option<SourceError> {
        let mut batch = std::mem::take(&mut current.reader.batch);
        let (mut end, now) = (None, Moment::now());
        for message in batch.drain(..) {
            match message {
                Message::Ended(error) => end = Some(error),
                message => self.take(current, message, now),
            }
        }
        current.reader.batch = batch;
        self.feed.announce();
        end
    }

    /// A message of the stream that is followed. Subscribers are not woken yet.
    fn take(&mut self, current: &mut Current, message: Message, now: Moment) {
        let Message::Line(line) = message else { return };
        let sighting = self.ledger.see(&Arrival {
            id: line.id,
            event: line.event.as_ref(),
            arrived: line.arrived,
            opened: current.opened,
            held_up: line.held_up,
        });
        if sighting.suspicious && !current.is_suspicion {
            self.meters.suspicions.count();
            current.is_suspicion = true;
            current.rotate_at = current
                .rotate_at
                .min(current.since + self.config.rotate_at_most_every)
                .max(Instant::now());
        }
        if !sighting.new {
            self.meters.repeated.count();
            return;
        }
        match line.event {
            Some(event) => {
                self.meters.events.count();
                if sighting.late {
                    self.meters.late.count();
                }
                self.boards.note(&event, sighting.late);
                self.feed
                    .put(event, sighting.late, (line.id, sighting.unsure), now);
            }
            None => {
                self.meters.unreadable.count();
                self.gap(
                    None,
                    None,
                    GapReason::Unreadable,
                    Some((line.id, sighting.unsure)),
                );
                self.boards.relist(Relist::Gap);
            }
        }
    }

    /// Tells one; `line` is what it is about, where it is about one, and how many are not sure.
    fn gap(
        &mut self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        reason: GapReason,
        line: Option<(LineId, u32)>,
    ) {
        tracing::warn!(%reason, ?from, ?to, "events of the engine may be missing");
        self.meters.gap(reason);
        self.feed.gap(from, to, reason, line);
    }

    /// The followed stream is no more.
    fn broke(&mut self, current: &Current, error: SourceError) -> State {
        self.meters.losses.count();
        if current.since.elapsed() >= self.config.backoff.healthy_after {
            self.attempt = 0;
        }
        self.lost(error)
    }

    /// Not connected, and not going to be for a while.
    fn lost(&mut self, error: SourceError) -> State {
        self.attempt = self.attempt.saturating_add(1);
        let pause = self.config.backoff.pause(self.attempt);
        tracing::info!(error = %error.text, attempt = self.attempt, ?pause, "the engine is not followed");
        self.boards.set_live(false);
        let attempt = self.attempt;
        if !self.status.borrow().is_lost() {
            self.feed.lost(Arc::clone(&error.text), error.hint.clone());
        }
        self.status.send_modify(|status| {
            let now = SystemTime::now();
            let since = match status {
                Status::Lost { since, .. } => *since,
                Status::Connecting | Status::Live { .. } => now,
            };
            *status = Status::Lost {
                error: error.text,
                hint: error.hint,
                since,
                attempt,
                retry_at: Some(now + pause),
            };
        });
        State::Waiting {
            until: Instant::now() + pause,
        }
    }
}

/// The next lines of a stream, once no subscriber holds up the feed. Cancel safe.
async fn next_batch(feed: &Feed, reader: &mut Reader) {
    feed.room().await;
    reader.some().await;
}
