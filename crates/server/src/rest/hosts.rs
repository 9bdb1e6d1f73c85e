//! Hosts, their engines and images.

use std::collections::HashMap;

use axum::extract::State;
use longshore_api::{ErrorBody, HostsReply, ImagesReply, SystemInfo};
use longshore_fleet::engine::{ApiVersion, ListImages};

use crate::{
    app::App,
    convert,
    error::ApiResult,
    reply::{InPath, Json},
};

use super::host_rows;

/// Every host.
#[utoipa::path(get, path = "/api/v1/hosts", tag = "hosts", responses((status = 200, body = HostsReply)))]
pub(crate) async fn list_hosts(State(app): State<App>) -> Json<HostsReply> {
    Json(HostsReply {
        hosts: host_rows(&app),
    })
}

/// The images of a host, largest first.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/images", tag = "hosts",
    params(("host" = String, Path, description = "name of a host")),
    responses((status = 200, body = ImagesReply), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn list_images(
    State(app): State<App>,
    InPath(host): InPath<String>,
) -> ApiResult<Json<ImagesReply>> {
    let host = app.host(&host)?;
    let mut images = host.engine().list_images(&ListImages::default()).await?;
    images.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.id.cmp(&b.id)));
    let snapshot = host.mirror().snapshot();
    let mut used: HashMap<&str, u64> = HashMap::new();
    for container in snapshot.containers() {
        *used.entry(&container.image_id).or_default() += 1;
    }
    let row = |image: longshore_core::ImageSummary| {
        let used_by = used.get(image.id.as_str()).copied().unwrap_or(0);
        convert::image_row(image, used_by)
    };
    Ok(Json(ImagesReply {
        images: images.into_iter().map(row).collect(),
    }))
}

/// The engine of a host, asked now.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/system", tag = "hosts",
    params(("host" = String, Path, description = "name of a host")),
    responses((status = 200, body = SystemInfo), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn system(
    State(app): State<App>,
    InPath(host): InPath<String>,
) -> ApiResult<Json<SystemInfo>> {
    let host = app.host(&host)?;
    let engine = host.engine();
    let (version, info) = tokio::try_join!(engine.version(), engine.info())?;
    // The calls above agreed on one, unless the connection was lost since.
    let api_version = engine.api_version().unwrap_or(ApiVersion::OLDEST);
    let facts = convert::engine_info(&version.version, api_version, &info);
    Ok(Json(convert::system_info(host.name(), facts, &info)))
}
