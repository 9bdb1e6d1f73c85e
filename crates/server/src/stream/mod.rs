//! Everything live, over one WebSocket: the upgrade, the connection, and the channels.
//!
//! The channels only encode: what they carry is kept, folded and counted by the fleet. Each connection owns its
//! subscriptions and a bounded queue; a slow reader waits for itself and holds up nobody.

mod channels;
mod connection;
mod containers;
mod deaths;
mod events;
mod logs;
mod outlet;
pub(crate) mod socket;
mod stats;
mod subscriptions;
mod upgrade;

#[cfg(test)]
pub(crate) use upgrade::__path_open;
pub(crate) use upgrade::{is_upgrade, open, upgrade};
