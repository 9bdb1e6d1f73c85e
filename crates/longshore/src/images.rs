//! `client.images()`.

use futures_util::StreamExt as _;
use longshore_core::{
    Image, ImageHistory, ImageName, ImageRef, ImageSummary, RemovedImage, TransferProgress,
};
use longshore_engine::{
    Build, BuildContext, BuildEvent, BuildImage, BuildOutput, Built, Copied, Download, FoundImage,
    ImportImage, InspectImage, ListImages, LoadImages, Loaded, PruneFilter, Pruned, PullImage, PushImage,
    RemoveImage, SearchImages, Transfer, Transferred, UnusedImages, Upload,
};

use crate::{DockerClient, DockerError};

/// The engine's images. Where a method takes an image that is there, it takes a name or an id; where it takes a name, the
/// tag is `latest` when there is none.
#[derive(Debug, Clone)]
pub struct Images(pub(crate) DockerClient);

/// A name or an id of an image, checked.
fn image(text: &str) -> Result<ImageRef, DockerError> {
    text.parse()
        .map_err(|error| DockerError::input(format_args!("{text:?}: {error}")))
}

/// A name of an image, checked.
fn name(text: &str) -> Result<ImageName, DockerError> {
    text.parse()
        .map_err(|error| DockerError::input(format_args!("{text:?}: {error}")))
}

impl Images {
    /// Those there are.
    ///
    /// # Errors
    /// As every call.
    pub async fn list(&self, options: &ListImages) -> Result<Vec<ImageSummary>, DockerError> {
        self.0.run(self.0.engine().list_images(options)).await
    }

    /// All about one.
    ///
    /// # Errors
    /// [`is_not_found`](DockerError::is_not_found) when there is none.
    pub async fn inspect(&self, reference: &str) -> Result<Image, DockerError> {
        let reference = image(reference)?;
        let options = InspectImage::default();
        self.0
            .run(self.0.engine().inspect_image(&reference, &options))
            .await
    }

    /// The steps that made it, newest first.
    ///
    /// # Errors
    /// [`is_not_found`](DockerError::is_not_found) when there is none.
    pub async fn history(&self, reference: &str) -> Result<Vec<ImageHistory>, DockerError> {
        let reference = image(reference)?;
        self.0.run(self.0.engine().image_history(&reference)).await
    }

    /// Gets an image from its registry, to the end. See [`pull`](Self::pull) for its progress.
    ///
    /// # Errors
    /// [`Image`](crate::DockerErrorKind::Image) when the registry has none or the pull breaks off;
    /// [`Permission`](crate::DockerErrorKind::Permission) when it wants other credentials.
    pub async fn download(&self, image: &str, options: &PullImage) -> Result<Transferred, DockerError> {
        let image = name(image)?;
        self.0.pulls(&image, options).await
    }

    /// The image of this name: the one that is there, else the one of its registry. One that is there is not renewed.
    ///
    /// # Errors
    /// As [`download`](Self::download).
    pub async fn ensure(&self, image: &str) -> Result<Image, DockerError> {
        match self.inspect(image).await {
            Err(error) if error.is_not_found() => {}
            found => return found,
        }
        self.download(image, &PullImage::default()).await?;
        self.inspect(image).await
    }

    /// Gets an image from its registry, with its progress as a stream that ends with exactly one of done and an error.
    ///
    /// # Errors
    /// As [`download`](Self::download), there or as the stream's last item.
    pub async fn pull(&self, image: &str, options: &PullImage) -> Result<Transfer, DockerError> {
        let image = name(image)?;
        self.0.run(self.0.engine().pull_image(&image, options)).await
    }

    /// Brings an image to its registry, with its progress.
    ///
    /// # Errors
    /// As [`pull`](Self::pull).
    pub async fn push(&self, image: &str, options: &PushImage) -> Result<Transfer, DockerError> {
        let image = name(image)?;
        self.0.run(self.0.engine().push_image(&image, options)).await
    }

