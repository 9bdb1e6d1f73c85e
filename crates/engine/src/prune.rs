//! Removing what nobody uses: containers, networks, volumes, images, what builds have left. All kinds at once are
//! `system_prune`'s.

use std::time::Duration;

use longshore_core::{ObjectRef, Volume};

use crate::call::{Call, HeadLimit};
use crate::error::ErrorKind;
use crate::path::{Filters, PathQuery};
use crate::{ApiVersion, Engine, Error, ListVolumes, UnusedImages, wire};

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

    pub(crate) fn has_labels(&self) -> bool {
        !(self.labels.is_empty() && self.without_labels.is_empty())
    }

    pub(crate) fn filters(&self) -> Filters {
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

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Pruned {
    /// Ids or names, as the engine tells them.
    pub removed: Vec<String>,
    /// Bytes that this freed; `None` where the engine does not tell.
    pub reclaimed: Option<u64>,
}

impl Engine {
    /// Removes containers that do not run, also those that never ran.
    ///
    /// # Errors
    /// [`Error::is_conflict`] while the engine prunes containers for somebody else.
    pub async fn prune_containers(&self, filter: &PruneFilter) -> Result<Pruned, Error> {
        let path = PathQuery::new("/containers/prune").filters(&filter.filters());
        self.prune("prune containers", path).await
    }

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
    /// here. An engine that cannot tell them apart is asked for a list, and the volumes are removed one by one; so they
    /// are for a filter of more than one label, of which Podman would take what has any. What was freed is then unknown.
    /// Volumes that have options are spared, as Docker does.
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
        let simple = filter.labels.len() <= 1 && filter.without_labels.is_empty();
        match which {
            UnusedVolumes::All if tells_apart => {
                filters.insert("all".to_owned(), vec!["true".to_owned()]);
            }
            UnusedVolumes::Anonymous if tells_apart => {}
            UnusedVolumes::All if simple => {}
            _ => return self.prune_one_by_one(which, filter).await,
        }
        self.prune(OP, PathQuery::new("/volumes/prune").filters(&filters))
            .await
    }

    async fn prune_one_by_one(&self, which: UnusedVolumes, filter: &PruneFilter) -> Result<Pruned, Error> {
        let list = ListVolumes::default().unused(true);
        let mut pruned = Pruned::default();
        for volume in self.list_volumes(&list).await?.volumes {
            let Ok(name) = ObjectRef::new(&volume.name) else {
                continue;
            };
            if !is_prunable(&volume, which, filter) {
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

    /// Removes images that no container was made from: those without a name, or all.
    ///
    /// # Errors
    /// [`Error::is_conflict`] while the engine prunes images for somebody else.
    pub async fn prune_images(&self, which: UnusedImages, filter: &PruneFilter) -> Result<Pruned, Error> {
        let mut filters = filter.filters();
        let dangling = which == UnusedImages::Dangling;
        filters.insert("dangling".to_owned(), vec![dangling.to_string()]);
        let path = PathQuery::new("/images/prune").filters(&filters);
        self.prune("prune images", path).await
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

    /// The engine answers when it is done, which may take minutes: no time limit but the connection's.
    pub(crate) async fn prune(&self, op: &'static str, path: PathQuery) -> Result<Pruned, Error> {
        let call = Call::post(op, path).head_limit(HeadLimit::None);
        self.json::<wire::prune::Pruned>(&call)
            .await
            .map(wire::prune::Pruned::into_core)
    }
}

/// Whether an unused volume is of the kind that is wanted, and passes the filter.
fn is_prunable(volume: &Volume, which: UnusedVolumes, filter: &PruneFilter) -> bool {
    let has = |wanted: &String| match wanted.split_once('=') {
        Some((key, value)) => volume.labels.get(key).is_some_and(|is| is == value),
        None => volume.labels.contains_key(wanted),
    };
    (which == UnusedVolumes::All || volume.is_anonymous())
        && &*volume.driver == "local"
        && volume.options.0.is_empty()
        && filter.labels.iter().all(has)
        && !filter.without_labels.iter().any(has)
}

#[cfg(test)]
mod tests {
    use super::UnusedVolumes::Anonymous;
    use super::*;

    #[test]
    fn only_a_volume_that_is_wanted_and_passes_the_filter_goes() {
        let volume = |name: &str, labels: &[&str]| Volume {
            name: name.to_owned(),
            driver: "local".into(),
            mountpoint: String::new(),
            created: None,
            scope: longshore_core::Scope::Local,
            options: longshore_core::DriverOptions::default(),
            labels: labels
                .iter()
                .map(|key| ((*key).to_owned(), "x".to_owned()))
                .collect(),
            usage: None,
        };
        let nameless = "a".repeat(64);
        let filter = PruneFilter::default().label("ours=x").without_label("keep");
        assert!(is_prunable(&volume(&nameless, &["ours"]), Anonymous, &filter));
        assert!(is_prunable(
            &volume("data", &["ours"]),
            UnusedVolumes::All,
            &filter
        ));
        assert!(!is_prunable(&volume("data", &[]), UnusedVolumes::All, &filter));
        assert!(!is_prunable(&volume("data", &["ours"]), Anonymous, &filter));
        assert!(!is_prunable(&volume(&nameless, &[]), Anonymous, &filter));
        assert!(!is_prunable(
            &volume(&nameless, &["ours", "keep"]),
            Anonymous,
            &filter
        ));
        let mut mounted = volume(&nameless, &["ours"]);
        mounted.options.0.insert("o".to_owned(), "addr=nas".to_owned());
        assert!(!is_prunable(&mounted, Anonymous, &filter));
    }

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
