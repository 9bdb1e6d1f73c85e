//! Removing what nobody uses: networks, volumes, what builds have left, and all kinds at once.

use std::time::Duration;

use longshore_core::ObjectRef;

use crate::call::{Call, HeadLimit};
use crate::error::ErrorKind;
use crate::path::{Filters, PathQuery};
use crate::{ApiVersion, Engine, Error, ListVolumes, wire};

/// What a prune spares. Nothing set prunes all that is unused.
///
/// ```
/// use std::time::Duration;
/// use longshore_engine::PruneFilter;
/// let ours = PruneFilter::default().label("io.longshore.managed=true").older_than(Duration::from_secs(86_400));
/// assert_eq!(ours.labels.len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PruneFilter {
    /// Only what has all of these labels, `key` or `key=value`.
    pub labels: Vec<String>,
    /// Only what has none of these.
    pub without_labels: Vec<String>,
    /// Only what was made longer ago than this, by the engine's clock, in whole seconds. Engines refuse it for volumes.
    pub older_than: Option<Duration>,
}

impl PruneFilter {
    /// Only what has this label too.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.labels.push(label.into());
        self
    }

    /// Only what has not this label.
    #[must_use]
    pub fn without_label(mut self, label: impl Into<String>) -> Self {
        self.without_labels.push(label.into());
        self
    }

    /// Sets [`Self::older_than`].
    #[must_use]
    pub fn older_than(mut self, age: Duration) -> Self {
        self.older_than = Some(age);
        self
    }

    fn has_labels(&self) -> bool {
        !(self.labels.is_empty() && self.without_labels.is_empty())
    }

    fn filters(&self) -> Filters {
        let age = self.older_than.map(|age| format!("{}s", age.as_secs()));
        let all = [
            ("label", self.labels.clone()),
            ("label!", self.without_labels.clone()),
            ("until", age.into_iter().collect()),
        ];
        let set = all.into_iter().filter(|(_, values)| !values.is_empty());
        set.map(|(key, values)| (key.to_owned(), values)).collect()
    }
}

/// Which unused volumes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnusedVolumes {
    /// Those that nobody named.
    Anonymous,
    /// All of them.
    All,
}

