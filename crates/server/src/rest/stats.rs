//! Statistics of one container, asked once.

use std::{collections::VecDeque, time::Duration};

use axum::extract::State;
use longshore_api::{ErrorBody, StatsReply};
use longshore_core::ContainerState;
use tokio::time::{Instant, timeout_at};

use crate::{
    app::App,
    convert,
    error::ApiResult,
    reply::{InPath, Json},
};

use super::resolve;

/// How long a fresh sample is waited for: three rounds of the sampler. Two samples make the first CPU figure.
const PATIENCE: Duration = Duration::from_millis(3_200);

/// What a container uses: the history that is held, the last one fresh, and the long past in steps. A container that does not
/// run has what is left of its last run.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/containers/{id}/stats", tag = "containers",
    params(("host" = String, Path, description = "name of a host"),
           ("id" = String, Path, description = "id, unique prefix of one, or name")),
    responses((status = 200, body = StatsReply), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn stats(
    State(app): State<App>,
    InPath((host, id)): InPath<(String, String)>,
) -> ApiResult<Json<StatsReply>> {
    let (host, container) = resolve(&app, &host, &id).await?;
    let id = &container.id;
    // Only what runs is sampled.
    if container.state == ContainerState::Running {
        let (mut rounds, deadline) = (host.sampler().subscribe(), Instant::now() + PATIENCE);
        while let Ok(Some(round)) = timeout_at(deadline, rounds.next()).await {
            let own = round.iter().find(|(of, _)| of == id);
            if own.is_some_and(|(_, sample)| sample.usage.cpu_percent.is_some()) {
                break;
            }
        }
    }
    let samples: VecDeque<_> = host.sampler().history(id).into();
    let samples = samples
        .iter()
        .map(|sample| convert::stats_sample(&host, id, sample))
        .collect();
    let steps = host.sampler().steps(id);
    let steps = steps.iter().map(convert::stats_step).collect();
    Ok(Json(StatsReply { samples, steps }))
}
