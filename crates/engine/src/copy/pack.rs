//! Files of this machine as a tar, made while it is sent.

use std::collections::VecDeque;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use tokio::fs::{File, ReadDir};
use tokio::io::AsyncReadExt;

use super::{CopyOwner, Tally};
use crate::Upload;
use crate::tarball::{END, Head, HeadKind, head, padding};

/// One read from a file.
const READ: usize = 128 * 1024;

/// Packs what is at `path`. Its own entry is called `name`; without one it is a folder whose contents alone are packed.
pub(super) fn pack(path: PathBuf, name: Option<Vec<u8>>, owner: CopyOwner, tally: Arc<Tally>) -> Upload {
    let packer = Packer {
        ready: VecDeque::new(),
        next: Some((path, name)),
        folders: Vec::new(),
        file: None,
        owner,
        tally,
        ended: false,
    };
    Upload::from_stream(stream::try_unfold(packer, |mut packer| async move {
        Ok(packer.piece().await?.map(|piece| (piece, packer)))
    }))
}

/// One file of `bytes` as a whole tar.
pub(super) fn single(
    name: &[u8],
    mode: u32,
    owner: CopyOwner,
    mtime: u64,
    bytes: Bytes,
) -> io::Result<Upload> {
    let (uid, gid) = owner.of(None);
    let size = bytes.len() as u64;
    let kind = HeadKind::File(size);
    let mut rest = BytesMut::zeroed(padding(size));
    rest.extend_from_slice(&END);
    let pieces = [
        head(&Head {
            name,
            mode,
            uid,
            gid,
            mtime,
            kind,
        })?,
        bytes,
        rest.freeze(),
    ];
    Ok(Upload::from_stream(stream::iter(pieces.map(Ok))))
}

/// What is still to be packed: a walk that holds one open folder a level.
struct Packer {
    /// Pieces that are made already.
    ready: VecDeque<Bytes>,
    /// What comes next, and its name in the tar.
    next: Option<(PathBuf, Option<Vec<u8>>)>,
    folders: Vec<(ReadDir, Vec<u8>)>,
    /// The file that is being sent, and what is left of it.
    file: Option<(File, PathBuf, u64, usize)>,
    owner: CopyOwner,
    tally: Arc<Tally>,
    ended: bool,
}

impl Packer {
    async fn piece(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(Some(piece));
            }
            if let Some(file) = &mut self.file {
                let before = file.2;
                let piece = content(file).await?;
                let after = file.2;
                if after == 0 {
                    self.file = None;
                }
                self.tally.bytes(before - after);
                return Ok(Some(piece));
            }
            if let Some((path, name)) = self.next.take() {
                self.enter(path, name).await?;
                continue;
            }
            let Some((folder, prefix)) = self.folders.last_mut() else {
                if self.ended {
                    return Ok(None);
                }
                self.ended = true;
                return Ok(Some(Bytes::from_static(&END)));
            };
            match folder.next_entry().await? {
                Some(entry) => {
                    let mut name = prefix.clone();
                    name.extend_from_slice(&bytes_of(Path::new(&entry.file_name())));
                    self.next = Some((entry.path(), Some(name)));
                }
                None => drop(self.folders.pop()),
            }
        }
    }

    /// Begins with one file, folder or link.
    async fn enter(&mut self, path: PathBuf, name: Option<Vec<u8>>) -> io::Result<()> {
        let meta = tokio::fs::symlink_metadata(&path)
            .await
            .map_err(|error| at(&path, &error))?;
        let kind = meta.file_type();
        if kind.is_dir() {
            if let Some(name) = &name {
                self.entry(&meta, name, HeadKind::Folder)?;
            }
            let folder = tokio::fs::read_dir(&path)
                .await
                .map_err(|error| at(&path, &error))?;
            let mut prefix = name.unwrap_or_default();
            if !prefix.is_empty() {
                prefix.push(b'/');
            }
            self.folders.push((folder, prefix));
            return Ok(());
        }
        let name = name.unwrap_or_default();
        if kind.is_symlink() {
            let target = tokio::fs::read_link(&path)
                .await
                .map_err(|error| at(&path, &error))?;
            self.entry(&meta, &name, HeadKind::Link(&bytes_of(&target)))?;
        } else if kind.is_file() {
            let file = File::open(&path).await.map_err(|error| at(&path, &error))?;
            let size = meta.len();
            self.entry(&meta, &name, HeadKind::File(size))?;
            if size > 0 {
                self.file = Some((file, path, size, padding(size)));
            }
        } else {
            tracing::debug!(path = %path.display(), "neither file, folder nor link: it is not copied");
            self.tally.skipped();
        }
        Ok(())
    }

    fn entry(&mut self, meta: &Metadata, name: &[u8], kind: HeadKind<'_>) -> io::Result<()> {
        let (uid, gid) = self.owner.of(Some(meta));
        let since = meta
            .modified()
            .ok()
            .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        self.ready.push_back(head(&Head {
            name,
            mode: mode(meta),
            uid,
            gid,
            mtime: since.map_or(0, |since| since.as_secs()),
            kind,
        })?);
        self.tally.entry();
        Ok(())
    }
}

/// The next piece of a file, its padding behind the last.
async fn content((file, path, left, padding): &mut (File, PathBuf, u64, usize)) -> io::Result<Bytes> {
    let want = usize::try_from(*left).unwrap_or(READ).min(READ);
    let mut piece = BytesMut::with_capacity(want + *padding);
    let read = (&mut *file)
        .take(want as u64)
        .read_buf(&mut piece)
        .await
        .map_err(|error| at(path, &error))?;
    if read == 0 {
        let shorter = io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "it became shorter while it was copied",
        );
        return Err(at(path, &shorter));
    }
    *left -= read as u64;
    if *left == 0 {
        piece.resize(piece.len() + *padding, 0);
    }
    Ok(piece.freeze())
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(unix)]
fn mode(meta: &Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::mode(meta) & 0o7777
}

#[cfg(not(unix))]
fn mode(meta: &Metadata) -> u32 {
    if meta.is_dir() { 0o755 } else { 0o644 }
}

#[cfg(unix)]
fn bytes_of(path: &Path) -> Vec<u8> {
    std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec()
}

#[cfg(not(unix))]
fn bytes_of(path: &Path) -> Vec<u8> {
    path.to_string_lossy().replace('\\', "/").into_bytes()
}
