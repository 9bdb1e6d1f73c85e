//! `logs`: the output of one container, followed through its restarts and the engine's. Nothing is read from the engine
//! while the reader is slow.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use longshore_api::{
    LogLine, LogNote, LogRecord,
    stream::{LogsData, LogsParams},
};
use longshore_core::ContainerId;
use longshore_fleet::Host;
use longshore_fleet::runtime::logs::{LogEnd, LogItem, LogQuery, open};
use tokio::time::{Instant, timeout_at};

use crate::{app::App, convert, rest};

use super::outlet::{Outlet, Stop};

/// Messages come no closer than this; lines between are put together.
const BATCH_TIME: Duration = Duration::from_millis(50);
/// How long the last lines of a container that is gone are waited for.
const LINGER: Duration = Duration::from_secs(2);
/// Most lines of one message.
const BATCH_LINES: usize = 500;
/// Most text of one message, but for one line more.
const BATCH_BYTES: usize = 256 * 1024;
/// What is shown of a line; the download has it whole.
const MAX_LINE: usize = 64 * 1024;

pub(super) async fn run(app: &App, outlet: &Outlet, params: LogsParams) -> Result<&'static str, Stop> {
    let (host, container) = rest::resolve(app, &params.host, &params.id).await?;
    let query = LogQuery::follow()
        .tail(params.tail)
        .since(params.since.as_deref().map(rest::read_time).transpose()?)
        .streams(params.stdout.unwrap_or(true), params.stderr.unwrap_or(true))
        .max_line(MAX_LINE);
    let mut log = open(host.engine().clone(), container.id.clone(), query).await?;
    outlet.subscribed().await?;
    let mut batch = Batch::default();
    let mut due = Instant::now();
    let mut gone = pin!(gone(&host, &container.id));
    loop {
        let mut next = tokio::select! {
            next = log.next() => next,
            // An engine may leave the log of a container that was removed open for ever.
            () = &mut gone => Some(Ok(LogItem::Over(LogEnd::Removed))),
        };
        loop {
            let item = match next {
                Some(Ok(LogItem::Over(end))) => {
                    batch.send(outlet).await?;
                    return Ok(reason(end));
                }
                Some(Ok(item)) => item,
                Some(Err(error)) => {
                    batch.send(outlet).await?;
                    return Err(error.into());
                }
                None => return Ok(reason(LogEnd::Read)),
            };
            match convert::log_record(item) {
                Some(LogRecord::Line(line)) => batch.push(line),
                Some(LogRecord::Note { note }) => {
                    batch.note = Some(note);
                    batch.send(outlet).await?;
                }
                None => {}
            }
            if batch.is_full() {
                break;
            }
            // What is there already is taken even when the time is over.
            match timeout_at(due, log.next()).await {
                Ok(more) => next = more,
                Err(_) => break,
            }
        }
        due = Instant::now() + BATCH_TIME;
        batch.send(outlet).await?;
    }
}

fn reason(end: LogEnd) -> &'static str {
    match end {
        LogEnd::Exited => "container_stopped",
        LogEnd::Removed => "container_removed",
        _ => "log_ended",
    }
}

/// Lines that go together.
#[derive(Default)]
struct Batch {
    lines: Vec<LogLine>,
    bytes: usize,
    /// After them.
    note: Option<LogNote>,
}

impl Batch {
    fn push(&mut self, line: LogLine) {
        self.bytes += line.text.len();
        self.lines.push(line);
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= BATCH_LINES || self.bytes >= BATCH_BYTES
    }

    async fn send(&mut self, outlet: &Outlet) -> Result<(), Stop> {
        let Self { lines, note, .. } = std::mem::take(self);
        if lines.is_empty() && note.is_none() {
            return Ok(());
        }
        outlet.data(LogsData { lines, note }).await
    }
}

/// Waits until a container has been gone for so long that what it wrote has come.
async fn gone(host: &Host, id: &ContainerId) {
    let mirror = host.mirror();
    let mut updates = mirror.subscribe();
    while !mirror.is_ready() || mirror.get(id).is_some() {
        if updates.next().await.is_none() {
            // The host is no longer watched: the log alone tells.
            std::future::pending::<()>().await;
        }
    }
    tokio::time::sleep(LINGER).await;
}
