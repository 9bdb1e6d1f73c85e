//! `logs`: the output of one container, followed. Nothing is read from the engine while the reader is slow.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use longshore_api::{
    LogLine,
    stream::{LogsData, LogsParams},
};
use longshore_core::ContainerId;
use longshore_fleet::{Host, engine::LogOptions};
use tokio::time::{Instant, timeout_at};

use crate::{app::App, lines::Lines, rest};

use super::outlet::{Outlet, Stop};

/// Messages come no closer than this; lines between are put together.
const BATCH_TIME: Duration = Duration::from_millis(50);
/// How long the last lines of a container that is gone are waited for.
const LINGER: Duration = Duration::from_secs(2);
/// Most lines of one message.
const BATCH_LINES: usize = 500;

pub(super) async fn run(app: &App, outlet: &Outlet, params: LogsParams) -> Result<&'static str, Stop> {
    let (host, container) = rest::resolve(app, &params.host, &params.id).await?;
    let mut options = LogOptions::default()
        .follow(true)
        .timestamps(true)
        .tail(params.tail)
        .since(params.since.as_deref().map(rest::read_time).transpose()?);
    options.stdout = params.stdout.unwrap_or(true);
    options.stderr = params.stderr.unwrap_or(true);
    let mut frames = host.engine().logs(&rest::by_id(&container), &options).await?;
    outlet.subscribed().await?;
    let (mut lines, mut batch) = (Lines::default(), Vec::<LogLine>::new());
    let mut due = Instant::now();
    let mut over = false;
    let mut gone = pin!(gone(&host, &container.id));
    while !over {
        let mut next = tokio::select! {
            next = frames.next() => next,
            // An engine may leave the log of a container that was removed open for ever.
            () = &mut gone => None,
        };
        loop {
            match next {
                Some(Ok(frame)) => lines.push(&frame, |line| batch.push(line)),
                Some(Err(error)) => {
                    outlet.data(LogsData { lines: batch }).await?;
                    return Err(error.into());
                }
                None => {
                    lines.finish(|line| batch.push(line));
                    over = true;
                    break;
                }
            }
            if batch.len() >= BATCH_LINES {
                break;
            }
            // What is there already is taken even when the time is over.
            match timeout_at(due, frames.next()).await {
                Ok(more) => next = more,
                Err(_) => break,
            }
        }
        due = Instant::now() + BATCH_TIME;
        if !batch.is_empty() {
            outlet
                .data(LogsData {
                    lines: std::mem::take(&mut batch),
                })
                .await?;
        }
    }
    // What ended it is known a moment later; the engine is the one to ask.
    Ok(
        match host.engine().inspect_container(&rest::by_id(&container)).await {
            Err(error) if error.is_not_found() => "container_removed",
            Ok(now) if now.state.has_processes() => "log_ended",
            _ => "container_stopped",
        },
    )
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
