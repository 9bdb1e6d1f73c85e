//! What is inside a container: its processes, its changes against its image, all of its files, and an image made of it.

use longshore_core::{Change, Container, ContainerSize, ObjectRef, Processes};

use crate::call::{Call, HeadLimit};
use crate::error::ErrorKind;
use crate::path::PathQuery;
use crate::{Download, Engine, Error, wire};

/// An image to make of a container.
///
/// ```
/// use longshore_engine::CommitOptions;
/// let options = CommitOptions::default().repo("shop/web").tag("7").change("CMD [\"nginx\"]");
/// assert!(options.pause);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitOptions {
    /// The image's name. Default: none.
    pub repo: Option<String>,
    /// The image's tag. Default: the engine's `latest`, where there is a name.
    pub tag: Option<String>,
    /// A word on it. Default: none.
    pub comment: Option<String>,
    /// Who made it. Default: nobody.
    pub author: Option<String>,
    /// Whether the container stands still meanwhile. Default: true.
    pub pause: bool,
    /// Lines of a Dockerfile that change how the image runs. Default: none.
    pub changes: Vec<String>,
}

impl Default for CommitOptions {
    fn default() -> Self {
        Self {
            repo: None,
            tag: None,
            comment: None,
            author: None,
            pause: true,
            changes: Vec::new(),
        }
    }
}

impl CommitOptions {
    /// Sets [`Self::repo`].
    #[must_use]
    pub fn repo(mut self, name: impl Into<String>) -> Self {
        self.repo = Some(name.into());
        self
    }

    /// Sets [`Self::tag`].
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// Sets [`Self::comment`].
    #[must_use]
    pub fn comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// Sets [`Self::author`].
    #[must_use]
    pub fn author(mut self, author: impl Into<String>) -> Self {
        self.author = Some(author.into());
        self
    }

    /// Sets [`Self::pause`].
    #[must_use]
    pub fn pause(mut self, pause: bool) -> Self {
        self.pause = pause;
        self
    }

    /// Adds one of [`Self::changes`].
    #[must_use]
    pub fn change(mut self, line: impl Into<String>) -> Self {
        self.changes.push(line.into());
        self
    }
}

impl Engine {
    /// All about one container, and how much of the disk it takes, which the engine must count: it may take seconds.
    ///
    /// # Errors
    /// As [`Engine::inspect_container`].
    pub async fn inspect_container_size(
        &self,
        container: &ObjectRef,
    ) -> Result<(Container, ContainerSize), Error> {
        let path = PathQuery::object("/containers", container, "json").flag("size", true);
        let call = Call::get("inspect the container", path).on(container.as_str());
        let answer = self.client.collect(&call).await?;
        let one = wire::inspect::container(&answer.body).map_err(|error| call.malformed(error))?;
        let sizes: wire::container::Sizes =
            serde_json::from_slice(&answer.body).map_err(|error| call.malformed(error))?;
        // Some say -1 where they do not know.
        let known = |size: Option<i64>| size.and_then(|size| u64::try_from(size).ok());
        let size = ContainerSize {
            written: known(sizes.size_rw.0),
            root: known(sizes.size_root_fs.0),
        };
        Ok((one, size))
    }

    /// The processes of a running container, as `ps` on the engine's host shows them. `args` are its arguments
    /// (default: `-ef`); the column of process ids must stay.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container, [`Error::is_conflict`] when it does not run.
    pub async fn top(&self, container: &ObjectRef, args: Option<&str>) -> Result<Processes, Error> {
        let path = PathQuery::object("/containers", container, "top").query_opt("ps_args", args);
        let call = Call::get("list processes of the container", path).on(container.as_str());
        let answer = self.client.collect(&call).await?;
        if answer.body.is_empty() {
            // Podman's way to say it.
            return Err(call.error(ErrorKind::Conflict).with_message("it does not run"));
        }
        let top: wire::container::Top =
            serde_json::from_slice(&answer.body).map_err(|error| call.malformed(error))?;
        Ok(top.into_core())
    }

    /// What of a container's files is not as in its image, mounts aside.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container.
    pub async fn changes(&self, container: &ObjectRef) -> Result<Vec<Change>, Error> {
        let path = PathQuery::object("/containers", container, "changes");
        let call = Call::get("list changes of the container", path).on(container.as_str());
        let answer = self.client.collect(&call).await?;
        wire::container::changes(&answer.body).map_err(|error| call.malformed(error))
    }

    /// The container's files as one tar, without what is mounted into it.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container.
    pub async fn export_container(&self, container: &ObjectRef) -> Result<Download, Error> {
        let path = PathQuery::object("/containers", container, "export");
        let call = Call::get("export the container", path).on(container.as_str());
        self.download(&call).await
    }

    /// Makes an image of a container's files, without what is mounted into it; gives the image's id. Under no time limit
    /// but the connection's: it takes as long as there is to write. Never sent twice.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container; [`ErrorKind::BadInput`] for
    /// a name or a line that the engine does not take.
    pub async fn commit(&self, container: &ObjectRef, options: &CommitOptions) -> Result<String, Error> {
        let mut path = PathQuery::new("/commit")
            .query("container", container.as_str())
            .query_opt("repo", options.repo.as_deref())
            .query_opt("tag", options.tag.as_deref())
            .query_opt("comment", options.comment.as_deref())
            .query_opt("author", options.author.as_deref())
            .query("pause", if options.pause { "1" } else { "0" });
        for line in &options.changes {
            path = path.query("changes", line);
        }
        // As the docker command line: no configuration of its own. Podman refuses a call without a body.
        let call = Call::post("make an image of the container", path)
            .on(container.as_str())
            .head_limit(HeadLimit::None)
            .json(&())?;
        let made: wire::container::Committed = self.json(&call).await?;
        Ok(wire::image::id(made.id))
    }
}
