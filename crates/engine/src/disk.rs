//! What an engine's objects take on its disk.

use longshore_core::DiskUsage;

use crate::call::{Call, HeadLimit};
use crate::path::PathQuery;
use crate::{ApiVersion, Engine, Error, wire};

/// Of which kinds of objects the disk usage is asked for.
///
/// ```
/// use longshore_engine::DiskKinds;
/// let volumes = DiskKinds::NONE.volumes();
/// assert!(volumes.volumes && !volumes.images);
/// assert_eq!(DiskKinds::default(), DiskKinds::ALL);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskKinds {
    /// Images.
    pub images: bool,
    /// Containers.
    pub containers: bool,
    /// Volumes.
    pub volumes: bool,
    /// What builds have left.
    pub build_cache: bool,
}

impl DiskKinds {
    /// Every kind.
    pub const ALL: Self = Self {
        images: true,
        containers: true,
        volumes: true,
        build_cache: true,
    };
    /// No kind, to begin from.
    pub const NONE: Self = Self {
        images: false,
        containers: false,
        volumes: false,
        build_cache: false,
    };

    /// Also images.
    #[must_use]
    pub const fn images(self) -> Self {
        Self { images: true, ..self }
    }

    /// Also containers.
    #[must_use]
    pub const fn containers(self) -> Self {
        Self {
            containers: true,
            ..self
        }
    }

    /// Also volumes.
    #[must_use]
    pub const fn volumes(self) -> Self {
        Self {
            volumes: true,
            ..self
        }
    }

    /// Also what builds have left.
    #[must_use]
    pub const fn build_cache(self) -> Self {
        Self {
            build_cache: true,
            ..self
        }
    }

    fn words(self) -> impl Iterator<Item = &'static str> {
        [
            (self.images, "image"),
            (self.containers, "container"),
            (self.volumes, "volume"),
            (self.build_cache, "build-cache"),
        ]
        .into_iter()
        .filter_map(|(asked, word)| asked.then_some(word))
    }
}

impl Default for DiskKinds {
    fn default() -> Self {
        Self::ALL
    }
}

impl Engine {
    /// What the engine's objects take on its disk. The engine walks through volumes and containers for it, which may take
    /// minutes: its answer's head has no time limit of its own, and the call none in all. Wrap it in one where needed.
    ///
    /// Engines before API 1.42 work out every kind, whatever is asked for; what was not asked for is `None` all the same.
    ///
    /// # Errors
    /// As [`Engine::ping`]; [`Error::is_conflict`] where the engine does it for somebody else already (engines before
    /// 23.0 refuse the second).
    pub async fn disk_usage(&self, kinds: DiskKinds) -> Result<DiskUsage, Error> {
        if kinds == DiskKinds::NONE {
            return Ok(DiskUsage::default());
        }
        let mut path = PathQuery::new("/system/df");
        if kinds != DiskKinds::ALL && self.client.version().await? >= ApiVersion::ENGINE_23 {
            for word in kinds.words() {
                path = path.query("type", word);
            }
        }
        let call = Call::get("read the disk usage", path).head_limit(HeadLimit::None);
        let answer = self.client.collect(&call).await?;
        wire::disk::usage(&answer.body, kinds).map_err(|error| call.malformed(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_the_engines_words() {
        assert_eq!(
            DiskKinds::ALL.words().collect::<Vec<_>>(),
            ["image", "container", "volume", "build-cache"]
        );
        assert_eq!(
            DiskKinds::NONE.build_cache().words().collect::<Vec<_>>(),
            ["build-cache"]
        );
    }
}
