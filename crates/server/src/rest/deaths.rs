//! How containers ended: of one, also when it is gone, and the newest of all.

use std::collections::{HashMap, hash_map::Entry};
use std::sync::Arc;

use axum::extract::State;
use longshore_api::{ContainerDeathsReply, DeathsReply, ErrorBody, ErrorCode};
use longshore_core::{ContainerId, DeathRecord};
use longshore_fleet::Host;
use longshore_fleet::runtime::FindError;
use longshore_store::{DEATHS_AT_ONCE, DEATHS_PER_CONTAINER, DeathQuery};
use serde::Deserialize;

use crate::{
    app::{App, Shared, object_ref},
    convert,
    error::{ApiError, ApiResult},
    reply::{InPath, InQuery, Json},
};

use super::resolve;

/// Records in one answer unless told otherwise.
const LIMIT: u32 = 50;

/// Parameters of the list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeathsParams {
    /// Only of this host.
    host: Option<String>,
    /// Only those that failed.
    failed: Option<bool>,
    /// What came as `next`: what is older.
    after: Option<String>,
    /// At most so many, 50 when not given and never more than 200.
    limit: Option<u32>,
}

/// The newest ends of containers, newest first, without their last words.
#[utoipa::path(get, path = "/api/v1/deaths", tag = "deaths", params(DeathsParams),
    responses((status = 200, body = DeathsReply), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn list_deaths(
    State(app): State<App>,
    InQuery(params): InQuery<DeathsParams>,
) -> ApiResult<Json<DeathsReply>> {
    if let Some(host) = &params.host {
        app.host(host)?;
    }
    let after = params.after.as_deref().map(str::parse).transpose().map_err(|_| {
        ApiError::invalid("after is no place in the list: give back what came as next, unchanged")
    })?;
    let limit = params.limit.unwrap_or(LIMIT).min(DEATHS_AT_ONCE);
    let query = DeathQuery {
        host: params.host.as_deref(),
        container: None,
        failed: params.failed.unwrap_or(false),
        after,
        limit,
    };
    let found = app.store.deaths(query).await?;
    let is_full = found.len() as u64 == u64::from(limit);
    let next = found
        .last()
        .filter(|_| is_full)
        .map(|last| last.place.to_string());
    Ok(Json(DeathsReply {
        deaths: found
            .iter()
            .map(|one| convert::death_row(&one.host, &one.record))
            .collect(),
        next,
    }))
}

/// How a container ended, each time that is remembered, with its last words. Also of one that was removed: by its id, a
/// unique prefix of it, or the name that it had last.
#[utoipa::path(get, path = "/api/v1/hosts/{host}/containers/{id}/deaths", tag = "deaths",
    params(("host" = String, Path, description = "name of a host"),
           ("id" = String, Path, description = "id, unique prefix of one, or name")),
    responses((status = 200, body = ContainerDeathsReply), (status = 400, body = ErrorBody),
              (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(crate) async fn container_deaths(
    State(app): State<App>,
    InPath((host, id)): InPath<(String, String)>,
) -> ApiResult<Json<ContainerDeathsReply>> {
    let (host, container) = meant(&app, &host, &id).await?;
    let of = DeathsOf {
        hosts: std::slice::from_ref(&host),
        container: Some(&container),
        failed: false,
        limit: None,
    };
    let records = of.newest(&app).await?;
    Ok(Json(ContainerDeathsReply {
        container: container.to_string(),
        deaths: records
            .iter()
            .map(|(host, record)| convert::death_entry(host, record))
            .collect(),
    }))
}

/// Which records are meant.
pub(crate) struct DeathsOf<'a> {
    pub(crate) hosts: &'a [Arc<Host>],
    pub(crate) container: Option<&'a ContainerId>,
    pub(crate) failed: bool,
    /// At most so many; see the API.
    pub(crate) limit: Option<u32>,
}

impl DeathsOf<'_> {
    /// Whether a record of one of the hosts is among them.
    pub(crate) fn fits(&self, record: &DeathRecord) -> bool {
        self.container.is_none_or(|id| record.container == *id) && (!self.failed || record.is_failure())
    }

    /// With the names of their hosts, newest first: what is kept, and what could not be written yet.
    pub(crate) async fn newest(&self, app: &Shared) -> ApiResult<Vec<(String, Arc<DeathRecord>)>> {
        let most = self.container.map_or(DEATHS_AT_ONCE, |_| DEATHS_PER_CONTAINER);
        let limit = self.limit.unwrap_or(LIMIT).min(most);
        let mut found = Vec::new();
        for host in self.hosts {
            // Taken first: what is not in memory any more is in the store.
            let held = match self.container {
                Some(id) => host.deaths().of(id),
                None => host.deaths().newest(usize::MAX),
            };
            let stored = app.store.deaths(DeathQuery {
                host: Some(host.name()),
                container: self.container,
                failed: self.failed,
                after: None,
                limit,
            });
            let mut records: HashMap<_, DeathRecord> = stored
                .await?
                .into_iter()
                .map(|one| ((one.record.container.clone(), one.record.ended), one.record))
                .collect();
            for record in held
                .into_iter()
                .filter(|record| self.fits(record))
                .take(limit as usize)
            {
                match records.entry((record.container.clone(), record.ended)) {
                    Entry::Occupied(mut kept) => {
                        // The newer of the two, with what only the other knows, as the store will have it.
                        let kept = kept.get_mut();
                        let kept_before = std::mem::replace(kept, DeathRecord::clone(&record));
                        kept.complete(kept_before);
                    }
                    Entry::Vacant(place) => {
                        place.insert(DeathRecord::clone(&record));
                    }
                }
            }
            let name = host.name();
            found.extend(
                records
                    .into_values()
                    .map(|record| (name.to_owned(), Arc::new(record))),
            );
        }
        found.sort_by(|(_, a), (_, b)| b.ended.cmp(&a.ended).then_with(|| a.container.cmp(&b.container)));
        found.truncate(limit as usize);
        Ok(found)
    }
}

/// The container that `id` means: one that is there before one that was.
pub(crate) async fn meant(app: &Shared, host: &str, id: &str) -> ApiResult<(Arc<Host>, ContainerId)> {
    let reference = object_ref(id)?;
    let known = app.host(host)?;
    match known.mirror().find(reference.as_str()) {
        Ok(container) => return Ok((known, container.id.clone())),
        Err(error @ FindError::Ambiguous(_)) => {
            return Err(ApiError::new(ErrorCode::Ambiguous, error.to_string()));
        }
        Err(FindError::NotFound) => {}
    }
    let mut found = app.store.find_dead(known.name(), reference.as_str()).await?;
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok((known, one)),
        (Some(_), false) => Err(ApiError::new(
            ErrorCode::Ambiguous,
            "several containers that ended have an id that begins so; give more of it",
        )),
        (None, _) => {
            let (host, container) = resolve(app, host, id).await?;
            Ok((host, container.id.clone()))
        }
    }
}
