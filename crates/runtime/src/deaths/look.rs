//! Asking the engine about a death: an inspect and the end of the log, beside each other.
//!
//! Owns the time limits and the tries. What the answers mean is [`record`](super::record)'s.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use futures_util::StreamExt;
use longshore_core::{Container, ContainerId, LastLines, ObjectRef, WhyUnknown};
use longshore_engine::{Engine, LogOptions};
use tokio::time::{sleep, timeout};

use super::DeathsConfig;
use super::ahead::Words;
use super::lines::{EndOfLog, Said};
use super::record::{Finding, Miss, span_of};
use super::runs::Ended;
use crate::logs::tape::Tape;
use crate::logs::{LogItem, LogLine};
use crate::source::{ObjectSource, SourceError};

/// Bytes of a log that are read to get at its end. An engine counts pieces of 16 KiB as lines, so the last 51 are at most
/// 816 KiB; only one that does not count sends more.
const MOST_READ: usize = 4 << 20;
/// Lines asked for where those of a later run were in the way.
const FAR: u64 = 1_000;
/// A call that failed is tried so often in all.
const TRIES: u32 = 3;

/// What the records need of an engine.
pub(crate) trait DeathSource: ObjectSource<Container> {
    /// Hands over the last lines of a log; of each at most `max_line` bytes.
    fn last_lines(
        &self,
        id: &ContainerId,
        wanted: Tail,
        line: impl FnMut(&LogLine) + Send,
    ) -> impl Future<Output = Result<(), SourceError>> + Send;
}

/// Which lines of a log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tail {
    pub(crate) lines: u64,
    pub(crate) max_line: usize,
    pub(crate) tty: bool,
    /// And those that come until the container ends.
    pub(crate) follow: bool,
}

impl Tail {
    /// One more line than is kept, so that it is known whether there are more.
    pub(super) fn of(config: &DeathsConfig, tty: bool) -> Self {
        Self {
            lines: config.lines as u64 + 1,
            max_line: config.max_line,
            tty,
            follow: false,
        }
    }

    pub(super) fn followed(self) -> Self {
        Self { follow: true, ..self }
    }
}

impl DeathSource for Engine {
    async fn last_lines(
        &self,
        id: &ContainerId,
        wanted: Tail,
        mut line: impl FnMut(&LogLine) + Send,
    ) -> Result<(), SourceError> {
        let options = LogOptions::default()
            .tail(wanted.lines)
            .follow(wanted.follow)
            .timestamps(true);
        let reference = ObjectRef::from(id);
        let mut frames = self.logs_framed(&reference, &options, wanted.tty).await?;
        let mut tape = Tape::new(wanted.max_line, true);
        let mut answer = tape.begin(wanted.tty);
        let mut items = VecDeque::new();
        let mut read = 0;
        while let Some(frame) = frames.next().await {
            let frame = frame?;
            read += frame.bytes.len();
            if read > MOST_READ && !wanted.follow {
                return Err(SourceError::new("the last lines of the log are too long"));
            }
            // A log that is read from its beginning has no place to be sought.
            let _ = tape.push(&mut answer, &frame, &mut items);
            hand_over(&mut items, &mut line);
        }
        let _ = tape.finish(&mut answer, &mut items);
        tape.end_run(&mut items);
        hand_over(&mut items, &mut line);
        Ok(())
    }
}

fn hand_over(items: &mut VecDeque<LogItem>, line: &mut impl FnMut(&LogLine)) {
    for item in items.drain(..) {
        if let LogItem::Line(it) = item {
            line(&it);
        }
    }
}

/// Asks about a death. `known` is what the mirror has.
pub(super) async fn look<S: DeathSource>(
    source: &S,
    config: &DeathsConfig,
    ended: &Ended,
    known: Option<&Arc<Container>>,
    ahead: Option<Words>,
) -> Finding {
    let inspect = || source.inspect(&ended.id);
    if let Some(known) = known {
        // Whether it has a terminal never changes, so the log waits for nothing.
        let (state, log) = tokio::join!(
            tried(config, inspect),
            last_words(source, config, ended, known, ahead)
        );
        return Finding {
            state: state.map(Box::new),
            log,
        };
    }
    match tried(config, inspect).await {
        Ok(container) => {
            let log = last_words(source, config, ended, &container, ahead).await;
            Finding {
                state: Ok(Box::new(container)),
                log,
            }
        }
        Err(miss) => Finding {
            log: heard(config, ended, ahead).await.ok_or(miss.clone()),
            state: Err(miss),
        },
    }
}

/// What was followed, where it was; else what the engine says. It is asked at once all the same: a log that could not be
/// followed to its end is soon gone.
async fn last_words<S: DeathSource>(
    source: &S,
    config: &DeathsConfig,
    ended: &Ended,
    container: &Container,
    ahead: Option<Words>,
) -> Result<Said, Miss> {
    let ask = last_lines(source, config, ended, Some(container), container.tty);
    let (asked, heard) = tokio::join!(ask, heard(config, ended, ahead));
    heard.map_or(asked, Ok)
}

/// What was followed: complete soon after the end.
async fn heard(config: &DeathsConfig, ended: &Ended, ahead: Option<Words>) -> Option<Said> {
    let lines = timeout(config.look_timeout, ahead?).await.ok()?.ok()?;
    Some(within(lines, ended))
}

/// Those of this run alone.
pub(super) fn within(lines: LastLines, ended: &Ended) -> Said {
    Said::within(lines, span_of(ended, None).unwrap_or_default())
}

async fn last_lines<S: DeathSource>(
    source: &S,
    config: &DeathsConfig,
    ended: &Ended,
    known: Option<&Container>,
    tty: bool,
) -> Result<Said, Miss> {
    let Some(span) = span_of(ended, known) else {
        return Err(WhyUnknown::AnotherRun.into());
    };
    let mut tail = Tail::of(config, tty);
    loop {
        let end = tried(config, || async {
            let mut end = EndOfLog::new(span, config.lines, config.bytes);
            source.last_lines(&ended.id, tail, |line| end.push(line)).await?;
            Ok(end)
        })
        .await?;
        if tail.lines < FAR && end.wants_more(tail.lines) {
            tail.lines = FAR;
        } else if end.is_buried(tail.lines) {
            return Err(WhyUnknown::AnotherRun.into());
        } else {
            return Ok(end.finish(tail.lines));
        }
    }
}

/// A call within its time, tried again where that may help.
async fn tried<T, F>(config: &DeathsConfig, mut call: impl FnMut() -> F) -> Result<T, Miss>
where
    F: Future<Output = Result<T, SourceError>>,
{
    let mut tries = 0;
    loop {
        tries += 1;
        let error = match timeout(config.look_timeout, call()).await {
            Err(_) => return Err(WhyUnknown::TimedOut.into()),
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
        };
        if error.not_found {
            return Err(WhyUnknown::Gone.into());
        }
        let detail = error.text.to_string();
        if error.conflict {
            // It is being removed.
            let why = WhyUnknown::Gone;
            return Err(Miss { why, detail });
        }
        if tries == TRIES {
            return Err(Miss {
                why: WhyUnknown::Failed,
                detail,
            });
        }
        sleep(config.backoff.pause(tries)).await;
    }
}
