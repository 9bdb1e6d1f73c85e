//! A tar out of a container, or of a build, as files of this machine.
//!
//! A container is not trusted: nothing is written outside the folder that was named, neither by a path that leads out nor
//! through a link that the archive brought or that was there before. Links are kept as they are and never followed; devices
//! and pipes are left out; the bits that lend rights (setuid, setgid, sticky) are taken off; owners are ours.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::Stream;
use tokio::fs;
use tokio::io::AsyncWriteExt;

use super::{Copied, Tally};
use crate::Error;
use crate::error::ErrorKind;
use crate::tarball::{BadTar, Entry, EntryKind, TarReader};

/// Why files could not be written.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The archive is at fault, or its source.
    Tar(BadTar),
    /// This machine is.
    Io(PathBuf, io::Error),
    /// It has an entry that leads out of the folder it is for.
    LeadsOut(String),
    /// More than was allowed.
    TooLarge,
}

impl Failed {
    /// As the error of the call, which `error` makes.
    pub(crate) fn into_error(self, error: impl Fn(ErrorKind) -> Error) -> Error {
        match self {
            Self::Tar(BadTar::Source(error)) => error,
            Self::Tar(bad @ BadTar::Cut) => error(ErrorKind::Interrupted).with_source(bad),
            Self::Tar(bad) => error(ErrorKind::Protocol).with_source(bad),
            Self::Io(path, source) => error(ErrorKind::BadInput)
                .with_message(format!("{} cannot be written", path.display()))
                .with_source(source),
            Self::LeadsOut(name) => error(ErrorKind::Protocol).with_message(format!(
                "the archive would be written outside of its folder: {name:?}"
            )),
            Self::TooLarge => error(ErrorKind::TooLarge).with_message("it is larger than the limit"),
        }
    }
}

impl From<BadTar> for Failed {
    fn from(error: BadTar) -> Self {
        Self::Tar(error)
    }
}

/// Where entries go.
pub(crate) struct Unpack<'a> {
    /// What the archive's root entry becomes.
    pub(crate) root: &'a Path,
    /// Parts of every name that stand for the root: one, unless a folder's contents were asked for.
    pub(crate) strip: usize,
    /// The permissions of the root where it is known to be a folder: an archive of its contents need not name it.
    pub(crate) folder: Option<u32>,
    /// Bytes at most.
    pub(crate) limit: Option<u64>,
}

/// A folder whose permissions are set when everything in it is there: it may not be writable afterwards.
struct Open {
    path: PathBuf,
    mode: u32,
}

