//! `GET /events`: replay, then live, as long as the client reads.

use std::sync::Arc;

use super::Shared;
use super::event::FakeEvent;
use super::http::Conn;
use super::request::Request;
use super::route::{Reply, Trouble};
use super::world::{Filters, Refusal};

pub(super) async fn serve(
    shared: &Arc<Shared>,
    conn: &mut Conn,
    request: &Request,
) -> Result<Reply, Trouble> {
    let since = request
        .query("since")
        .filter(|text| !text.is_empty())
        .map(stamp)
        .transpose()?;
    let until = request
        .query("until")
        .filter(|text| !text.is_empty())
        .map(stamp)
        .transpose()?;
    let filters = Filters::parse(request.query("filters"))?;
    let version = request.version.unwrap_or(shared.config.api_version);
    let shown = |event: &FakeEvent| {
        // Old clients never saw an image's creation.
        !(version < (1, 46) && event.kind == "image" && event.action == "create") && passes(&filters, event)
    };
    let legacy = version < (1, 52);
    conn.start_chunks("application/json").await?;
    let mut subscription = shared.log.subscribe(since, until);
    for event in subscription.replay.drain(..).filter(|event| shown(event)) {
        conn.chunk(&event.line_for(legacy)).await?;
    }
    let end = until.map(|until| until.saturating_sub(shared.clock.now()));
    if end.is_some_and(|left| left <= 0) {
        conn.end_chunks().await?;
        return Ok(Reply::Written);
    }
    let end = async {
        match end {
            Some(left) => tokio::time::sleep(std::time::Duration::from_nanos(left.unsigned_abs())).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(end);
    loop {
        tokio::select! {
            event = subscription.live.recv() => match event {
                Some(event) if shown(&event) => conn.chunk(&event.line_for(legacy)).await?,
                Some(_) => {}
                None => return Ok(Reply::Taken),
            },
            read = conn.incoming() => {
                if read?.is_empty() {
                    return Ok(Reply::Taken);
                }
            }
            () = &mut end => {
                conn.end_chunks().await?;
                return Ok(Reply::Written);
            }
        }
    }
}

/// Seconds, with up to nine digits after a point that are padded to the right; nothing else.
pub(super) fn stamp(text: &str) -> Result<i64, Refusal> {
    let bad = || {
        Refusal::new(
            500,
            format!("parsing time {text:?} as a stamp: cannot parse {text:?}"),
        )
    };
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = seconds.parse().map_err(|_| bad())?;
    if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad());
    }
    let nanos: i64 = format!("{fraction:0<9}").parse().map_err(|_| bad())?;
    Ok(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

fn passes(filters: &Filters, event: &FakeEvent) -> bool {
    let name = event.attributes.get("name").map_or("", String::as_str);
    filters.any("type", |wanted| event.kind == wanted)
        && filters.any("event", |wanted| {
            event.action == wanted || event.action.split(':').next().is_some_and(|verb| verb == wanted)
        })
        && filters.any("container", |wanted| {
            event.kind == "container" && (event.actor.starts_with(wanted) || name == wanted)
        })
        && filters.any("image", |wanted| {
            event.attributes.get("image").is_some_and(|image| image == wanted)
        })
        && filters.any("scope", |wanted| event.scope == wanted)
        && filters.labels(&event.attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps() {
        assert_eq!(stamp("0").unwrap(), 0);
        assert_eq!(stamp("12.000000003").unwrap(), 12_000_000_003);
        assert_eq!(stamp("12.000003").unwrap(), 12_000_003_000);
        for rubbish in ["10m", "2026-01-01T00:00:00Z", "x", "1.0000000000", "1.x"] {
            assert_eq!(stamp(rubbish).unwrap_err().status, 500, "{rubbish}");
        }
    }
}
