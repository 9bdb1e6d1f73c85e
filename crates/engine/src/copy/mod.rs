//! Copies between this machine and a container: files, folders and links, streamed.
//!
//! Paths mean what they mean to `docker cp`. Owns where things go and what is told of it; the tar is made by `pack`, taken
//! apart by `unpack`, and carried by [`Engine::put_archive`] and [`Engine::get_archive`].

mod pack;
#[cfg(test)]
#[cfg(unix)]
mod tests;
mod unpack;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use longshore_core::ObjectRef;

use self::unpack::Failed;
pub(crate) use self::unpack::Unpack;
use crate::error::ErrorKind;
use crate::tarball::{BadTar, EntryKind, TarReader};
use crate::{Engine, Error, PathStat, PutArchive};

const IN: &str = "copy into the container";
const OUT: &str = "copy out of the container";
/// Links in a row before one is given up; Linux itself follows 40.
const MAX_LINKS: usize = 40;

/// Whose the copies in a container are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CopyOwner {
    /// The container's root.
    #[default]
    Root,
    /// Whose the files are here, by number.
    Keep,
    /// These numbers of a user and a group.
    Ids(u32, u32),
    /// Whoever the container runs as.
    ContainerUser,
}

impl CopyOwner {
    fn of(self, meta: Option<&std::fs::Metadata>) -> (u64, u64) {
        match self {
            Self::Root | Self::ContainerUser => (0, 0),
            Self::Ids(uid, gid) => (uid.into(), gid.into()),
            Self::Keep => meta.map_or((0, 0), owner),
        }
    }
}

/// How to copy into a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CopyIn {
    /// Copy what the named path leads to where it is a link, instead of the link. Links further down are kept. Default:
    /// false.
    pub follow: bool,
    /// Whose the copies are. Default: the container's root.
    pub owner: CopyOwner,
}

/// How to copy out of a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CopyOut {
    /// Copy what the named path leads to where it is a link, instead of the link. Links further down are kept. Default:
    /// false.
    pub follow: bool,
    /// Bytes of content at most; more is [`ErrorKind::TooLarge`]. Default: no limit but the disk's.
    pub limit: Option<u64>,
}

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Copied {
    /// Files, folders and links.
    pub entries: u64,
    /// Bytes of content.
    pub bytes: u64,
    /// Devices, pipes and sockets, which are not copied.
    pub skipped: u64,
}

#[derive(Debug, Default)]
struct Tally {
    entries: AtomicU64,
    bytes: AtomicU64,
    skipped: AtomicU64,
}

impl Tally {
    fn entry(&self) {
        self.entries.fetch_add(1, Ordering::Relaxed);
    }

    fn bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
    }

    fn skipped(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }

    fn done(&self) -> Copied {
        Copied {
            entries: self.entries.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            skipped: self.skipped.load(Ordering::Relaxed),
        }
    }
}

impl Engine {
    /// Copies a file, a folder or a link of this machine into a container, which may be stopped. Permissions and times are
    /// kept, and links as they are. About 128 kB are held at a time, however large it is.
    ///
    /// A folder that is at `to` gets it under its own name; else it becomes `to`, in a folder that must be there. With
    /// `/.` at the end of `from`, the folder's contents are copied.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] when `from` cannot be read (what was sent before it broke may be there);
    /// [`Error::is_not_found`] when there is no such container, or no folder for `to`; [`Error::is_conflict`] for a folder
    /// where a file is; [`ErrorKind::Permission`] or [`ErrorKind::Status`] where nothing can be written.
    pub async fn copy_to(
        &self,
        container: &ObjectRef,
        from: impl AsRef<Path> + Send,
        to: &str,
        options: &CopyIn,
    ) -> Result<Copied, Error> {
        let from = from.as_ref();
        let unreadable = |error: std::io::Error| {
            Error::new(ErrorKind::BadInput, IN)
                .with_target(container.as_str())
                .with_message(format!("{} cannot be read", from.display()))
                .with_source(error)
        };
        let contents = from.as_os_str().to_string_lossy().ends_with("/.");
        let source = if options.follow || contents {
            tokio::fs::canonicalize(from).await.map_err(unreadable)?
        } else {
            from.to_owned()
        };
        let meta = tokio::fs::symlink_metadata(&source).await.map_err(unreadable)?;
        let own_name = match from.file_name() {
            Some(name) if !contents => name.as_encoded_bytes().to_vec(),
            // Of `.`, `..` and `/`, what is in them.
            _ => Vec::new(),
        };
        let place = self.place(container, to, &own_name, meta.is_dir()).await?;
        let tally = Arc::new(Tally::default());
        let archive = pack::pack(source, place.name, options.owner, Arc::clone(&tally));
        self.put_archive(container, &place.folder, archive, put(options.owner))
            .await?;
        Ok(tally.done())
    }

