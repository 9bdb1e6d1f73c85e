//! What is done to a container. One way for all verbs: find it, note who does what, call, note what came of it.

use axum::{Extension, extract::State};
use longshore_api::{ErrorBody, VerbOutcome, VerbReply};
use longshore_core::{Outcome, Verb};
use serde::Deserialize;

use crate::{
    app::{App, Shared},
    auth::Principal,
    error::{ApiError, ApiResult},
    reply::{InPath, InQuery, Json, flag},
};

use super::{by_id, resolve};

/// Longest grace for a stop: a day. More is a mistake of units.
const MAX_GRACE: i32 = 24 * 3600;

/// Parameters of the verbs; each takes those that it has a use for.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct VerbParams {
    /// `stop` and `restart`: seconds before it is killed; -1 waits for ever.
    timeout: Option<i32>,
    /// `kill`, `stop` and `restart`: a signal's name or number. When not given, `kill` takes SIGKILL and the others the
    /// container's own; theirs needs an engine of API 1.42.
    signal: Option<String>,
}

/// Parameters of a removal.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RemoveParams {
    /// Kill it first when it runs.
    #[serde(default, deserialize_with = "flag")]
    force: Option<bool>,
    /// Remove its anonymous volumes too.
    #[serde(default, deserialize_with = "flag")]
    volumes: Option<bool>,
}

/// Does one of the verbs: start, stop, restart, pause, unpause, kill.
#[utoipa::path(post, path = "/api/v1/hosts/{host}/containers/{id}/{verb}", tag = "containers",
    params(("host" = String, Path, description = "name of a host"),
           ("id" = String, Path, description = "id, unique prefix of one, or name"),
           ("verb" = String, Path, description = "`start`, `stop`, `restart`, `pause`, `unpause` or `kill`"), VerbParams),
    responses((status = 200, body = VerbReply), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
              (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(crate) async fn act(
    State(app): State<App>,
    Extension(who): Extension<Principal>,
    InPath((host, id, verb)): InPath<(String, String, String)>,
    InQuery(params): InQuery<VerbParams>,
) -> ApiResult<Json<VerbReply>> {
    let verb = read_verb(&verb, params)?;
    perform(&app, &who, &host, &id, verb).await
}

/// Removes a container.
#[utoipa::path(delete, path = "/api/v1/hosts/{host}/containers/{id}", tag = "containers",
    params(("host" = String, Path, description = "name of a host"),
           ("id" = String, Path, description = "id, unique prefix of one, or name"), RemoveParams),
    responses((status = 200, body = VerbReply), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
              (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(crate) async fn remove(
    State(app): State<App>,
    Extension(who): Extension<Principal>,
    InPath((host, id)): InPath<(String, String)>,
    InQuery(params): InQuery<RemoveParams>,
) -> ApiResult<Json<VerbReply>> {
    let verb = Verb::Remove {
        force: params.force.unwrap_or(false),
        volumes: params.volumes.unwrap_or(false),
    };
    perform(&app, &who, &host, &id, verb).await
}

async fn perform(
    app: &Shared,
    who: &Principal,
    host: &str,
    id: &str,
    verb: Verb,
) -> ApiResult<Json<VerbReply>> {
    let (host, container) = resolve(app, host, id).await?;
    let result = host.engine().act(&by_id(&container), &verb).await;
    let (by, role, on, name) = (&who.name, who.role, host.name(), &container.name);
    let (verb, id) = (verb.name(), container.id.short());
    match result {
        Ok(outcome) => {
            tracing::info!(target: "audit", %by, %role, verb, host = on, id, name, ?outcome, "done");
            let outcome = match outcome {
                Outcome::Done => VerbOutcome::Done,
                Outcome::AlreadySo => VerbOutcome::Already,
            };
            Ok(Json(VerbReply { outcome }))
        }
        Err(error) => {
            tracing::warn!(target: "audit", %by, %role, verb, host = on, id, name, %error, "failed");
            Err(error.into())
        }
    }
}

fn read_verb(word: &str, params: VerbParams) -> ApiResult<Verb> {
    if let Some(timeout) = params.timeout
        && !(-1..=MAX_GRACE).contains(&timeout)
    {
        return Err(ApiError::invalid(format!(
            "timeout is -1 (for ever) to {MAX_GRACE} seconds"
        )));
    }
    let timeout = params.timeout;
    let signal = || params.signal.map(read_signal).transpose();
    Ok(match word {
        "start" => Verb::Start,
        "stop" => Verb::Stop {
            timeout,
            signal: signal()?,
        },
        "restart" => Verb::Restart {
            timeout,
            signal: signal()?,
        },
        "pause" => Verb::Pause,
        "unpause" => Verb::Unpause,
        "kill" => Verb::Kill { signal: signal()? },
        _ => {
            return Err(ApiError::not_found(
                "a verb is start, stop, restart, pause, unpause or kill",
            ));
        }
    })
}

/// A name or number; whether there is such a signal the engine knows.
fn read_signal(text: String) -> ApiResult<Box<str>> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-');
    if text.is_empty() || text.len() > 16 || !text.chars().all(plain) {
        return Err(ApiError::invalid(
            "a signal is a name such as SIGTERM or a number",
        ));
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verb_takes_what_it_has_a_use_for() {
        let params = || VerbParams {
            timeout: Some(3),
            signal: Some("SIGHUP".into()),
        };
        assert_eq!(read_verb("start", params()).unwrap(), Verb::Start);
        assert_eq!(
            read_verb("stop", params()).unwrap(),
            Verb::Stop {
                timeout: Some(3),
                signal: Some("SIGHUP".into())
            }
        );
        assert_eq!(
            read_verb("kill", params()).unwrap(),
            Verb::Kill {
                signal: Some("SIGHUP".into())
            }
        );
        assert!(read_verb("explode", params()).is_err());
        assert!(
            read_verb(
                "stop",
                VerbParams {
                    timeout: Some(-2),
                    signal: None
                }
            )
            .is_err()
        );
        assert_eq!(
            read_verb("restart", VerbParams::default()).unwrap(),
            Verb::RESTART
        );
        for word in ["kill", "stop", "restart"] {
            let params = VerbParams {
                timeout: None,
                signal: Some("a&b=c".into()),
            };
            assert!(read_verb(word, params).is_err(), "{word}");
        }
    }
}
