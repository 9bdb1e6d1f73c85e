//! Who listens.

use std::future::{Future, ready};

use futures_util::future::{BoxFuture, FutureExt};

use crate::FollowItem;

/// Takes what an [`EventMonitor`](super::EventMonitor) tells, one after the other. It may take its time: it then loses
/// the oldest, and is told how many.
///
/// Any closure over `&FollowItem` is one; who has to wait implements it:
/// ```
/// use longshore_runtime::{EventSink, FollowItem};
///
/// struct Queue(tokio::sync::mpsc::Sender<FollowItem>);
///
/// impl EventSink for Queue {
///     async fn deliver(&self, item: &FollowItem) {
///         // Nobody left to read: nothing to do.
///         let _ = self.0.send(item.clone()).await;
///     }
/// }
/// ```
pub trait EventSink: Send + Sync + 'static {
    /// Takes the next. Dropped half-way when the monitor is stopped.
    fn deliver(&self, item: &FollowItem) -> impl Future<Output = ()> + Send;
}

impl<F: Fn(&FollowItem) + Send + Sync + 'static> EventSink for F {
    fn deliver(&self, item: &FollowItem) -> impl Future<Output = ()> + Send {
        self(item);
        ready(())
    }
}

/// The same for sinks of different types.
pub(super) trait AnySink: Send + Sync {
    fn deliver<'a>(&'a self, item: &'a FollowItem) -> BoxFuture<'a, ()>;
}

impl<S: EventSink> AnySink for S {
    fn deliver<'a>(&'a self, item: &'a FollowItem) -> BoxFuture<'a, ()> {
        EventSink::deliver(self, item).boxed()
    }
}
