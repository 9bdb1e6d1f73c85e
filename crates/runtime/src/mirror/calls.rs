//! The keeper's calls, and what a list says.
//!
//! Owns their time limit and their counting, the one list under way, and the comparison of a list with what we have.
//! Leaves to others when to call and what an answer changes.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt};
use longshore_core::{Container, ContainerId, ContainerSummary};
use tokio::time::timeout;

use super::Relist;
use crate::source::{ContainerSource, SourceError};
use crate::watch::Meters;

/// Why a list was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listing {
    Wanted(Relist),
    Regular,
}

pub(super) type Found = (ContainerId, Result<Container, SourceError>);
pub(super) type Listed = Result<Vec<ContainerSummary>, SourceError>;

pub(super) struct Calls<S> {
    source: Arc<S>,
    limit: Duration,
    meters: Arc<Meters>,
}

impl<S: ContainerSource> Calls<S> {
    pub(super) fn new(source: Arc<S>, limit: Duration, meters: Arc<Meters>) -> Self {
        Self {
            source,
            limit,
            meters,
        }
    }

    pub(super) fn inspect(&self, id: ContainerId) -> BoxFuture<'static, Found> {
        self.meters.inspects.count();
        let (source, limit) = (Arc::clone(&self.source), self.limit);
        async move {
            let found = timeout(limit, source.inspect(&id)).await;
            let found =
                found.unwrap_or_else(|_| Err(SourceError::new("the engine does not answer an inspect")));
            (id, found)
        }
        .boxed()
    }

    pub(super) fn list(&self) -> BoxFuture<'static, Listed> {
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
#[derive(Default)]
pub(super) struct PendingList(Option<(Listing, BoxFuture<'static, Listed>)>);

impl PendingList {
    pub(super) fn is_pending(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn begin(&mut self, why: Listing, call: BoxFuture<'static, Listed>) {
        self.0 = Some((why, call));
    }

    /// Its answer; never, while there is none under way. Cancel safe.
    pub(super) async fn answer(&mut self) -> (Listing, Listed) {
        let Some((why, call)) = &mut self.0 else {
            return std::future::pending().await;
        };
        let answer = (*why, call.await);
        self.0 = None;
        answer
    }
}

/// Ids of which a list says something else than what we have, or of which only one of the two knows.
pub(super) fn unlike(
    listed: &[ContainerSummary],
    containers: &BTreeMap<ContainerId, Arc<Container>>,
) -> Vec<ContainerId> {
    let named: HashSet<&ContainerId> = listed.iter().map(|summary| &summary.id).collect();
    let differs = |summary: &ContainerSummary, container: &Container| {
        summary.state != container.state || summary.name != container.name
    };
    let unlike = listed
        .iter()
        .filter(|summary| {
            containers
                .get(&summary.id)
                .is_none_or(|container| differs(summary, container))
        })
        .map(|summary| &summary.id);
    let gone = containers.keys().filter(|id| !named.contains(id));
    unlike.chain(gone).cloned().collect()
}
