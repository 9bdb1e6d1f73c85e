//! A container's output as text or as JSON lines, streamed: nothing is read from the engine before the caller took what was
//! sent. Followed, it goes on through the container's and the engine's restarts.

use axum::{Extension, body::Body, extract::State, response::Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::{HeaderMap, HeaderValue, header};
use longshore_api::ErrorBody;
use longshore_core::Timestamp;
use longshore_fleet::engine::LogOptions;
use longshore_fleet::runtime::logs::{LogItem, LogQuery, open};
use serde::Deserialize;

use crate::{
    app::App,
    auth::{Principal, still_good},
    convert,
    error::{ApiError, ApiResult},
    reply::{InPath, InQuery, flag},
};

use super::{by_id, resolve};

/// One JSON object a line.
const NDJSON: &str = "application/x-ndjson";

/// Parameters of a container's output.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogsParams {
    /// Goes on until the container ends, and is not started again within a second.
    #[serde(default, deserialize_with = "flag")]
    follow: Option<bool>,
    /// How many lines of the past, or `all`; all when not given.
    tail: Option<String>,
    /// Only what was written at or after this time: RFC 3339, or seconds since 1970.
    since: Option<String>,
    /// Only what was written before this time.
    until: Option<String>,
    /// A time stamp before each line.
    #[serde(default, deserialize_with = "flag")]
    timestamps: Option<bool>,
    /// With standard output; so when not given.
    #[serde(default, deserialize_with = "flag")]
    stdout: Option<bool>,
    /// With standard error; so when not given.
    #[serde(default, deserialize_with = "flag")]
    stderr: Option<bool>,
}

/// The output of a container: plain text, or with `Accept: application/x-ndjson` one JSON object a line. Followed, a place
/// where lines may be missing is a note in JSON, and plain text breaks off there.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/containers/{id}/logs", tag = "containers",
    params(("host" = String, Path, description = "name of a host"),
           ("id" = String, Path, description = "id, unique prefix of one, or name"), LogsParams),
    responses((status = 200, content((str = "text/plain"), (longshore_api::LogRecord = "application/x-ndjson"))),
              (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn logs(
    State(app): State<App>,
    Extension(who): Extension<Principal>,
    InPath((host, id)): InPath<(String, String)>,
    InQuery(params): InQuery<LogsParams>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let as_json = headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|accept| accept.to_str().is_ok_and(|accept| accept.contains(NDJSON)));
    let asked = Asked::read(&params)?;
    let (host, container) = resolve(&app, &host, &id).await?;
    let body = if asked.follow || as_json {
        let log = open(host.engine().clone(), container.id.clone(), asked.query()).await?;
        let pieces = log.map(move |item| match item {
            Ok(item) if as_json => json_line(item),
            Ok(item) => text_line(item, asked.timestamps),
            Err(error) => Err(error.into()),
        });
        until_over(&app, who, pieces)
    } else {
        let frames = host.engine().logs(&by_id(&container), &asked.options()).await?;
        until_over(&app, who, frames.map(|frame| Ok(frame?.bytes)))
    };
    let mut response = Response::new(body);
    let media = if as_json {
        NDJSON
    } else {
        "text/plain; charset=utf-8"
    };
    let media = HeaderValue::from_static(media);
    response.headers_mut().insert(header::CONTENT_TYPE, media);
    Ok(response)
}

/// A body that ends with the server's shutdown and with the credential that opened it.
fn until_over(
    app: &App,
    who: Principal,
    pieces: impl Stream<Item = Result<Bytes, Broken>> + Send + 'static,
) -> Body {
    let app = App::clone(app);
    let over = async move {
        tokio::select! {
            () = app.closing.cancelled() => {}
            () = still_good(&app, &who) => {}
        }
    };
    Body::from_stream(pieces.take_until(Box::pin(over)))
}

/// Why a body breaks off, so that nobody takes a part for the whole.
type Broken = Box<dyn std::error::Error + Send + Sync>;

fn json_line(item: LogItem) -> Result<Bytes, Broken> {
    let mut out = Vec::new();
    if let Some(record) = convert::log_record(item) {
        serde_json::to_writer(&mut out, &record)?;
        out.push(b'\n');
    }
    Ok(out.into())
}

/// The line as it was written. Plain text has no place for the word that lines are missing.
fn text_line(item: LogItem, timestamps: bool) -> Result<Bytes, Broken> {
    let line = match item {
        LogItem::Line(line) => line,
        LogItem::Gap { .. } => return Err("lines may be missing here".into()),
        _ => return Ok(Bytes::new()),
    };
    let mut out = match line.at.filter(|_| timestamps) {
        Some(at) => convert::stamp(at) + " ",
        None => String::new(),
    }
    .into_bytes();
    out.extend_from_slice(&line.text);
    out.push(b'\n');
    Ok(out.into())
}

/// What was asked for, read.
#[derive(Debug, Clone, Copy)]
struct Asked {
    follow: bool,
    tail: Option<u64>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    timestamps: bool,
    stdout: bool,
    stderr: bool,
}

impl Asked {
    fn read(params: &LogsParams) -> ApiResult<Self> {
        let tail = match params.tail.as_deref() {
            None | Some("all" | "") => None,
            Some(text) => Some(
                text.parse::<u64>()
                    .map_err(|_| ApiError::invalid("tail is a number of lines, or all"))?,
            ),
        };
        let asked = Self {
            follow: params.follow.unwrap_or(false),
            tail,
            since: params.since.as_deref().map(read_time).transpose()?,
            until: params.until.as_deref().map(read_time).transpose()?,
            timestamps: params.timestamps.unwrap_or(false),
            stdout: params.stdout.unwrap_or(true),
            stderr: params.stderr.unwrap_or(true),
        };
        if asked.stdout || asked.stderr {
            return Ok(asked);
        }
        Err(ApiError::invalid(
            "at least one of stdout and stderr must be wanted",
        ))
    }

    /// As the engine is asked for what there is.
    fn options(&self) -> LogOptions {
        let mut options = LogOptions::default()
            .tail(self.tail)
            .since(self.since)
            .until(self.until)
            .timestamps(self.timestamps);
        options.stdout = self.stdout;
        options.stderr = self.stderr;
        options
    }

    fn query(&self) -> LogQuery {
        let query = if self.follow {
            LogQuery::follow()
        } else {
            LogQuery::read()
        };
        query
            .tail(self.tail)
            .since(self.since)
            .until(self.until)
            .streams(self.stdout, self.stderr)
    }
}

/// A time from a caller: RFC 3339, or seconds since 1970.
pub(crate) fn read_time(text: &str) -> ApiResult<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(Timestamp::from_secs(seconds));
    }
    Timestamp::parse_rfc3339(text).map_err(|e| ApiError::invalid(format!("{text:?} is {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_counts_are_read_or_refused() {
        assert_eq!(read_time("17").unwrap(), Timestamp::from_secs(17));
        assert_eq!(
            read_time("1970-01-01T00:00:17Z").unwrap(),
            Timestamp::from_secs(17)
        );
        assert!(read_time("10m").is_err());
        let with = |tail: &str| LogsParams {
            tail: Some(tail.into()),
            ..LogsParams::default()
        };
        assert_eq!(Asked::read(&with("5")).unwrap().tail, Some(5));
        assert_eq!(Asked::read(&with("all")).unwrap().tail, None);
        assert!(Asked::read(&with("-1")).is_err());
        let none = LogsParams {
            stdout: Some(false),
            stderr: Some(false),
            ..LogsParams::default()
        };
        assert!(Asked::read(&none).is_err());
    }
}
