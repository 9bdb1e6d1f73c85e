//! A stream that is not judged yet.
//!
//! Owns its lines until the verdict and the waiting for enough of them. Leaves the verdict to the
//! [`Ledger`](super::ledger::Ledger).

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::ledger::proving;
use super::reader::{Line, Message, Reader};
use super::resume::{First, HELD};
use crate::WatchConfig;
use crate::source::SourceError;

/// How long after its first line a replay (3–4 ms) has come whole, where its lines are to be counted.
const COUNTED_AFTER: Duration = Duration::from_millis(100);

/// See the module.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) reader: Reader,
    /// When it has to have got further.
    deadline: Instant,
    /// How long an engine that answers may tell nothing.
    grace: Duration,
    /// When the engine began to answer; `None` before.
    pub(super) opened: Option<Duration>,
    /// The first line that proves something.
    pub(super) first: Option<First>,
    /// Its lines.
    pub(super) held: Vec<Line>,
}

/// What came.
#[derive(Debug)]
pub(super) enum Heard {
    /// Nothing that decides.
    Nothing,
    /// The first line that proves something.
    First,
    /// All that the replay holds, or as much as is waited for.
    All,
    /// It is of no use.
    Failed(SourceError),
}

impl Incoming {
    pub(super) fn new(reader: Reader, config: &WatchConfig) -> Self {
        Self {
            reader,
            deadline: Instant::now() + config.open_timeout,
            grace: config.replay_grace,
            opened: None,
            first: None,
            held: Vec::new(),
        }
    }

    /// Waits for the next message, or the deadline. Cancel safe: what it takes, it keeps.
    pub(super) async fn next(&mut self) -> Heard {
        let message = tokio::select! {
            biased;
            message = self.reader.next() => message,
            () = sleep_until(self.deadline) => {
                return match self.opened {
                    Some(_) => Heard::All,
                    None => Heard::Failed(SourceError::new("the engine does not answer a subscription to its events")),
                };
            }
        };
        match message {
            Message::Opened(at) => {
                self.opened = Some(at);
                self.deadline = Instant::now() + self.grace;
                Heard::Nothing
            }
            Message::Ended(error) => Heard::Failed(error),
            Message::Line(line) => self.hold(line),
        }
    }

    fn hold(&mut self, line: Line) -> Heard {
        let had_first = self.first.is_some();
        self.first = self.first.or_else(|| proving(line.id, line.event.as_ref()));
        self.held.push(line);
        if self.first.is_some() && !had_first {
            self.deadline = Instant::now() + COUNTED_AFTER;
            return Heard::First;
        }
        if self.held.len() < HELD {
            Heard::Nothing
        } else {
            Heard::All
        }
    }
}
