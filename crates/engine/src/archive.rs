//! Files into and out of a container, as tar archives.
//!
//! Owns the three calls. Making and reading a tar of files on this machine is `copy`'s.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use longshore_core::ObjectRef;
use serde::Deserialize;

use crate::call::Call;
use crate::error::ErrorKind;
use crate::path::PathQuery;
use crate::{Download, Engine, Error, Upload};

/// How an archive is unpacked in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PutArchive {
    /// Refuse to put a folder in place of a file, or the other way round. Default: false.
    pub no_overwrite_dir_non_dir: bool,
    /// Give everything to whoever the container runs as, instead of the owners that the archive names. Default: false.
    pub container_user: bool,
}

/// What is at a path in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PathStat {
    /// The last part of the path.
    pub name: String,
    /// Bytes; of a folder, what its entry takes.
    pub size: u64,
    /// Go's file mode: permission bits below, the kind above (bit 31 is a folder, bit 27 a link).
    pub mode: u32,
    /// What a link leads to in the end, links of links followed; empty when it is none.
    pub link_target: String,
}

impl PathStat {
    /// Whether it is a link.
    #[must_use]
    pub fn is_link(&self) -> bool {
        self.mode & 1 << 27 != 0
    }

    /// Whether it is a folder.
    #[must_use]
    pub fn is_dir(&self) -> bool {
        self.mode & 1 << 31 != 0
    }
}

#[derive(Deserialize)]
struct Stat {
    #[serde(default)]
    name: String,
    #[serde(default)]
    size: i64,
    #[serde(default)]
    mode: u32,
    #[serde(default, rename = "linkTarget")]
    link_target: String,
}

impl Engine {
    /// Unpacks a tar (plain, gzip, bzip2 or xz) into the folder `path` of a container, which may be stopped.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container or folder; [`ErrorKind::BadInput`] when the archive
    /// cannot be read, here or there; [`ErrorKind::Permission`] when the folder is read-only. An archive that breaks
    /// in the middle may have been unpacked in part. Dropping the future may leave a part too.
    pub async fn put_archive(
        &self,
        container: &ObjectRef,
        path: &str,
        archive: Upload,
        options: PutArchive,
    ) -> Result<(), Error> {
        let path = PathQuery::object("/containers", container, "archive")
            .query("path", path)
            .flag("noOverwriteDirNonDir", options.no_overwrite_dir_non_dir)
            .flag("copyUIDGID", options.container_user);
        let call = Call::put("copy into the container", path)
            .on(container.as_str())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
        let (_, body) = self.client.upload(&call, archive).await?;
        self.client.discard(&call, body).await
    }

    /// The file or folder at `path` of a container as a tar, and what it is. The tar's entries begin with the path's
    /// last part.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container or path.
    pub async fn get_archive(
        &self,
        container: &ObjectRef,
        path: &str,
    ) -> Result<(PathStat, Download), Error> {
        let path = PathQuery::object("/containers", container, "archive").query("path", path);
        let call = Call::get("copy out of the container", path).on(container.as_str());
        let (head, body) = self.client.stream(&call).await?;
        Ok((stat(&call, &head)?, self.downloaded(&call, body)))
    }

    /// What is at `path` of a container, which may be stopped.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container or path.
    pub async fn stat_path(&self, container: &ObjectRef, path: &str) -> Result<PathStat, Error> {
        let path = PathQuery::object("/containers", container, "archive").query("path", path);
        let call = Call::head("look at a path in the container", path).on(container.as_str());
        let answer = self.client.collect(&call).await?;
        stat(&call, &answer.head)
    }
}

fn stat(call: &Call<'_>, head: &http::Response<()>) -> Result<PathStat, Error> {
    let header = head.headers().get("x-docker-container-path-stat");
    let bad = || {
        call.error(ErrorKind::Protocol)
            .with_message("the engine did not say what is at the path")
    };
    let text = header.ok_or_else(bad)?.as_bytes();
    let json = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text));
    let stat: Stat = serde_json::from_slice(&json.map_err(|error| bad().with_source(error))?)
        .map_err(|error| bad().with_source(error))?;
    Ok(PathStat {
        name: stat.name,
        size: u64::try_from(stat.size).unwrap_or(0),
        mode: stat.mode,
        link_target: stat.link_target,
    })
}
