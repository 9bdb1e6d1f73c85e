//! The keeper's calls, and what a list says.
//!
//! Owns their time limit and their counting, the one list under way, and the comparison of a list with what we have.
//! Leaves to others when to call and what an answer changes.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Relist;
use super::kind::Kept;
use crate::source::{ObjectSource, SourceError};
use crate::watch::Meters;

/// Why a list was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listing {
    Wanted(Relist),
    Regular,
}

pub(super) type Found<T> = (<T as super::Mirrored>::Id, Result<T, SourceError>);
pub(super) type Listed<T> = Result<Vec<<T as Kept>::Listed>, SourceError>;

pub(super) struct Calls<S> {
    source: Arc<S>,
    limit: Duration,
    /// Inspects in flight, of all kinds together.
    permits: Arc<Semaphore>,
    meters: Arc<Meters>,
}

impl<S> Calls<S> {
    pub(super) fn new(source: Arc<S>, limit: Duration, permits: Arc<Semaphore>, meters: Arc<Meters>) -> Self {
        Self {
            source,
            limit,
            permits,
            meters,
        }
    }

    pub(super) fn inspect<T: Kept>(&self, id: T::Id) -> BoxFuture<'static, Found<T>>
    where
        S: ObjectSource<T>,
    {
        self.meters.inspects.count();
        let (source, limit) = (Arc::clone(&self.source), self.limit);
        let permits = Arc::clone(&self.permits);
        async move {
            // Never closed; waiting for a turn is no part of the limit.
            let _turn = permits.acquire().await;
            let found = timeout(limit, source.inspect(&id)).await;
            let found =
                found.unwrap_or_else(|_| Err(SourceError::new("the engine does not answer an inspect")));
            (id, found)
        }
        .boxed()
    }

    pub(super) fn list<T: Kept>(&self) -> BoxFuture<'static, Listed<T>>
    where
        S: ObjectSource<T>,
    {
        self.meters.lists.count();
        let (source, limit) = (Arc::clone(&self.source), self.limit);
        async move {
            let listed = timeout(limit, source.list()).await;
            listed.unwrap_or_else(|_| Err(SourceError::new("the engine does not answer a list")))
        }
        .boxed()
    }
}

/// The list under way, if there is one.
pub(super) struct PendingList<T: Kept>(Option<(Listing, BoxFuture<'static, Listed<T>>)>);

impl<T: Kept> Default for PendingList<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Kept> PendingList<T> {
    pub(super) fn is_pending(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn begin(&mut self, why: Listing, call: BoxFuture<'static, Listed<T>>) {
        self.0 = Some((why, call));
    }

    /// Its answer; never, while there is none under way. Cancel safe.
    pub(super) async fn answer(&mut self) -> (Listing, Listed<T>) {
        let Some((why, call)) = &mut self.0 else {
            return std::future::pending().await;
        };
        let answer = (*why, call.await);
        self.0 = None;
        answer
    }
}

/// Ids of which a list says something else than what we have, or of which only one of the two knows.
pub(super) fn unlike<T: Kept>(listed: &[T::Listed], objects: &BTreeMap<T::Id, Arc<T>>) -> Vec<T::Id> {
    let named: HashSet<&T::Id> = listed.iter().map(T::listed_id).collect();
    let differs = |one: &&T::Listed| {
        objects
            .get(T::listed_id(one))
            .is_none_or(|object| object.differs(one))
    };
    let unlike = listed.iter().filter(differs).map(T::listed_id);
    let gone = objects.keys().filter(|id| !named.contains(id));
    unlike.chain(gone).cloned().collect()
}
