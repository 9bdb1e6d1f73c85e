//! From a channel's name to what runs it.

use longshore_api::Channel;

use crate::app::App;

use super::{
    containers, deaths, events, logs,
    outlet::{Outlet, Stop},
    stats,
};

/// Runs a subscription until it ends; says why it ended.
pub(super) async fn run(app: &App, outlet: &Outlet, channel: Channel) -> Result<&'static str, Stop> {
    match channel {
        Channel::Containers {} => containers::run(app, outlet).await,
        Channel::Events(params) => events::run(app, outlet, params).await,
        Channel::Stats(params) => stats::all(app, outlet, params).await,
        Channel::ContainerStats(params) => stats::one(app, outlet, params).await,
        Channel::HostMetrics {} => stats::hosts(app, outlet).await,
        Channel::Logs(params) => logs::run(app, outlet, params).await,
        Channel::Deaths(params) => deaths::run(app, outlet, params).await,
    }
}

/// Why a subscription ends when what it follows is no longer watched.
pub(super) const STOPPING: &str = "server_stopping";