    /// Writes bytes into a file of a container, which may be stopped, in a folder that must be there. A file that is at
    /// `to` is replaced. `mode` are its permission bits, such as `0o644`.
    ///
    /// # Errors
    /// As [`Engine::copy_to`].
    pub async fn write_file(
        &self,
        container: &ObjectRef,
        to: &str,
        bytes: impl Into<Bytes> + Send,
        mode: u32,
        owner: CopyOwner,
    ) -> Result<(), Error> {
        let bytes = bytes.into();
        let bad = |message: &'static str| {
            Error::new(ErrorKind::BadInput, IN)
                .with_target(container.as_str())
                .with_message(message)
        };
        let (folder, name) = split(to)
            .filter(|_| !to.ends_with('/'))
            .ok_or_else(|| bad("the path names no file"))?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let archive = pack::single(name.as_bytes(), mode, owner, now, bytes)
            .map_err(|error| bad("its name cannot be written").with_source(error))?;
        let options = PutArchive {
            no_overwrite_dir_non_dir: true,
            ..put(owner)
        };
        self.put_archive(container, folder, archive, options).await
    }

    /// Copies a file, a folder or a link out of a container, which may be stopped. Permissions and times are kept, and
    /// links as they are; the copies are ours. About 64 kB are held at a time, however large it is.
    ///
    /// A folder that is at `to` gets it under its own name; else it becomes `to`, in a folder that must be there. With
    /// `/.` at the end of `from`, the folder's contents are copied.
    ///
    /// The container is not trusted: nothing is written outside of `to`, no link is followed, devices are left out, and
    /// setuid bits are taken off. Files that are there are replaced. What was written before an error stays.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container or path; [`ErrorKind::BadInput`] when `to` cannot be
    /// written; [`ErrorKind::TooLarge`] beyond the limit; [`ErrorKind::Protocol`] for an archive that is none, or that
    /// would leave `to`.
    pub async fn copy_from(
        &self,
        container: &ObjectRef,
        from: &str,
        to: impl AsRef<Path> + Send,
        options: &CopyOut,
    ) -> Result<Copied, Error> {
        let to = to.as_ref();
        let from = if options.follow {
            self.followed(container, from).await?.0
        } else {
            from.to_owned()
        };
        let (stat, archive) = self.get_archive(container, &from).await?;
        // Docker's names then begin with `./`, Podman's with nothing, and it tells no entry of the folder itself.
        let contents = from.ends_with("/.") || matches!(stat.name.as_str(), "" | "/" | ".");
        let into = !contents && tokio::fs::metadata(to).await.is_ok_and(|meta| meta.is_dir());
        let unpack = Unpack {
            root: &if into {
                to.join(safe_name(&stat.name))
            } else {
                to.to_owned()
            },
            strip: usize::from(!contents),
            folder: (contents && stat.is_dir()).then_some(stat.mode),
            limit: options.limit,
        };
        unpack
            .run(archive)
            .await
            .map_err(|failed| failure(container, failed))
    }

    /// The bytes of one file of a container, which may be stopped. Links are followed.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such container or file; [`ErrorKind::BadInput`] when it is no file;
    /// [`ErrorKind::TooLarge`] when it has more than `limit` bytes.
    pub async fn read_file(&self, container: &ObjectRef, path: &str, limit: usize) -> Result<Bytes, Error> {
        let error = |kind| Error::new(kind, OUT).with_target(container.as_str());
        let too_large =
            || error(ErrorKind::TooLarge).with_message(format!("the file has more than {limit} bytes"));
        let (path, stat) = self.followed(container, path).await?;
        if stat.is_dir() {
            return Err(error(ErrorKind::BadInput).with_message("it is a folder"));
        }
        if stat.size > limit as u64 {
            return Err(too_large());
        }
        let (_, archive) = self.get_archive(container, &path).await?;
        let mut reader = TarReader::new(archive);
        let bad = |bad: BadTar| failure(container, bad.into());
        let entry = reader.next().await.map_err(bad)?;
        if !entry.is_some_and(|entry| entry.kind == EntryKind::File) {
            return Err(error(ErrorKind::BadInput).with_message("it is no file"));
        }
        let mut bytes = BytesMut::new();
        while let Some(piece) = reader.piece().await.map_err(bad)? {
            if bytes.len() + piece.len() > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes.freeze())
    }

    /// What a path leads to.
    async fn followed(&self, container: &ObjectRef, path: &str) -> Result<(String, PathStat), Error> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            let stat = self.stat_path(container, &path).await?;
            // Engines say where a chain of links ends, not where the first leads.
            if !stat.is_link() || stat.link_target.is_empty() || stat.link_target == path {
                return Ok((path, stat));
            }
            path = stat.link_target;
        }
        Err(Error::new(ErrorKind::BadInput, "look at a path in the container")
            .with_target(container.as_str())
            .with_message("its links lead in a circle"))
    }

    /// Into which folder of a container something goes, and under which name there.
    async fn place(
        &self,
        container: &ObjectRef,
        to: &str,
        own_name: &[u8],
        is_folder: bool,
    ) -> Result<Place, Error> {
        let is_contents = own_name.is_empty();
        let error = |kind| Error::new(kind, IN).with_target(container.as_str());
        match self.followed(container, to).await {
            Ok((folder, stat)) if stat.is_dir() => {
                return Ok(Place {
                    folder,
                    name: (!is_contents).then(|| own_name.to_vec()),
                });
            }
            Ok(_) if is_folder => {
                return Err(error(ErrorKind::Conflict).with_message(format!("{to} is no folder")));
            }
            Ok(_) => {}
            Err(missing) if missing.is_not_found() => {
                if !is_folder && to.ends_with('/') {
                    return Err(missing);
                }
                // A container that is not there must not read as a path that is not.
                self.inspect_container(container).await?;
            }
            Err(other) => return Err(other),
        }
        let (folder, name) =
            split(to).ok_or_else(|| error(ErrorKind::BadInput).with_message("the path names nothing"))?;
        Ok(Place {
            folder: folder.to_owned(),
            name: Some(name.as_bytes().to_vec()),
        })
    }
}

struct Place {
    folder: String,
    name: Option<Vec<u8>>,
}

fn put(owner: CopyOwner) -> PutArchive {
    PutArchive {
        no_overwrite_dir_non_dir: true,
        container_user: owner == CopyOwner::ContainerUser,
    }
}

/// Folder and last part of a path in a container.
fn split(path: &str) -> Option<(&str, &str)> {
    let path = path.trim_end_matches('/');
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if matches!(name, "" | "." | "..") {
        return None;
    }
    Some((if folder.is_empty() { "/" } else { folder }, name))
}

/// A name that the engine tells, as one part of a path of ours.
fn safe_name(name: &str) -> PathBuf {
    let last = Path::new(name).file_name();
    last.map_or_else(|| PathBuf::from("copy"), PathBuf::from)
}

fn failure(container: &ObjectRef, failed: Failed) -> Error {
    failed.into_error(|kind| Error::new(kind, OUT).with_target(container.as_str()))
}

#[cfg(unix)]
fn owner(meta: &std::fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (meta.uid().into(), meta.gid().into())
}

#[cfg(not(unix))]
fn owner(_: &std::fs::Metadata) -> (u64, u64) {
    (0, 0)
}
