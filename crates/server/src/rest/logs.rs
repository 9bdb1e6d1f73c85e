//! A container's output as text or as JSON lines, streamed: nothing is read from the engine before the caller took what was
//! sent.

use axum::{Extension, body::Body, extract::State, response::Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderValue, header};
use longshore_api::ErrorBody;
use longshore_core::Timestamp;
use longshore_fleet::engine::{self, LogOptions, LogStream};
use serde::Deserialize;

use crate::{
    app::App,
    auth::{Principal, still_good},
    error::{ApiError, ApiResult},
    lines::Lines,
    reply::{InPath, InQuery, flag},
};

use super::{by_id, resolve};

/// Parameters of a container's output.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogsParams {
    /// Goes on until the container ends.
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

/// The output of a container: plain text, or with `Accept: application/x-ndjson` one JSON object a line.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/containers/{id}/logs", tag = "containers",
    params(("host" = String, Path, description = "name of a host"),
           ("id" = String, Path, description = "id, unique prefix of one, or name"), LogsParams),
    responses((status = 200, content((str = "text/plain"), (longshore_api::LogLine = "application/x-ndjson"))),
              (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn logs(
    State(app): State<App>,
    Extension(who): Extension<Principal>,
    InPath((host, id)): InPath<(String, String)>,
    InQuery(params): InQuery<LogsParams>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let as_json = headers.get_all(header::ACCEPT).iter().any(|accept| {
        accept
            .to_str()
            .is_ok_and(|accept| accept.contains("application/x-ndjson"))
    });
    let options = read_options(&params, as_json)?;
    let (host, container) = resolve(&app, &host, &id).await?;
    let frames = host.engine().logs(&by_id(&container), &options).await?;
    // A followed log ends with the server's shutdown and with the credential that opened it.
    let over = {
        let app = App::clone(&app);
        async move {
            tokio::select! {
                () = app.closing.cancelled() => {}
                () = still_good(&app, &who) => {}
            }
        }
    };
    let (media, body) = if as_json {
        (
            "application/x-ndjson",
            Body::from_stream(json_lines(frames).take_until(Box::pin(over))),
        )
    } else {
        (
            "text/plain; charset=utf-8",
            Body::from_stream(text(frames).take_until(Box::pin(over))),
        )
    };
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    Ok(response)
}

fn read_options(params: &LogsParams, as_json: bool) -> ApiResult<LogOptions> {
    let tail = match params.tail.as_deref() {
        None | Some("all" | "") => None,
        Some(text) => Some(
            text.parse::<u64>()
                .map_err(|_| ApiError::invalid("tail is a number of lines, or all"))?,
        ),
    };
    let mut options = LogOptions::default()
        .follow(params.follow.unwrap_or(false))
        .tail(tail)
        .since(params.since.as_deref().map(read_time).transpose()?)
        .until(params.until.as_deref().map(read_time).transpose()?)
        .timestamps(as_json || params.timestamps.unwrap_or(false));
    options.stdout = params.stdout.unwrap_or(true);
    options.stderr = params.stderr.unwrap_or(true);
    if !options.stdout && !options.stderr {
        return Err(ApiError::invalid(
            "at least one of stdout and stderr must be wanted",
        ));
    }
    Ok(options)
}

/// A time from a caller: RFC 3339, or seconds since 1970.
pub(crate) fn read_time(text: &str) -> ApiResult<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(Timestamp::from_secs(seconds));
    }
    Timestamp::parse_rfc3339(text).map_err(|e| ApiError::invalid(format!("{text:?} is {e}")))
}

fn text(frames: LogStream) -> impl Stream<Item = Result<Bytes, engine::Error>> {
    frames.map(|frame| frame.map(|frame| frame.bytes))
}

/// One JSON object a line. What breaks in the middle breaks the body off, so that nobody takes a part for the whole.
fn json_lines(frames: LogStream) -> impl Stream<Item = Result<Bytes, engine::Error>> {
    let ended = stream::once(async { None });
    frames
        .map(Some)
        .chain(ended)
        .scan(Lines::default(), |lines, frame| {
            let mut out = Vec::new();
            let mut write = |line: longshore_api::LogLine| {
                // A type of texts alone is always written.
                if serde_json::to_writer(&mut out, &line).is_ok() {
                    out.push(b'\n');
                }
            };
            let result = match frame {
                Some(Ok(frame)) => {
                    lines.push(&frame, &mut write);
                    Ok(())
                }
                Some(Err(error)) => Err(error),
                None => {
                    lines.finish(&mut write);
                    Ok(())
                }
            };
            std::future::ready(Some(result.map(|()| Bytes::from(out))))
        })
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
        assert_eq!(read_options(&with("5"), false).unwrap().tail, Some(5));
        assert_eq!(read_options(&with("all"), false).unwrap().tail, None);
        assert!(read_options(&with("-1"), false).is_err());
        let none = LogsParams {
            stdout: Some(false),
            stderr: Some(false),
            ..LogsParams::default()
        };
        assert!(read_options(&none, false).is_err());
    }
}