/// Which unused images go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnusedImages {
    /// Those that have no name.
    Dangling,
    /// All that no container was made from.
    All,
}

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Pruned {
    /// Ids or names, as the engine tells them.
    pub removed: Vec<String>,
    /// Bytes that this freed; `None` where the engine does not tell.
    pub reclaimed: Option<u64>,
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
    /// Removes networks that no container is on, those of the engine itself aside.
    ///
    /// # Errors
    /// [`Error::is_conflict`] while the engine prunes networks for somebody else.
    pub async fn prune_networks(&self, filter: &PruneFilter) -> Result<Pruned, Error> {
        let path = PathQuery::new("/networks/prune").filters(&filter.filters());
        self.prune("prune networks", path).await
    }

    /// Removes volumes that no container has, running or not.
    ///
    /// What engines do when not told has changed (before API 1.42 all of them, later those without a name), so it is said
    /// here. An engine that cannot tell them apart is asked for a list, and the volumes without a name are removed one by
    /// one; what was freed is then unknown. Engines spare volumes of the local driver that have options.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] with [`PruneFilter::older_than`]; [`Error::is_conflict`] while the engine prunes volumes
    /// for somebody else.
    pub async fn prune_volumes(&self, which: UnusedVolumes, filter: &PruneFilter) -> Result<Pruned, Error> {
        const OP: &str = "prune volumes";
        if filter.older_than.is_some() {
            return Err(Error::new(ErrorKind::BadInput, OP)
                .with_message("engines do not choose volumes by their age"));
        }
        let mut filters = filter.filters();
        let tells_apart = self.client.version().await? >= ApiVersion::ENGINE_23;
        match which {
            UnusedVolumes::All if tells_apart => {
                filters.insert("all".to_owned(), vec!["true".to_owned()]);
            }
            UnusedVolumes::Anonymous if !tells_apart => return self.prune_anonymous(filter).await,
            _ => {}
        }
        self.prune(OP, PathQuery::new("/volumes/prune").filters(&filters))
            .await
    }

    async fn prune_anonymous(&self, filter: &PruneFilter) -> Result<Pruned, Error> {
        let mut list = ListVolumes::default().unused(true);
        for label in &filter.labels {
            list = list.label(label);
        }
        let has = |labels: &std::collections::BTreeMap<String, String>, wanted: &String| match wanted
            .split_once('=')
        {
            Some((key, value)) => labels.get(key).is_some_and(|is| is == value),
            None => labels.contains_key(wanted),
        };
        let mut pruned = Pruned::default();
        for volume in self.list_volumes(&list).await?.volumes {
            let spared = filter
                .without_labels
                .iter()
                .any(|label| has(&volume.labels, label));
            let Ok(name) = ObjectRef::new(&volume.name) else {
                continue;
            };
            if spared || !volume.is_anonymous() || &*volume.driver != "local" || !volume.options.0.is_empty()
            {
                continue;
            }
            match self.remove_volume(&name, false).await {
                Ok(()) => pruned.removed.push(volume.name),
                // Somebody has taken it into use, or removed it.
                Err(error) if error.is_conflict() || error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(pruned)
    }

    /// Removes what builds have left and nobody uses; with `all` also what later builds would use again, but for
    /// `reserved` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] for a filter of labels: the build cache has none.
    pub async fn prune_build_cache(
        &self,
        all: bool,
        reserved: Option<u64>,
        filter: &PruneFilter,
    ) -> Result<Pruned, Error> {
        const OP: &str = "prune the build cache";
        if filter.has_labels() {
            return Err(Error::new(ErrorKind::BadInput, OP).with_message("the build cache has no labels"));
        }
        let key = if self.client.version().await? >= ApiVersion::ENGINE_28 {
            "reserved-space"
        } else {
            "keep-storage"
        };
        let path = PathQuery::new("/build/prune")
            .flag("all", all)
            .query_opt(key, reserved.map(|bytes| bytes.to_string()).as_deref())
            .filters(&filter.filters());
        self.prune(OP, path).await
    }

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
            let path = PathQuery::new("/containers/prune").filters(&filter.filters());
            let result = self.prune("prune containers", path).await;
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
            let mut filters = filter.filters();
            let dangling = which == UnusedImages::Dangling;
            filters.insert("dangling".to_owned(), vec![dangling.to_string()]);
            let path = PathQuery::new("/images/prune").filters(&filters);
            let result = self.prune("prune images", path).await;
            pruned.kinds.push((PrunedKind::Images, result));
        }
        if options.build_cache && !filter.has_labels() {
            let all = options.images == Some(UnusedImages::All);
            let result = self.prune_build_cache(all, None, filter).await;
            pruned.kinds.push((PrunedKind::BuildCache, result));
        }
        Ok(pruned)
    }

    /// The engine answers when it is done, which may take minutes: no time limit but the connection's.
    async fn prune(&self, op: &'static str, path: PathQuery) -> Result<Pruned, Error> {
        let call = Call::post(op, path).head_limit(HeadLimit::None);
        self.json::<wire::prune::Pruned>(&call)
            .await
            .map(wire::prune::Pruned::into_core)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_has_the_engines_words() {
        let filter = PruneFilter::default()
            .label("a=b")
            .without_label("keep")
            .older_than(Duration::from_secs(3_600));
        let json = serde_json::to_string(&filter.filters()).unwrap();
        assert_eq!(json, r#"{"label":["a=b"],"label!":["keep"],"until":["3600s"]}"#);
        assert!(PruneFilter::default().filters().is_empty());
    }
}
