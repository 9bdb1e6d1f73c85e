//! How far something has come and how it is doing, asked once. What is watched all the time is the sampler's.

use std::time::Duration;

use longshore_core::{ContainerMetrics, ImageRef, ObjectRef, ResourceStatus, Timestamp, Usage};
use longshore_engine::{Engine, Error, InspectImage};

/// How far an image and a container of it have come. One call, or two.
///
/// # Errors
/// Those of the engine's calls; what is not there is a status and no error.
pub async fn resource_status(
    engine: &Engine,
    image: &ImageRef,
    container: &ObjectRef,
) -> Result<ResourceStatus, Error> {
    match engine.inspect_container(container).await {
        Ok(found) => return Ok(ResourceStatus::of(true, Some(&found.state))),
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error),
    }
    match engine.inspect_image(image, &InspectImage::default()).await {
        Ok(_) => Ok(ResourceStatus::of(true, None)),
        Err(error) if error.is_not_found() => Ok(ResourceStatus::of(false, None)),
        Err(error) => Err(error),
    }
}

/// How a container is doing. What it uses is measured over `span` (1 s is what `docker stats` takes; the shorter, the
/// coarser): two readings of its counters and an inspect. Engines before API 1.41 take 1 to 2 s more for each reading.
///
/// # Errors
/// [`Error::is_not_found`] when there is no such container.
pub async fn metrics(
    engine: &Engine,
    container: &ObjectRef,
    span: Duration,
) -> Result<ContainerMetrics, Error> {
    let before = engine.inspect_container(container).await?;
    if !before.state.has_processes() {
        return Ok(ContainerMetrics::new(
            &before,
            Usage::default(),
            Timestamp::default(),
        ));
    }
    let first = engine.stats_once(container).await?;
    tokio::time::sleep(span).await;
    let second = engine.stats_once(container).await?;
    // What has happened meanwhile counts: a restart, an end.
    let after = engine.inspect_container(container).await?;
    let usage = if after.state.has_processes() && after.started_at == before.started_at {
        second.usage(Some(&first))
    } else {
        Usage::default()
    };
    Ok(ContainerMetrics::new(&after, usage, second.at))
}
