//! Images as tar archives: save, load, import.

use longshore_core::{ImageName, ImageRef, TransferFold, TransferKind, TransferProgress};

use crate::call::Call;
use crate::conn::ReadLimits;
use crate::error::ErrorKind;
use crate::messages::Messages;
use crate::path::PathQuery;
use crate::{ApiVersion, Download, Engine, Error, Upload};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use longshore_core::Platform;

const TAR: HeaderValue = HeaderValue::from_static("application/x-tar");

/// How to load.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadImages {
    /// Only what is for this platform; API 1.48. Default: all.
    pub platform: Option<Platform>,
}

/// What a load brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Loaded {
    /// Names of images that were loaded, or got.
    pub names: Vec<String>,
    /// Ids of images that have no name in the archive.
    pub ids: Vec<String>,
}

/// How to make an image of files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportImage {
    /// Its name. Default: none.
    pub name: Option<ImageName>,
    /// What is said in its history.
    pub message: String,
    /// Instructions of a Dockerfile that set its configuration: `CMD ["sh"]`, `ENV a=b`.
    pub changes: Vec<String>,
    /// What it is for. Default: the engine's own.
    pub platform: Option<Platform>,
}

impl Engine {
    /// Images, with all that they consist of, as one tar.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when one of them is not there; [`ErrorKind::BadInput`] for no image at all.
    pub async fn save_images(&self, images: &[ImageRef]) -> Result<Download, Error> {
        let path = images.iter().fold(PathQuery::new("/images/get"), |path, image| {
            path.query("names", image.as_str())
        });
        let names = images.iter().map(ImageRef::as_str).collect::<Vec<_>>().join(", ");
        let call = Call::get("save images", path).on(&names);
        if images.is_empty() {
            return Err(call.error(ErrorKind::BadInput).with_message("none is named"));
        }
        self.download(&call).await
    }

    /// Loads the images of a tar (plain, gzip, bzip2 or xz) that [`Engine::save_images`] or the command line has made.
    /// `progress` is called with each step.
    ///
    /// # Errors
    /// [`ErrorKind::Failed`] when the archive is none, or is cut; [`ErrorKind::BadInput`] when it cannot be read here.
    /// Images before the fault may have been loaded; dropping the future may leave some too.
    pub async fn load_images(
        &self,
        archive: Upload,
        options: &LoadImages,
        mut progress: impl FnMut(TransferProgress),
    ) -> Result<Loaded, Error> {
        let platform = options.platform.as_ref().map(super::platform_json);
        let path = PathQuery::new("/images/load")
            .query("quiet", "0")
            .query_opt("platform", platform.as_deref());
        let call = Call::post("load images", path).header(CONTENT_TYPE, TAR);
        if platform.is_some() {
            self.client
                .needs(&call, ApiVersion::new(1, 48), "a load of one platform")
                .await?;
        }
        let mut fold = TransferFold::new(TransferKind::Load);
        let mut loaded = Loaded::default();
        let messages = self.answered(&call, archive).await?;
        let read = messages.each(|message| {
            if let Some(text) = &message.stream {
                for line in text.lines() {
                    if let Some(id) = line.strip_prefix("Loaded image ID: ") {
                        loaded.ids.push(id.trim().to_owned());
                    } else if let Some(name) = line.strip_prefix("Loaded image: ") {
                        // Podman tells several in one line; no name has a comma.
                        loaded
                            .names
                            .extend(name.split(',').map(|name| name.trim().to_owned()));
                    }
                }
            }
            if let Some(status) = &message.status {
                let (current, total) = message.detail.bytes();
                progress(fold.apply(message.id.as_deref(), status, current, total));
            }
        });
        read.await?;
        progress(fold.finish());
        Ok(loaded)
    }

    /// Makes an image of one layer out of the files of a tar (plain, gzip, bzip2 or xz). Gives its id.
    ///
    /// # Errors
    /// [`ErrorKind::Failed`] when the archive is none, or is cut; [`ErrorKind::BadInput`] when it cannot be read here,
    /// and for changes that are no instructions.
    pub async fn import_image(&self, files: Upload, options: &ImportImage) -> Result<String, Error> {
        let name = options.name.clone().map(ImageName::or_latest);
        let shown = name.as_ref().map(ToString::to_string);
        let platform = options.platform.as_ref().map(ToString::to_string);
        let mut path = PathQuery::new("/images/create")
            .query("fromSrc", "-")
            // With its tag: Podman 4.3 takes no notice of `tag` here.
            .query_opt("repo", shown.as_deref())
            .query_opt(
                "message",
                Some(options.message.as_str()).filter(|text| !text.is_empty()),
            )
            .query_opt("platform", platform.as_deref());
        for change in &options.changes {
            path = path.query("changes", change);
        }
        let mut call = Call::post("import the image", path).header(CONTENT_TYPE, TAR);
        if let Some(shown) = &shown {
            call = call.on(shown);
        }
        let mut id = None;
        let messages = self.answered(&call, files).await?;
        let read = messages.each(|message| {
            id = message
                .status
                .filter(|status| status.starts_with("sha256:"))
                .or(id.take());
        });
        read.await?;
        id.ok_or_else(|| {
            call.error(ErrorKind::Protocol)
                .with_message("the engine gave no id")
        })
    }

    /// Sends what the engine answers with messages.
    async fn answered(&self, call: &Call<'_>, upload: Upload) -> Result<Messages, Error> {
        let (_, body) = self.client.upload(call, upload).await?;
        let limits = ReadLimits {
            idle: self.config().idle_timeout,
            total: None,
        };
        Ok(Messages::new(call, body, limits))
    }
}
