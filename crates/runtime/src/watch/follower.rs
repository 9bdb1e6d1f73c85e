//! The follower: one task, one state, one step.
//!
//! Owns the streams and the sequence of what is told. What a line or a replay means is [`Ledger`]'s; states and
//! failures are drawn in `docs/design/watch.md`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ledger::{Arrival, Ledger, proving};
use super::reader::{Line, Message, Reader};
use super::resume::{First, HELD, Verdict};
use super::status::{Meters, Status};
use crate::WatchConfig;
use crate::feed::{Feed, GapReason};
use crate::mirror::{Board, Relist};
use crate::source::{EventSource, SourceError};

/// Everything that the follower works with; its state is separate.
pub(crate) struct Follower<S> {
    pub(crate) source: Arc<S>,
    pub(crate) config: WatchConfig,
    pub(crate) feed: Feed,
    pub(crate) board: Arc<Board>,
    pub(crate) status: watch::Sender<Status>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) tasks: TaskTracker,
    pub(crate) base: Instant,
    pub(crate) ledger: Ledger,
    /// Failures in a row.
    pub(crate) attempt: u32,
}

#[derive(Debug)]
enum State {
    Waiting { until: Instant },
    Opening { incoming: Incoming },
    Live { current: Current },
    Rotating { current: Current, incoming: Incoming },
}

/// A stream that is not judged yet.
#[derive(Debug)]
struct Incoming {
    reader: Reader,
    /// When it has to have got further.
    deadline: Instant,
    /// When the engine began to answer; `None` before.
    opened: Option<Duration>,
    /// Lines that prove nothing, kept until the verdict.
    held: Vec<Line>,
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
    Judged(Option<(First, Line)>),
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
        match state {
            State::Waiting { until } => {
                sleep_until(until).await;
                State::Opening {
                    incoming: self.open(),
                }
            }
            State::Opening { mut incoming } => match self.progress(&mut incoming).await {
                Progress::Same => State::Opening { incoming },
                Progress::Judged(first) => self.judged(incoming, first, false),
                Progress::Failed(error) => self.lost(error),
            },
            State::Live { mut current } => tokio::select! {
                biased;
                // First, or a stream that never pauses would never be renewed.
                () = sleep_until(current.rotate_at) => {
                    self.meters.rotations.count();
                    State::Rotating { current, incoming: self.open() }
                }
                message = current.reader.next() => match message {
                    Message::Ended(error, at) => self.broke(&current, error, Some(at)),
                    message => {
                        self.take(&mut current, message);
                        State::Live { current }
                    }
                },
            },
            State::Rotating {
                mut current,
                mut incoming,
            } => tokio::select! {
                biased;
                progress = self.progress(&mut incoming) => match progress {
                    Progress::Same => State::Rotating { current, incoming },
                    Progress::Judged(first) => {
                        self.attempt = if current.since.elapsed() >= self.config.backoff.healthy_after { 0 } else { self.attempt };
                        if !current.is_suspicion {
                            self.ledger.turn();
                        }
                        self.judged(incoming, first, true)
                    }
                    // The engine that does not let us in again may have left the old stream half open.
                    Progress::Failed(error) => self.broke(&current, error, None),
                },
                message = current.reader.next() => match message {
                    Message::Ended(_, at) => {
                        self.meters.losses.count();
                        self.ledger.cut(Some(at));
                        State::Opening { incoming }
                    }
                    message => {
                        self.take(&mut current, message);
                        State::Rotating { current, incoming }
                    }
                },
            },
        }
    }

    fn open(&mut self) -> Incoming {
        Incoming {
            reader: Reader::start(&self.source, &self.tasks, self.base),
            deadline: Instant::now() + self.config.open_timeout,
            opened: None,
            held: Vec::new(),
        }
    }

    /// Waits for the next thing about a stream that is not judged. Cancel safe: what it takes, it keeps.
    async fn progress(&self, incoming: &mut Incoming) -> Progress {
        let message = tokio::select! {
            biased;
            message = incoming.reader.next() => message,
            () = sleep_until(incoming.deadline) => {
                return match incoming.opened {
                    Some(_) => Progress::Judged(None),
                    None => Progress::Failed(SourceError::new("the engine does not answer a subscription to its events")),
                };
            }
        };
        match message {
            Message::Opened(at) => {
                incoming.opened = Some(at);
                incoming.deadline = Instant::now() + self.config.replay_grace;
                Progress::Same
            }
            Message::Ended(error, _) => Progress::Failed(error),
            Message::Line(line) => match proving(line.id, line.event.as_ref()) {
                Some(first) => Progress::Judged(Some((first, line))),
                None => {
                    incoming.held.push(line);
                    if incoming.held.len() < HELD {
                        Progress::Same
                    } else {
                        Progress::Judged(None)
                    }
                }
            },
        }
    }

    fn judged(&mut self, incoming: Incoming, first: Option<(First, Line)>, overlapping: bool) -> State {
        let (first, line) = first.unzip();
        match self.ledger.judge(first, overlapping, self.base.elapsed()) {
            Verdict::Baseline => self.board.relist(Relist::Initial),
            Verdict::Continuous => {}
            Verdict::Gap { from, to, reason } => self.gap(from, to, reason),
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
        self.board.set_live(true);
        for line in incoming.held.into_iter().chain(line) {
            self.take(&mut current, Message::Line(line));
        }
        State::Live { current }
    }

    /// A message of the stream that is followed.
    fn take(&mut self, current: &mut Current, message: Message) {
        let Message::Line(line) = message else { return };
        let sighting = self.ledger.see(&Arrival {
            id: line.id,
            event: line.event.as_ref(),
            arrived: line.arrived,
            opened: current.opened,
            held_up: line.held_up,
            judged: true,
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
                self.board.note(&event, sighting.late);
                self.feed.event(event, false, sighting.late);
            }
            None => {
                self.meters.unreadable.count();
                self.gap(None, None, GapReason::Unreadable);
            }
        }
    }

    fn gap(
        &mut self,
        from: Option<longshore_core::Timestamp>,
        to: Option<longshore_core::Timestamp>,
        reason: GapReason,
    ) {
        tracing::warn!(%reason, ?from, ?to, "events of the engine may be missing");
        self.meters.gap(reason);
        self.feed.gap(from, to, reason);
        self.board.relist(Relist::Gap);
    }

    /// The followed stream is no more.
    fn broke(&mut self, current: &Current, error: SourceError, at: Option<Duration>) -> State {
        self.meters.losses.count();
        self.ledger.cut(at);
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
        self.board.set_live(false);
        let attempt = self.attempt;
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