impl Unpack<'_> {
    pub(crate) async fn run<S>(&self, archive: S) -> Result<Copied, Failed>
    where
        S: Stream<Item = Result<Bytes, Error>> + Unpin,
    {
        let tally = Tally::default();
        let mut reader = TarReader::new(archive);
        let mut open: Vec<Open> = Vec::new();
        // What the archive put in the root's place when that is no folder: nothing can be below it.
        let mut root_is_leaf = false;
        if let Some(mode) = self.folder {
            self.folder(self.root).await?;
            open.push(Open {
                path: self.root.to_owned(),
                mode,
            });
        }
        while let Some(entry) = reader.next().await? {
            let parts = self.parts(&entry.name)?;
            if root_is_leaf {
                return Err(Failed::LeadsOut(shown(&entry.name)));
            }
            root_is_leaf = parts.is_empty() && entry.kind != EntryKind::Folder;
            let path = parts
                .iter()
                .fold(self.root.to_owned(), |path, part| path.join(part));
            while let Some(folder) = open.pop_if(|folder| !path.starts_with(&folder.path)) {
                close(&folder).await?;
            }
            self.check_parents(&parts).await?;
            match &entry.kind {
                EntryKind::Folder => {
                    self.folder(&path).await?;
                    open.push(Open {
                        path,
                        mode: entry.mode,
                    });
                }
                EntryKind::File => self.file(&mut reader, &path, &entry, &tally).await?,
                EntryKind::Symlink(target) => {
                    make_way(&path).await?;
                    symlink(target, &path)
                        .await
                        .map_err(|error| Failed::Io(path.clone(), error))?;
                }
                EntryKind::HardLink(target) => {
                    let target = self.parts(target)?;
                    self.check_parents(&target).await?;
                    let from = target
                        .iter()
                        .fold(self.root.to_owned(), |path, part| path.join(part));
                    let meta = fs::symlink_metadata(&from).await;
                    if !meta.map_err(|error| Failed::Io(from.clone(), error))?.is_file() {
                        return Err(Failed::LeadsOut(shown(&entry.name)));
                    }
                    make_way(&path).await?;
                    fs::hard_link(&from, &path)
                        .await
                        .map_err(|error| Failed::Io(path, error))?;
                }
                EntryKind::Other => {
                    tally.skipped();
                    continue;
                }
            }
            tally.entry();
        }
        while let Some(folder) = open.pop() {
            close(&folder).await?;
        }
        Ok(tally.done())
    }

    /// The parts of an entry's name below the root.
    fn parts(&self, name: &[u8]) -> Result<Vec<PathBuf>, Failed> {
        let mut parts = Vec::new();
        let mut stripped = 0;
        for part in name.split(|byte| *byte == b'/') {
            match part {
                b"" => {}
                b".." => return Err(Failed::LeadsOut(shown(name))),
                // The root of what was asked for as `folder/.`
                b"." if stripped >= self.strip => {}
                _ if stripped < self.strip => stripped += 1,
                part => {
                    let path = path_of(part);
                    // On Windows, a drive or a backslash.
                    let plain = path.components().count() == 1
                        && matches!(path.components().next(), Some(std::path::Component::Normal(_)));
                    if !plain || part.contains(&0) {
                        return Err(Failed::LeadsOut(shown(name)));
                    }
                    parts.push(path);
                }
            }
        }
        Ok(parts)
    }

    /// Every folder between the root and an entry is a folder, and no link.
    async fn check_parents(&self, parts: &[PathBuf]) -> Result<(), Failed> {
        let mut path = self.root.to_owned();
        for part in parts.iter().take(parts.len().saturating_sub(1)) {
            path.push(part);
            match fs::symlink_metadata(&path).await {
                Ok(meta) if meta.is_dir() => {}
                Ok(_) => return Err(Failed::LeadsOut(path.display().to_string())),
                // An archive need not name a folder before what is in it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    fs::create_dir(&path)
                        .await
                        .map_err(|error| Failed::Io(path.clone(), error))?;
                }
                Err(error) => return Err(Failed::Io(path, error)),
            }
        }
        Ok(())
    }

    async fn folder(&self, path: &Path) -> Result<(), Failed> {
        match fs::symlink_metadata(path).await {
            Ok(meta) if meta.is_dir() => Ok(()),
            // The folder that the caller named may be reached through a link of the caller's.
            Ok(_) if path == self.root && fs::metadata(path).await.is_ok_and(|meta| meta.is_dir()) => Ok(()),
            _ => {
                make_way(path).await?;
                fs::create_dir(path)
                    .await
                    .map_err(|error| Failed::Io(path.to_owned(), error))
            }
        }
    }

    async fn file<S>(
        &self,
        reader: &mut TarReader<S>,
        path: &Path,
        entry: &Entry,
        tally: &Tally,
    ) -> Result<(), Failed>
    where
        S: Stream<Item = Result<Bytes, Error>> + Unpin,
    {
        let io = |error| Failed::Io(path.to_owned(), error);
        if self
            .limit
            .is_some_and(|limit| tally.done().bytes.saturating_add(entry.size) > limit)
        {
            return Err(Failed::TooLarge);
        }
        make_way(path).await?;
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .await
            .map_err(io)?;
        while let Some(piece) = reader.piece().await? {
            file.write_all(&piece).await.map_err(io)?;
            tally.bytes(piece.len() as u64);
        }
        file.flush().await.map_err(io)?;
        let file = file.into_std().await;
        let (mode, mtime) = (entry.mode, entry.mtime);
        // Both are quick, and on a descriptor that nobody can exchange.
        permit(&file, mode).map_err(io)?;
        if let Some(at) = UNIX_EPOCH.checked_add(Duration::from_secs(mtime)) {
            // Some file systems know no times.
            let _ = file.set_modified(at);
        }
        Ok(())
    }
}

async fn close(folder: &Open) -> Result<(), Failed> {
    let io = |error| Failed::Io(folder.path.clone(), error);
    let meta = fs::symlink_metadata(&folder.path).await.map_err(io)?;
    if meta.is_dir() {
        permit_folder(&folder.path, folder.mode).await.map_err(io)?;
    }
    Ok(())
}

/// Takes a file or link away that stands where another is to be; a folder stays, and is an error later.
async fn make_way(path: &Path) -> Result<(), Failed> {
    match fs::symlink_metadata(path).await {
        Ok(meta) if !meta.is_dir() => fs::remove_file(path)
            .await
            .map_err(|error| Failed::Io(path.to_owned(), error)),
        _ => Ok(()),
    }
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(200).collect()
}

#[cfg(unix)]
fn path_of(part: &[u8]) -> PathBuf {
    PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(
        part,
    ))
}

#[cfg(not(unix))]
fn path_of(part: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(part).into_owned())
}

#[cfg(unix)]
async fn symlink(target: &[u8], path: &Path) -> io::Result<()> {
    fs::symlink(path_of(target), path).await
}

#[cfg(not(unix))]
async fn symlink(_: &[u8], _: &Path) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "links cannot be made here",
    ))
}

#[cfg(unix)]
fn permit(file: &std::fs::File, mode: u32) -> io::Result<()> {
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode & 0o777))
}

#[cfg(not(unix))]
fn permit(_: &std::fs::File, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
async fn permit_folder(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode & 0o777)).await
}

#[cfg(not(unix))]
async fn permit_folder(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}
