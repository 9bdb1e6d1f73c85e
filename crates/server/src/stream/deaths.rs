//! `deaths`: those that are remembered, then each as it is told, and again when more becomes known of it.

use std::sync::Arc;

use futures_util::{
    StreamExt,
    stream::{self, BoxStream, select_all},
};
use longshore_api::stream::{DeathsData, DeathsParams};
use longshore_core::DeathRecord;
use longshore_fleet::{Host, runtime::deaths::DeathItem};

use crate::{app::App, convert, error::ApiError, rest};

use super::{
    channels::STOPPING,
    outlet::{Outlet, Stop},
};

/// Records of one message: with all at their bounds half a megabyte.
const CHUNK: usize = 20;

pub(super) async fn run(app: &App, outlet: &Outlet, params: DeathsParams) -> Result<&'static str, Stop> {
    let (hosts, container) = match (params.host.as_deref(), params.id.as_deref()) {
        (Some(host), Some(id)) => {
            let (host, id) = rest::meant(app, host, id).await?;
            (vec![host], Some(id))
        }
        (Some(host), None) => (vec![app.host(host)?], None),
        (None, Some(_)) => return Err(ApiError::invalid("id needs host: a name is one host's").into()),
        (None, None) => (app.fleet.hosts().to_vec(), None),
    };
    let failed = params.failed.unwrap_or(false);
    let data = |found: &[(String, Arc<DeathRecord>)]| match params.rows {
        Some(true) => DeathsData::Rows(
            found
                .iter()
                .map(|(host, record)| convert::death_row(host, record))
                .collect(),
        ),
        _ => DeathsData::Deaths(
            found
                .iter()
                .map(|(host, record)| convert::death_entry(host, record))
                .collect(),
        ),
    };
    // Listened to before the past is read, so that nothing falls between.
    let mut told = select_all(hosts.iter().map(follow));
    outlet.subscribed().await?;
    let of = rest::DeathsOf {
        hosts: &hosts,
        container: container.as_ref(),
        failed,
        limit: params.limit,
    };
    let mut past = of.newest(app).await?;
    past.reverse();
    if past.is_empty() {
        outlet.data(data(&[])).await?;
    }
    for chunk in past.chunks(CHUNK) {
        outlet.data(data(chunk)).await?;
    }
    drop(past);
    while let Some((host, item)) = told.next().await {
        match item {
            DeathItem::Died(record) | DeathItem::Amended(record) if of.fits(&record) => {
                outlet.data(data(&[(host, record)])).await?;
            }
            DeathItem::Lagged { missed } => {
                app.metrics.missed.inc_by(missed);
                outlet.data(DeathsData::Lagged(missed)).await?;
            }
            _ => {}
        }
    }
    Ok(STOPPING)
}

fn follow(host: &Arc<Host>) -> BoxStream<'static, (String, DeathItem)> {
    let name = host.name().to_owned();
    stream::unfold(host.deaths().subscribe(), |mut reader| async move {
        reader.next().await.map(|item| (item, reader))
    })
    .map(move |item| (name.clone(), item))
    .boxed()
}
