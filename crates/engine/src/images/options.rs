//! What the calls on images can be told, with their defaults.

use longshore_core::Platform;

use crate::{Credentials, Filters};

macro_rules! filter {
    ($($name:ident),+) => {
        $(impl $name {
            /// Adds a filter, such as `label` and `a=b`.
            #[must_use]
            pub fn filter(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
                self.filters.entry(key.into()).or_default().push(value.into());
                self
            }
        })+
    };
}

filter!(ListImages, SearchImages);

/// Which images to list.
///
/// ```
/// use longshore_engine::ListImages;
/// let dangling = ListImages::default().filter("dangling", "true");
/// assert!(!dangling.all);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListImages {
    /// Also the intermediate layers of classic builds. Default: false.
    pub all: bool,
    /// Also digests, of engines that leave them out otherwise. Default: false.
    pub digests: bool,
    /// Also what each image has for each platform; API 1.47, and only where the engine keeps images in containerd.
    /// Default: false.
    pub manifests: bool,
    /// Only those that fit: `dangling`, `label`, `before`, `since`, `reference`, `until`. Default: no filter.
    pub filters: Filters,
}

/// What to say of one image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InspectImage {
    /// Also what it has for each platform; API 1.48, and only where the engine keeps images in containerd.
    pub manifests: bool,
    /// Of which platform, where it has several; API 1.49. Default: the engine's own.
    pub platform: Option<Platform>,
}

/// How to remove an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemoveImage {
    /// Also when stopped containers use it, and with all its names. Default: false.
    pub force: bool,
    /// Leave the images that it was built on, though they have no name. Default: false.
    pub keep_parents: bool,
}

/// What to search for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchImages {
    /// At most so many, 1 to 100. Default: the engine's, 25.
    pub limit: Option<u8>,
    /// `is-official`, `stars`. Default: no filter.
    pub filters: Filters,
}

/// How to pull.
///
/// ```
/// use longshore_engine::PullImage;
/// let arm = PullImage::default().platform("linux/arm64".parse().unwrap());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct PullImage {
    /// For which platform. Default: the engine's own.
    pub platform: Option<Platform>,
    /// Shown to the image's registry. Default: what the engine's handle has for it
    /// ([`Engine::with_registry_auth`](crate::Engine::with_registry_auth)).
    pub credentials: Option<Credentials>,
}

impl PullImage {
    /// Sets [`Self::platform`].
    #[must_use]
    pub fn platform(mut self, platform: Platform) -> Self {
        self.platform = Some(platform);
        self
    }

    /// Sets [`Self::credentials`].
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }
}

/// How to push.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PushImage {
    /// Only what is for this platform; API 1.46. Default: all that the engine has.
    pub platform: Option<Platform>,
    /// As [`PullImage::credentials`].
    pub credentials: Option<Credentials>,
}

impl PushImage {
    /// Sets [`Self::platform`].
    #[must_use]
    pub fn platform(mut self, platform: Platform) -> Self {
        self.platform = Some(platform);
        self
    }

    /// Sets [`Self::credentials`].
    #[must_use]
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }
}
