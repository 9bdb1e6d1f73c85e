//! Containers: the list of all hosts, and one in detail.

use std::{sync::Arc, time::Duration};

use axum::{Extension, extract::State};
use longshore_api::{ContainerDetail, ContainerRow, ContainersReply, ErrorBody};
use longshore_fleet::Host;

use crate::{
    app::{App, Shared},
    auth::Principal,
    convert,
    error::ApiResult,
    reply::{InPath, Json},
};

use super::{by_id, host_rows, is_stale, resolve};

/// How long a frozen engine is waited for before what was last known is shown.
const PATIENCE: Duration = Duration::from_secs(3);

/// The containers of every host.
#[utoipa::path(get, path = "/api/v1/containers", tag = "containers",
    responses((status = 200, body = ContainersReply), (status = 401, body = ErrorBody)))]
pub(crate) async fn list_containers(State(app): State<App>) -> Json<ContainersReply> {
    Json(containers_reply(&app))
}

/// One container, asked of the engine now where it can be reached.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/containers/{id}", tag = "containers",
    params(("host" = String, Path, description = "name of a host, such as `local`"),
           ("id" = String, Path, description = "id, unique prefix of one, or name")),
    responses((status = 200, body = ContainerDetail), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody),
              (status = 409, body = ErrorBody)))]
pub(crate) async fn show_container(
    State(app): State<App>,
    Extension(who): Extension<Principal>,
    InPath((host, id)): InPath<(String, String)>,
) -> ApiResult<Json<ContainerDetail>> {
    let (host, known) = resolve(&app, &host, &id).await?;
    // Health probes change without an event, so the mirror's copy may lack the newest.
    let reference = by_id(&known);
    let asked = tokio::time::timeout(PATIENCE, host.engine().inspect_container(&reference)).await;
    let (container, stale) = match asked {
        Ok(Ok(fresh)) => (Arc::new(fresh), false),
        Ok(Err(error)) if error.is_not_found() => return Err(error.into()),
        Ok(Err(_)) | Err(_) => (known, true),
    };
    Ok(Json(convert::container_detail(
        host.name(),
        &container,
        stale,
        who.role,
    )))
}

/// Containers and hosts as they are now.
pub(crate) fn containers_reply(app: &Shared) -> ContainersReply {
    let hosts = app.fleet.hosts();
    ContainersReply {
        containers: hosts.iter().flat_map(|host| rows(host)).collect(),
        hosts: host_rows(app),
    }
}

/// All containers of one host.
pub(crate) fn rows(host: &Host) -> Vec<ContainerRow> {
    let (snapshot, stale) = (host.mirror().snapshot(), is_stale(host));
    snapshot
        .containers()
        .iter()
        .map(|c| convert::container_row(host.name(), c, stale))
        .collect()
}
