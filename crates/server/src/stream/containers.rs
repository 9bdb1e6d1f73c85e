//! `containers`: everything first, then what changes. A slow reader gets several changes as one, since the mirror's reader
//! folds what it has not handed over yet.

use std::sync::Arc;

use futures_util::{
    StreamExt,
    stream::{self, BoxStream, select_all},
};
use longshore_api::{
    HostRow,
    stream::{ContainerChanges, ContainerKey, ContainersData},
};
use longshore_fleet::{Host, runtime::Update};

use crate::{app::App, convert, rest};

use super::{
    channels::STOPPING,
    outlet::{Outlet, Stop},
};

/// What happened to a host.
enum Change {
    /// To its containers.
    Containers(Update),
    /// To itself.
    State,
}

pub(super) async fn run(app: &App, outlet: &Outlet) -> Result<&'static str, Stop> {
    // Listened to before the first snapshot is taken, so that nothing falls between.
    let mut changes = select_all(app.fleet.hosts().iter().flat_map(follow));
    outlet.subscribed().await?;
    let snapshot = rest::containers_reply(app);
    let mut hosts = snapshot.hosts.clone();
    let mut stale: Vec<bool> = app
        .fleet
        .hosts()
        .iter()
        .map(|host| rest::is_stale(host))
        .collect();
    outlet.data(ContainersData::Snapshot(snapshot)).await?;
    while let Some((host, change)) = changes.next().await {
        if let Change::Containers(update) = change {
            outlet
                .data(ContainersData::Changes(encode(&host, &update)))
                .await?;
        }
        let now: Vec<bool> = app
            .fleet
            .hosts()
            .iter()
            .map(|host| rest::is_stale(host))
            .collect();
        for ((host, was), is) in app.fleet.hosts().iter().zip(&stale).zip(&now) {
            if was != is {
                let upserted = rest::rows(host);
                outlet
                    .data(ContainersData::Changes(ContainerChanges {
                        upserted,
                        removed: vec![],
                    }))
                    .await?;
            }
        }
        stale = now;
        let rows = rest::host_rows(app);
        if !same(&hosts, &rows) {
            hosts.clone_from(&rows);
            outlet.data(ContainersData::Hosts(rows)).await?;
        }
    }
    Ok(STOPPING)
}

fn follow(host: &Arc<Host>) -> [BoxStream<'static, (Arc<Host>, Change)>; 2] {
    let of = Arc::clone(host);
    let containers = stream::unfold(host.mirror().subscribe(), |mut updates| async move {
        updates
            .next()
            .await
            .map(|update| (Change::Containers(update), updates))
    });
    let mut state = host.watch_state();
    state.mark_unchanged();
    let states = stream::unfold(state, |mut state| async move {
        state.changed().await.ok().map(|()| (Change::State, state))
    });
    let also = Arc::clone(host);
    [
        containers.map(move |change| (Arc::clone(&of), change)).boxed(),
        states.map(move |change| (Arc::clone(&also), change)).boxed(),
    ]
}

fn encode(host: &Host, update: &Update) -> ContainerChanges {
    let stale = rest::is_stale(host);
    let key = |id: &longshore_core::ContainerId| ContainerKey {
        host: host.name().to_owned(),
        id: id.to_string(),
    };
    ContainerChanges {
        upserted: update
            .upserted
            .iter()
            .map(|c| convert::container_row(host.name(), c, stale))
            .collect(),
        removed: update.removed.iter().map(key).collect(),
    }
}

/// Whether the rows say the same, apart from when the last event was: that is in the events themselves.
fn same(before: &[HostRow], now: &[HostRow]) -> bool {
    let plain = |row: &HostRow| HostRow {
        last_event_at: None,
        ..row.clone()
    };
    before.len() == now.len() && before.iter().zip(now).all(|(a, b)| plain(a) == plain(b))
}