    /// Builds an image, with its log as a stream that ends with exactly one of done and an error.
    ///
    /// # Errors
    /// [`Input`](crate::DockerErrorKind::Input) for a context, a secret or an SSH agent that cannot be read; a step that fails is the
    /// last item.
    ///
    /// ```no_run
    /// # async fn example(client: longshore::DockerClient) -> Result<(), longshore::DockerError> {
    /// use longshore::prelude::*;
    /// // RUN --mount=type=secret,id=npmrc npm ci --userconfig /run/secrets/npmrc
    /// let options = BuildImage::default()
    ///     .builder(Builder::BuildKit)
    ///     .secret("npmrc", SecretSource::file(".npmrc"))
    ///     .ssh_agent("default", SshAgent::environment());
    /// let built = client.images().build(BuildContext::folder("."), &options).await?.finish().await?;
    /// println!("{}", built.id);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn build(&self, context: BuildContext, options: &BuildImage) -> Result<Build, DockerError> {
        self.0.run(self.0.engine().build_image(context, options)).await
    }

    /// [`build`](Self::build), but the files of its last stage are written here instead of an image there. Only BuildKit does
    /// that. It ends with what was written; what was written before an error stays.
    ///
    /// # Errors
    /// As `build`, and [`Input`](crate::DockerErrorKind::Input) for an output that cannot be written.
    ///
    /// ```no_run
    /// # async fn example(client: longshore::DockerClient) -> Result<(), longshore::DockerError> {
    /// use longshore::prelude::*;
    /// let options = BuildImage::default().builder(Builder::BuildKit).target("binaries");
    /// let output = BuildOutput::folder("dist");
    /// let build = client.images().build_to(BuildContext::folder("."), &options, output).await?;
    /// println!("{} files and folders", build.finish().await?.entries);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn build_to(
        &self,
        context: BuildContext,
        options: &BuildImage,
        output: BuildOutput,
    ) -> Result<Build<Copied>, DockerError> {
        self.0
            .run(self.0.engine().build_to(context, options, output))
            .await
    }

    /// [`build`](Self::build) to its end; `progress` is called with each event of its log, the last one
    /// [`BuildEvent::Done`].
    ///
    /// # Errors
    /// As `build`, and the step that failed. Dropped, it ends the step at hand.
    ///
    /// ```no_run
    /// # async fn example(client: longshore::DockerClient) -> Result<(), longshore::DockerError> {
    /// use longshore::prelude::*;
    /// let built = client
    ///     .images()
    ///     .build_with_progress(BuildContext::folder("."), &BuildImage::default(), |event| println!("{event:?}"))
    ///     .await?;
    /// println!("{}", built.id);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn build_with_progress(
        &self,
        context: BuildContext,
        options: &BuildImage,
        mut progress: impl FnMut(&BuildEvent),
    ) -> Result<Built, DockerError> {
        let building = async {
            let mut build = self.0.engine().build_image(context, options).await?;
            while let Some(event) = build.next().await {
                let event = event?;
                progress(&event);
                if let BuildEvent::Done(built) = event {
                    return Ok(built);
                }
            }
            // Its stream ends with the image or an error: one that was read to its end says so.
            build.finish().await
        };
        self.0.run(building).await
    }

    /// Gives it a further name.
    ///
    /// # Errors
    /// [`is_not_found`](DockerError::is_not_found) when there is none.
    pub async fn tag(&self, reference: &str, new_name: &str) -> Result<(), DockerError> {
        let (reference, new_name) = (image(reference)?, name(new_name)?);
        self.0.run(self.0.engine().tag_image(&reference, &new_name)).await
    }

    /// Removes a name, and the image when it was the last; says which of both.
    ///
    /// # Errors
    /// A conflict when containers use it.
    pub async fn remove(
        &self,
        reference: &str,
        options: RemoveImage,
    ) -> Result<Vec<RemovedImage>, DockerError> {
        let reference = image(reference)?;
        self.0
            .run(self.0.engine().remove_image(&reference, options))
            .await
    }

    /// Looks for images at Docker Hub.
    ///
    /// # Errors
    /// As every call.
    pub async fn search(&self, term: &str, options: &SearchImages) -> Result<Vec<FoundImage>, DockerError> {
        self.0.run(self.0.engine().search_images(term, options)).await
    }

    /// Removes what no container was made from.
    ///
    /// # Errors
    /// As every call.
    pub async fn prune(&self, which: UnusedImages, filter: &PruneFilter) -> Result<Pruned, DockerError> {
        self.0.run(self.0.engine().prune_images(which, filter)).await
    }

    /// Images as one archive, streamed.
    ///
    /// # Errors
    /// [`is_not_found`](DockerError::is_not_found) when one of them is not there.
    pub async fn save(&self, references: &[&str]) -> Result<Download, DockerError> {
        let references = references
            .iter()
            .map(|text| image(text))
            .collect::<Result<Vec<_>, _>>()?;
        self.0.run(self.0.engine().save_images(&references)).await
    }

    /// Takes in what [`save`](Self::save) gave; `progress` is called with each step.
    ///
    /// # Errors
    /// [`Image`](crate::DockerErrorKind::Image) when the archive is none.
    pub async fn load(
        &self,
        archive: Upload,
        options: &LoadImages,
        progress: impl FnMut(TransferProgress),
    ) -> Result<Loaded, DockerError> {
        let load = self.0.engine().load_images(archive, options, progress);
        self.0.run(load).await
    }

    /// Makes an image of files, and gives its id.
    ///
    /// # Errors
    /// [`Image`](crate::DockerErrorKind::Image) when the archive is none.
    pub async fn import(&self, files: Upload, options: &ImportImage) -> Result<String, DockerError> {
        self.0.run(self.0.engine().import_image(files, options)).await
    }
}
