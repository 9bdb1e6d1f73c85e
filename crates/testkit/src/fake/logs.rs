//! `GET /containers/{id}/logs`: framed or, with a terminal, raw; with follow until the container ends.

use std::sync::Arc;

use super::clock::rfc3339;
use super::container::LogLine;
use super::events::stamp;
use super::http::Conn;
use super::request::Request;
use super::route::{Reply, Trouble};
use super::world::Refusal;
use super::{Shared, lock};

struct Asked {
    stdout: bool,
    stderr: bool,
    timestamps: bool,
    since: i64,
    until: i64,
    tty: bool,
}

pub(super) async fn serve(
    shared: &Arc<Shared>,
    conn: &mut Conn,
    request: &Request,
    reference: &str,
) -> Result<Reply, Trouble> {
    let (id, tty, len, base) = {
        let world = lock(&shared.world);
        let container = world.container(reference)?;
        (
            container.id.clone(),
            container.spec.tty,
            container.logs.len(),
            container.log_base,
        )
    };
    let time = |key: &str, none: i64| {
        request
            .query(key)
            .filter(|v| !v.is_empty() && *v != "0")
            .map_or(Ok(none), stamp)
    };
    let asked = Asked {
        stdout: request.flag("stdout"),
        stderr: request.flag("stderr"),
        timestamps: request.flag("timestamps"),
        since: time("since", i64::MIN)?,
        until: time("until", i64::MAX)?,
        tty,
    };
    if !asked.stdout && !asked.stderr {
        return Err(Refusal::new(400, "Bad parameters: you must choose at least one stream").into());
    }
    let tail = request.query("tail").and_then(|tail| tail.parse::<usize>().ok());
    let follow = request.flag("follow");
    conn.start_chunks(content_type(shared, request, tty)).await?;
    let mut next = base + tail.map_or(0, |tail| len.saturating_sub(tail));
    loop {
        let changed = shared.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        let (bytes, up) = {
            let world = lock(&shared.world);
            match world.containers.get(&id) {
                Some(container) => {
                    let skip = next.saturating_sub(container.log_base);
                    let mut bytes = Vec::new();
                    for line in container.logs.iter().skip(skip) {
                        write_line(&mut bytes, line, &asked);
                    }
                    next = container.log_base + container.logs.len();
                    (bytes, container.is_up())
                }
                None => (Vec::new(), false),
            }
        };
        conn.chunk(&bytes).await?;
        if !follow || !up {
            conn.end_chunks().await?;
            return Ok(Reply::Written);
        }
        tokio::select! {
            () = changed => {}
            read = conn.incoming() => {
                if read?.is_empty() {
                    return Ok(Reply::Taken);
                }
            }
        }
    }
}

/// Only newer clients are told the truth about framing.
pub(super) fn content_type(shared: &Shared, request: &Request, tty: bool) -> &'static str {
    if !tty && request.version.unwrap_or(shared.config.api_version) >= (1, 42) {
        "application/vnd.docker.multiplexed-stream"
    } else {
        "application/vnd.docker.raw-stream"
    }
}

fn write_line(out: &mut Vec<u8>, line: &LogLine, asked: &Asked) {
    let wanted = if line.stderr && !asked.tty {
        asked.stderr
    } else {
        asked.stdout
    };
    if !wanted || line.at < asked.since || line.at > asked.until {
        return;
    }
    let mut text = if asked.timestamps {
        format!("{} ", rfc3339(line.at)).into_bytes()
    } else {
        Vec::new()
    };
    text.extend_from_slice(&line.text);
    if asked.tty {
        out.extend_from_slice(&text);
    } else {
        frame(out, if line.stderr { 2 } else { 1 }, &text);
    }
}

/// One frame of a multiplexed stream.
pub(super) fn frame(out: &mut Vec<u8>, stream: u8, payload: &[u8]) {
    out.extend_from_slice(&[stream, 0, 0, 0]);
    out.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(payload);
}
