//! What an engine's objects take on its disk, and what of that could be had back.

use crate::{ContainerId, ContainerState, Timestamp, Volume};

/// Disk usage by kind of object; `None` is what was not asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DiskUsage {
    /// Bytes of all layers of images, those that several share counted once.
    pub layers_size: Option<u64>,
    /// Images.
    pub images: Option<Vec<ImageUsage>>,
    /// Containers.
    pub containers: Option<Vec<ContainerUsage>>,
    /// Volumes, each with its usage. Engines leave out those of the local driver that have options.
    pub volumes: Option<Vec<Volume>>,
    /// What builds have left.
    pub build_cache: Option<Vec<BuildCacheRecord>>,
}

/// What an image takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUsage {
    /// Its id, with the algorithm.
    pub id: String,
    /// Names with tags.
    pub tags: Vec<String>,
    /// Bytes of its layers.
    pub size: u64,
    /// Bytes of those that other images have too; `None` where the engine does not tell.
    pub shared: Option<u64>,
    /// Containers made from it; `None` where the engine does not tell.
    pub containers: Option<u64>,
}

/// What a container takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerUsage {
    /// Its id.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: ContainerState,
    /// Bytes that it has written over its image. Not what is in volumes or logs.
    pub written: u64,
}

/// A step that a build has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildCacheRecord {
    /// Its id.
    pub id: String,
    /// Its kind, such as `regular` or `source.local`.
    pub kind: Box<str>,
    /// What made it.
    pub description: String,
    /// Whether a build uses it now.
    pub in_use: bool,
    /// Whether an image has its layers too, so that removing it frees nothing.
    pub shared: bool,
    /// Bytes.
    pub size: u64,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// When a build last used it.
    pub last_used: Option<Timestamp>,
    /// How often builds used it.
    pub uses: u64,
}

/// The sum of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KindUsage {
    /// How many there are.
    pub count: u64,
    /// How many of them are in use.
    pub active: u64,
    /// Bytes.
    pub size: u64,
    /// Bytes that a prune of all that is not in use would free, as `docker system df` counts.
    pub reclaimable: u64,
}

fn count<T>(all: &[T], pass: impl Fn(&T) -> bool) -> u64 {
    all.iter().filter(|one| pass(one)).count() as u64
}

fn sum<T>(all: &[T], pass: impl Fn(&T) -> bool, size: impl Fn(&T) -> u64) -> u64 {
    all.iter()
        .filter(|one| pass(one))
        .fold(0, |sum: u64, one| sum.saturating_add(size(one)))
}

impl DiskUsage {
    /// Images: those of which a container was made are in use.
    pub fn images_sum(&self) -> Option<KindUsage> {
        let all = self.images.as_deref()?;
        let used = |image: &ImageUsage| image.containers.is_some_and(|containers| containers > 0);
        // What an image in use has for itself stays; shared layers are counted as if they could go, as Docker does.
        let kept = sum(all, used, |image| match image.shared {
            Some(shared) => image.size.saturating_sub(shared),
            None => 0,
        });
        let size = self
            .layers_size
            .unwrap_or_else(|| sum(all, |_| true, |image| image.size));
        Some(KindUsage {
            count: all.len() as u64,
            active: count(all, used),
            size,
            reclaimable: size.saturating_sub(kept),
        })
    }

    /// Containers: those that run, are paused or are about to start again are in use.
    pub fn containers_sum(&self) -> Option<KindUsage> {
        let all = self.containers.as_deref()?;
        let used =
            |one: &ContainerUsage| one.state.has_processes() || one.state == ContainerState::Restarting;
        Some(KindUsage {
            count: all.len() as u64,
            active: count(all, used),
            size: sum(all, |_| true, |one| one.written),
            reclaimable: sum(all, |one| !used(one), |one| one.written),
        })
    }

    /// Volumes: those that a container has mounted, running or not, are in use.
    pub fn volumes_sum(&self) -> Option<KindUsage> {
        let all = self.volumes.as_deref()?;
        let usage = |one: &Volume| one.usage.unwrap_or_default();
        let size = |one: &Volume| usage(one).size.unwrap_or(0);
        Some(KindUsage {
            count: all.len() as u64,
            active: count(all, |one| usage(one).containers.is_some_and(|count| count > 0)),
            size: sum(all, |_| true, size),
            reclaimable: sum(all, |one| usage(one).containers == Some(0), size),
        })
    }

    /// The build cache: what an image shares takes nothing.
    pub fn build_cache_sum(&self) -> Option<KindUsage> {
        let all = self.build_cache.as_deref()?;
        Some(KindUsage {
            count: all.len() as u64,
            active: count(all, |one| one.in_use),
            size: sum(all, |one| !one.shared, |one| one.size),
            reclaimable: sum(all, |one| !one.shared && !one.in_use, |one| one.size),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_asked_for_has_no_sum() {
        let none = DiskUsage::default();
        assert_eq!((none.images_sum(), none.containers_sum()), (None, None));
        assert_eq!((none.volumes_sum(), none.build_cache_sum()), (None, None));
    }

    #[test]
    fn sums_are_those_of_docker() {
        let image = |size, shared, containers| ImageUsage {
            id: String::new(),
            tags: Vec::new(),
            size,
            shared,
            containers,
        };
        let container = |state: &str, written| ContainerUsage {
            id: ContainerId::new("a").unwrap(),
            name: String::new(),
            state: state.into(),
            written,
        };
        let cache = |size, shared, in_use| BuildCacheRecord {
            id: String::new(),
            kind: "regular".into(),
            description: String::new(),
            in_use,
            shared,
            size,
            created: None,
            last_used: None,
            uses: 1,
        };
        let usage = DiskUsage {
            layers_size: Some(150),
            images: Some(vec![image(100, Some(50), Some(1)), image(100, Some(50), Some(0))]),
            containers: Some(vec![
                container("running", 7),
                container("exited", 5),
                container("restarting", 1),
            ]),
            volumes: None,
            build_cache: Some(vec![
                cache(10, true, false),
                cache(20, false, true),
                cache(30, false, false),
            ]),
        };
        let of = |sum: Option<KindUsage>| sum.map(|sum| (sum.count, sum.active, sum.size, sum.reclaimable));
        assert_eq!(of(usage.images_sum()), Some((2, 1, 150, 100)));
        assert_eq!(of(usage.containers_sum()), Some((3, 2, 13, 5)));
        assert_eq!(of(usage.build_cache_sum()), Some((3, 1, 50, 30)));
    }
}
