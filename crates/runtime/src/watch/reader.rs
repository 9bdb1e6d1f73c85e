//! The task that reads one subscription: read, hash, note the time, hand over. Nothing else.
//!
//! Owns one connection's stream. Never calls the engine for anything more and never waits for a subscriber: while it
//! waits, the engine's queue for us fills, and a full queue loses events without a word.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use longshore_core::Event;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::known::LineId;
use crate::source::{EventSource, SourceError};

/// Lines between reader and follower: half a second at the fastest rate that an engine was seen to reach.
const QUEUE: usize = 1_024;

/// How many lines the follower takes at once: subscribers are woken once for all of them, and deadlines are looked at
/// between batches.
const BATCH: usize = 128;

/// A line, and how it came.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) id: LineId,
    /// `None` when the line is no event.
    pub(super) event: Option<Event>,
    /// By the follower's monotonic clock.
    pub(super) arrived: Duration,
    /// How long the reader was held up before this line, because the queue was full.
    pub(super) held_up: Duration,
}

#[derive(Debug)]
pub(super) enum Message {
    /// The engine has begun to answer.
    Opened(Duration),
    Line(Line),
    /// No more will come; the last message.
    Ended(SourceError),
}

/// One subscription; ends when dropped.
#[derive(Debug)]
pub(super) struct Reader {
    messages: mpsc::Receiver<Message>,
    /// What [`some`](Self::some) has taken.
    pub(super) batch: Vec<Message>,
    _stop: DropGuard,
}

impl Reader {
    /// Starts to subscribe, on a task of `tasks`. Times are counted from `base`.
    pub(super) fn start<S: EventSource>(source: &Arc<S>, tasks: &TaskTracker, base: Instant) -> Self {
        let (sender, messages) = mpsc::channel(QUEUE);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let source = Arc::clone(source);
        tasks.spawn(async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                () = read(&*source, &sender, base) => {}
            }
        });
        Self {
            messages,
            batch: Vec::new(),
            _stop: stop.drop_guard(),
        }
    }

    /// The next message. Cancel safe. After the last one, and when the task has panicked, the end.
    pub(super) async fn next(&mut self) -> Message {
        self.messages.recv().await.unwrap_or_else(failed)
    }

    /// Waits for the next messages and puts as many as there are, but no more than [`BATCH`], into the batch. Cancel safe.
    /// After the last one, and when the task has panicked, the end.
    pub(super) async fn some(&mut self) {
        if self.messages.recv_many(&mut self.batch, BATCH).await == 0 {
            self.batch.push(failed());
        }
    }
}

fn failed() -> Message {
    Message::Ended(SourceError::new("the reader of the event stream has failed"))
}

async fn read<S: EventSource>(source: &S, sender: &mpsc::Sender<Message>, base: Instant) {
    let mut lines = match source.subscribe().await {
        Ok(lines) => lines,
        Err(error) => {
            let _ = sender.send(Message::Ended(error)).await;
            return;
        }
    };
    if sender.send(Message::Opened(base.elapsed())).await.is_err() {
        return;
    }
    let mut held_up = Duration::ZERO;
    let error = loop {
        match lines.next().await {
            Some(Ok((id, event))) => {
                let line = Line {
                    id,
                    event,
                    arrived: base.elapsed(),
                    held_up,
                };
                match hand_over(sender, Message::Line(line)).await {
                    Some(waited) => held_up = waited,
                    None => return,
                }
            }
            Some(Err(error)) => break error,
            None => break SourceError::new("the engine has closed the event stream"),
        }
    };
    let _ = sender.send(Message::Ended(error)).await;
}

/// How long it took when it could not be at once; `None` when nobody wants it any more.
async fn hand_over(sender: &mpsc::Sender<Message>, message: Message) -> Option<Duration> {
    match sender.try_send(message) {
        Ok(()) => Some(Duration::ZERO),
        Err(TrySendError::Closed(_)) => None,
        Err(TrySendError::Full(message)) => {
            let before = Instant::now();
            sender.send(message).await.ok()?;
            Some(before.elapsed())
        }
    }
}
