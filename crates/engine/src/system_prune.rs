//! Removing what nobody uses, of all kinds at once.

use crate::error::ErrorKind;
use crate::{Engine, Error, PruneFilter, Pruned, UnusedVolumes};

/// Which unused images go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnusedImages {
    /// Those that have no name.
    Dangling,
    /// All that no container was made from.
    All,
}

/// A kind of object that is pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PrunedKind {
    /// Containers that do not run.
    Containers,
    /// Networks that no container is on.
    Networks,
    /// Volumes that no container has.
    Volumes,
    /// Images that no container was made from.
    Images,
    /// What builds have left.
    BuildCache,
}

/// What a prune of everything takes. The default is that of `docker system prune`: containers, networks, images
/// without a name, and what builds have left; no volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemPrune {
    /// Containers that do not run. Default: true.
    pub containers: bool,
    /// Networks that no container is on. Default: true.
    pub networks: bool,
    /// Unused volumes. Default: none.
    pub volumes: Option<UnusedVolumes>,
    /// Unused images. Default: those without a name.
    pub images: Option<UnusedImages>,
    /// What builds have left. Default: true; it bears no labels, so it is left alone when the filter asks for some.
    pub build_cache: bool,
    /// What is spared, of every kind.
    pub filter: PruneFilter,
}

impl Default for SystemPrune {
    fn default() -> Self {
        Self {
            containers: true,
            networks: true,
            volumes: None,
            images: Some(UnusedImages::Dangling),
            build_cache: true,
            filter: PruneFilter::default(),
        }
    }
}

/// What became of a prune of everything, kind by kind in the order in which they were pruned.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SystemPruned {
    /// One entry a kind that was asked for: what was removed, or why it was not.
    pub kinds: Vec<(PrunedKind, Result<Pruned, Error>)>,
}

impl SystemPruned {
    /// Bytes that were freed, as far as the engine tells.
    #[must_use]
    pub fn reclaimed(&self) -> u64 {
        let done = self.kinds.iter().filter_map(|(_, result)| result.as_ref().ok());
        done.filter_map(|pruned| pruned.reclaimed)
            .fold(0, u64::saturating_add)
    }

    /// What was removed of a kind; `None` when it was not asked for, or failed.
    #[must_use]
    pub fn of(&self, kind: PrunedKind) -> Option<&Pruned> {
        let found = self.kinds.iter().find(|(one, _)| *one == kind)?;
        found.1.as_ref().ok()
    }
}

impl Engine {
    /// Removes what nobody uses, of every kind that is asked for: containers first, so that what only they used goes too.
    /// A kind that fails does not stop the others.
    ///
    /// Dropping the future leaves the rest alone; what the engine has begun it finishes.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`], before anything is removed, for volumes together with [`PruneFilter::older_than`].
    pub async fn system_prune(&self, options: &SystemPrune) -> Result<SystemPruned, Error> {
        let filter = &options.filter;
        if options.volumes.is_some() && filter.older_than.is_some() {
            return Err(Error::new(ErrorKind::BadInput, "prune everything")
                .with_message("engines do not choose volumes by their age")
                .with_hint("prune volumes by themselves, without an age"));
        }
        let mut pruned = SystemPruned::default();
        if options.containers {
            let result = self.prune_containers(filter).await;
            pruned.kinds.push((PrunedKind::Containers, result));
        }
        if options.networks {
            let result = self.prune_networks(filter).await;
            pruned.kinds.push((PrunedKind::Networks, result));
        }
        if let Some(which) = options.volumes {
            let result = self.prune_volumes(which, filter).await;
            pruned.kinds.push((PrunedKind::Volumes, result));
        }
        if let Some(which) = options.images {
            let result = self.prune_images(which, filter).await;
            pruned.kinds.push((PrunedKind::Images, result));
        }
        if options.build_cache && !filter.has_labels() {
            let all = options.images == Some(UnusedImages::All);
            let result = self.prune_build_cache(all, None, filter).await;
            pruned.kinds.push((PrunedKind::BuildCache, result));
        }
        Ok(pruned)
    }
}
