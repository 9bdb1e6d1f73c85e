//! From what the fleet knows to what goes over the wire, in one place. Nothing is decided here but who may see what.

mod containers;
mod cursor;
mod deaths;
mod events;
mod hosts;
mod logs;
mod monitor;
mod stats;

pub(crate) use containers::{container_detail, container_row};
pub(crate) use cursor::{FleetCursor, LineKey, MOST_SEEN, Place};
pub(crate) use deaths::{death_entry, death_row};
pub(crate) use events::event_record;
pub(crate) use hosts::{engine_info, host_row, image_row, system_info};
pub(crate) use logs::{log_record, stamp};
pub(crate) use monitor::{monitor_message, monitor_record};
pub(crate) use stats::{host_metrics, stats_sample, stats_step};

/// A time as it goes over the wire.
pub(crate) fn time(at: longshore_core::Timestamp) -> String {
    at.to_string()
}

/// A time of our own clock as it goes over the wire.
pub(crate) fn own_time(at: std::time::SystemTime) -> String {
    time(at.into())
}
