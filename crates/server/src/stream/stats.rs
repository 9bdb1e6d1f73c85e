//! `stats`, `container_stats`, `host_metrics`: one shared sample a container, encoded for each reader. A slow reader skips
//! rounds: each round is whole in itself.

use std::sync::Arc;

use futures_util::{
    StreamExt,
    stream::{self, BoxStream, select_all},
};
use longshore_api::{
    StatsSample,
    stream::{ContainerStatsParams, HostMetricsData, StatsData, StatsParams},
};
use longshore_core::ContainerId;
use longshore_fleet::{Host, runtime::Sample};

use crate::{
    app::{App, now},
    convert, rest,
};

use super::{
    channels::STOPPING,
    outlet::{Outlet, Stop},
};

/// Older samples that a reader may ask for: what the sampler holds.
const MAX_HISTORY: u32 = 900;
/// History of many containers goes out in messages of about so many samples, each when there is room for it.
const CHUNK: usize = 1_000;

type Round = Arc<Vec<(ContainerId, Arc<Sample>)>>;

pub(super) async fn all(app: &App, outlet: &Outlet, params: StatsParams) -> Result<&'static str, Stop> {
    outlet.subscribed().await?;
    let mut rounds = rounds(app);
    if let Some(wanted) = params.history {
        let mut samples = Vec::new();
        for host in app.fleet.hosts() {
            for container in host.mirror().snapshot().containers() {
                samples.extend(history(host, &container.id, wanted));
                if samples.len() >= CHUNK {
                    outlet.data(just(std::mem::take(&mut samples))).await?;
                }
            }
        }
        outlet.data(just(samples)).await?;
    }
    while let Some((host, round)) = rounds.next().await {
        let samples = round
            .iter()
            .map(|(id, sample)| convert::stats_sample(&host, id, sample))
            .collect();
        outlet.data(just(samples)).await?;
    }
    Ok(STOPPING)
}

pub(super) async fn one(
    app: &App,
    outlet: &Outlet,
    params: ContainerStatsParams,
) -> Result<&'static str, Stop> {
    let (host, container) = rest::resolve(app, &params.host, &params.id).await?;
    outlet.subscribed().await?;
    let mut reader = host.sampler().subscribe();
    let id = &container.id;
    let samples = history(&host, id, params.history.unwrap_or(0));
    let mut told = None;
    let mut steps = Vec::new();
    if let Some(wanted) = params.steps {
        let past = host.sampler().steps(id);
        told = past.last().map(|step| step.at);
        let from = past.len().saturating_sub(wanted as usize);
        steps.extend(past.iter().skip(from).map(convert::stats_step));
    }
    if !samples.is_empty() || !steps.is_empty() {
        outlet.data(StatsData { samples, steps }).await?;
    }
    while let Some(round) = reader.next().await {
        if let Some((_, sample)) = round.iter().find(|(of, _)| of == id) {
            let mut data = just(vec![convert::stats_sample(&host, id, sample)]);
            if params.steps.is_some() {
                let all = host.sampler().steps(id);
                // What follows the last one that was told; all, where that is forgotten.
                let new = all.rsplit(|step| Some(step.at) == told).next();
                data.steps = new.into_iter().flatten().map(convert::stats_step).collect();
                told = all.last().map(|step| step.at);
            }
            outlet.data(data).await?;
        } else if host.mirror().is_ready() && host.mirror().get(id).is_none() {
            return Ok("container_removed");
        }
    }
    Ok(STOPPING)
}

pub(super) async fn hosts(app: &App, outlet: &Outlet) -> Result<&'static str, Stop> {
    outlet.subscribed().await?;
    let mut rounds = rounds(app);
    while let Some((host, round)) = rounds.next().await {
        let samples = round.iter().map(|(_, sample)| &**sample);
        outlet
            .data(HostMetricsData {
                hosts: vec![convert::host_metrics(&host, now(), samples)],
            })
            .await?;
    }
    Ok(STOPPING)
}

/// The rounds of every host's sampler.
fn rounds(app: &App) -> impl futures_util::Stream<Item = (Arc<Host>, Round)> + Send + use<> {
    select_all(
        app.fleet
            .hosts()
            .iter()
            .map(|host| -> BoxStream<'static, (Arc<Host>, Round)> {
                let reader = host.sampler().subscribe();
                let host = Arc::clone(host);
                stream::unfold(reader, |mut reader| async move {
                    reader.next().await.map(|round| (round, reader))
                })
                .map(move |round| (Arc::clone(&host), round))
                .boxed()
            }),
    )
}

/// Samples without steps.
fn just(samples: Vec<StatsSample>) -> StatsData {
    StatsData {
        samples,
        steps: Vec::new(),
    }
}

/// The last `wanted` samples of a container, oldest first.
fn history(host: &Host, id: &ContainerId, wanted: u32) -> Vec<StatsSample> {
    let samples = host.sampler().history(id);
    let from = samples.len().saturating_sub(wanted.min(MAX_HISTORY) as usize);
    samples[from..]
        .iter()
        .map(|sample| convert::stats_sample(host, id, sample))
        .collect()
}
