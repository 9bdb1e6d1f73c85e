//! Images that an engine has: list, inspect, history, tag, remove, search.
//!
//! How they come and go stands in `transfer` (registries) and `archive` (tars), how they are made in `build`; unused ones are
//! `prune`'s.

mod archive;
mod options;
mod transfer;

use http::HeaderName;
use longshore_core::{Image, ImageHistory, ImageName, ImageRef, ImageSummary, Platform, RemovedImage};

use crate::call::Call;
use crate::error::ErrorKind;
use crate::path::PathQuery;
use crate::{ApiVersion, Engine, Error, registry, wire};

pub use archive::{ImportImage, LoadImages, Loaded};
pub use options::{InspectImage, ListImages, PullImage, PushImage, RemoveImage, SearchImages};
pub use transfer::{Transfer, TransferEvent, Transferred};

/// One answer of a search on Docker Hub.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundImage {
    /// The repository.
    pub name: String,
    /// What its owner says of it.
    pub description: String,
    /// How many people like it.
    pub stars: u64,
    /// Whether it is one of Docker's own.
    pub official: bool,
}

const AUTH: HeaderName = HeaderName::from_static("x-registry-auth");

impl Engine {
    /// The images there are. An entry that cannot be read is left out and logged, never the whole list.
    ///
    /// # Errors
    /// As [`Engine::ping`]; [`ErrorKind::BadInput`] for a filter that the engine does not take;
    /// [`ErrorKind::Version`] for manifests below API 1.47.
    pub async fn list_images(&self, options: &ListImages) -> Result<Vec<ImageSummary>, Error> {
        let path = PathQuery::new("/images/json")
            .flag("all", options.all)
            .flag("digests", options.digests)
            .flag("manifests", options.manifests)
            .filters(&options.filters);
        let call = Call::get("list images", path);
        if options.manifests {
            self.client
                .needs(&call, ApiVersion::new(1, 47), "a list with manifests")
                .await?;
        }
        let answer = self.client.collect(&call).await?;
        wire::list::images(&answer.body).map_err(|error| call.malformed(error))
    }

    /// All about one image.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is none, also none for the platform; [`ErrorKind::Version`] for manifests
    /// below API 1.48 and for a platform below 1.49.
    pub async fn inspect_image(&self, image: &ImageRef, options: &InspectImage) -> Result<Image, Error> {
        let platform = options.platform.as_ref().map(platform_json);
        let path = PathQuery::image(image, "json")
            .flag("manifests", options.manifests)
            .query_opt("platform", platform.as_deref());
        let call = Call::get("inspect the image", path).on(image.as_str());
        if options.manifests {
            self.client
                .needs(&call, ApiVersion::new(1, 48), "an inspection with manifests")
                .await?;
        }
        if platform.is_some() {
            self.client
                .needs(&call, ApiVersion::new(1, 49), "an inspection of one platform")
                .await?;
        }
        self.json::<wire::image::Inspected>(&call)
            .await
            .map(wire::image::Inspected::into_core)
    }

    /// How an image was made, newest step first.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is none.
    pub async fn image_history(&self, image: &ImageRef) -> Result<Vec<ImageHistory>, Error> {
        let call = Call::get(
            "read the history of the image",
            PathQuery::image(image, "history"),
        )
        .on(image.as_str());
        let steps: Vec<wire::image::Step> = self.json(&call).await?;
        Ok(steps.into_iter().map(wire::image::Step::into_core).collect())
    }

    /// Gives an image one more name (`latest` when it has no tag); an image that had that name loses it.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such image; [`ErrorKind::BadInput`] for a name with a digest.
    pub async fn tag_image(&self, image: &ImageRef, name: &ImageName) -> Result<(), Error> {
        let name = name.clone().or_latest();
        let path = PathQuery::image(image, "tag")
            .query("repo", &name.familiar())
            .query_opt("tag", name.tag());
        let call = Call::post("tag the image", path).on(image.as_str()).idempotent();
        if name.digest().is_some() {
            return Err(call
                .error(ErrorKind::BadInput)
                .with_message("a digest cannot be given, only found"));
        }
        self.client.collect(&call).await.map(drop)
    }

    /// Takes a name from an image, and removes the image with its last one.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is none; [`Error::is_conflict`] when a container uses it, or when it is
    /// named by its id and has several names, unless forced.
    pub async fn remove_image(
        &self,
        image: &ImageRef,
        options: RemoveImage,
    ) -> Result<Vec<RemovedImage>, Error> {
        let path = PathQuery::image(image, "")
            .flag("force", options.force)
            .flag("noprune", options.keep_parents);
        let call = Call::delete("remove the image", path).on(image.as_str());
        let removed: Option<Vec<wire::image::Removed>> = self.json(&call).await?;
        Ok(wire::image::removed(removed))
    }

    /// Searches Docker Hub, through the engine.
    ///
    /// # Errors
    /// [`ErrorKind::Status`] when the engine cannot reach it.
    pub async fn search_images(&self, term: &str, options: &SearchImages) -> Result<Vec<FoundImage>, Error> {
        let limit = options.limit.map(|limit| limit.to_string());
        let path = PathQuery::new("/images/search")
            .query("term", term)
            .query_opt("limit", limit.as_deref())
            .filters(&options.filters);
        let call = Call::get("search for images", path).on(term);
        let found: Vec<wire::image::Found> = self.json(&call).await?;
        Ok(found.into_iter().map(wire::image::Found::into_public).collect())
    }
}

/// A platform, where the API wants JSON of it. Its parts hold no character that JSON would escape.
fn platform_json(platform: &Platform) -> String {
    let variant = platform.variant.as_deref();
    serde_json::json!({"os": platform.os, "architecture": platform.architecture, "variant": variant.unwrap_or_default()})
        .to_string()
}

/// What a refusal in front of a stream means, where a registry is behind it.
fn at_registry(error: Error) -> Error {
    if !matches!(
        error.kind(),
        ErrorKind::Status | ErrorKind::NotFound | ErrorKind::Failed
    ) {
        return error;
    }
    match error.message().and_then(registry::kind_of) {
        Some(kind) => error.with_kind(kind),
        None => error,
    }
}
