//! The REST calls over the fleet: state from the mirror, commands straight to the engine.

mod containers;
mod deaths;
mod events;
mod hosts;
mod logs;
mod stats;
mod verbs;

pub(crate) use containers::*;
pub(crate) use deaths::*;
pub(crate) use events::*;
pub(crate) use hosts::*;
pub(crate) use logs::*;
pub(crate) use stats::*;
pub(crate) use verbs::*;

use std::sync::Arc;

use longshore_api::{ErrorCode, HostRow};
use longshore_core::{Container, ObjectRef};
use longshore_fleet::{Host, engine::ErrorKind as EngineErrorKind, runtime::FindError};

use crate::{
    app::{Shared, object_ref},
    convert,
    error::{ApiError, ApiResult},
};

/// Every host as a row.
pub(crate) fn host_rows(app: &Shared) -> Vec<HostRow> {
    app.fleet
        .hosts()
        .iter()
        .map(|host| convert::host_row(host, app.started_at))
        .collect()
}

/// Whether what is known of a host may be out of date.
pub(crate) fn is_stale(host: &Host) -> bool {
    !host.state().status.is_live()
}

/// The container that `id` means on `host`: an id, a unique prefix of one, or a name. The mirror answers where it
/// knows; what it does not know (it may be a few milliseconds old) the engine is asked for.
pub(crate) async fn resolve(app: &Shared, host: &str, id: &str) -> ApiResult<(Arc<Host>, Arc<Container>)> {
    let reference = object_ref(id)?;
    let host = app.host(host)?;
    match host.mirror().find(reference.as_str()) {
        Ok(container) => Ok((host, container)),
        Err(error @ FindError::Ambiguous(_)) => Err(ApiError::new(ErrorCode::Ambiguous, error.to_string())),
        Err(FindError::NotFound) => {
            let found = host.engine().inspect_container(&reference).await;
            // The reference is well-formed, so the one thing an engine can find wrong with it is that it fits several.
            let container = found.map_err(|error| match error.kind() {
                EngineErrorKind::BadInput => ApiError::new(ErrorCode::Ambiguous, error.to_string()),
                _ => error.into(),
            })?;
            Ok((host, Arc::new(container)))
        }
    }
}

/// The reference by which the engine is told which container is meant: always the full id.
pub(crate) fn by_id(container: &Container) -> ObjectRef {
    ObjectRef::from(&container.id)
}
