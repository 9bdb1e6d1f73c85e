//! What is kept of events, and how a reader goes on from there.

use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt};
use longshore_fleet::{
    Host,
    runtime::{Cursor, FollowItem},
};

use crate::app::App;

/// How far a subscriber may fall behind before it is told what it missed.
const CAPACITY: usize = 4_096;

/// What happened on a host after `from`, or without it happens from now on.
pub(crate) fn follow(_app: &App, host: &Arc<Host>, from: Option<Cursor>) -> BoxStream<'static, FollowItem> {
    host.feed().follow(CAPACITY, from).into_stream().boxed()
}
