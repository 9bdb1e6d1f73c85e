//! A build's context: a folder as a tar that is made while it is sent.
//!
//! Owns the walk (what `.dockerignore` leaves, in a fixed order, so that the same folder gives the same bytes) and the
//! tar's form: names, kinds, links, modes and times are kept, owners are zeroed, sockets and devices left out. Never
//! holds more than a piece.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bytes::{BufMut as _, BytesMut};
use futures_util::stream;
use tar::{EntryType, Header};

use super::ignore::{Ignore, Matched};
use crate::Upload;

/// What is read and sent at a time.
const PIECE: usize = 256 * 1024;
/// A tar's unit.
const BLOCK: usize = 512;
/// The longest name that fits into a header.
const SHORT: usize = 100;

/// A folder on its way into a tar.
pub(super) struct Context {
    root: PathBuf,
    ignore: Ignore,
    /// Paths that are sent though they are ignored: the builder reads them.
    always: Vec<String>,
    /// Files that are made up, or stand for those of the folder.
    instead: Vec<(String, Vec<u8>)>,
    /// The folders that are being walked, outermost first.
    folders: Vec<Folder>,
    file: Option<OpenFile>,
    state: State,
}

#[derive(PartialEq)]
enum State {
    New,
    Walking,
    Ended,
}

struct Folder {
    /// From the root, with slashes and one at its end; empty for the root.
    path: String,
    real: PathBuf,
    names: std::vec::IntoIter<OsString>,
    matched: Matched,
    /// Its own entry, while it has not been written: an ignored folder is written with the first thing in it that is
    /// not ignored.
    unwritten: Option<Box<Metadata>>,
}

struct OpenFile {
    file: File,
    path: PathBuf,
    left: u64,
    padding: usize,
}

impl Context {
    pub(super) fn new(root: PathBuf, ignore: Ignore) -> Self {
        Self {
            root,
            ignore,
            always: Vec::new(),
            instead: Vec::new(),
            folders: Vec::new(),
            file: None,
            state: State::New,
        }
    }

    /// Sends this path, ignored or not.
    pub(super) fn always(&mut self, path: &str) {
        self.always.push(path.to_owned());
    }

    /// Sends this file, whatever the folder has in its place.
    pub(super) fn instead(&mut self, path: &str, content: Vec<u8>) {
        self.instead.push((path.to_owned(), content));
    }

    pub(super) fn into_upload(self) -> Upload {
        Upload::from_stream(stream::try_unfold(self, |mut context| async move {
            let filling = tokio::task::spawn_blocking(move || {
                let mut piece = BytesMut::with_capacity(PIECE + 4 * BLOCK);
                context.fill(&mut piece)?;
                io::Result::Ok((context, piece))
            });
            let (context, piece) = filling.await.map_err(io::Error::other)??;
            Ok((!piece.is_empty()).then(|| (piece.freeze(), context)))
        }))
    }

    /// Adds about a piece; nothing at the end.
    fn fill(&mut self, out: &mut BytesMut) -> io::Result<()> {
        while out.len() < PIECE && self.state != State::Ended {
            if let Some(file) = &mut self.file {
                if file.fill(out)? {
                    self.file = None;
                }
                continue;
            }
            if self.state == State::New {
                self.state = State::Walking;
                for (path, content) in &self.instead {
                    let mut header = Header::new_gnu();
                    header.set_entry_type(EntryType::Regular);
                    header.set_mode(0o644);
                    header.set_size(content.len() as u64);
                    entry(out, &mut header, path.as_bytes(), b"");
                    out.put_slice(content);
                    pad(out, content.len() as u64);
                }
                let folder = Folder::open(String::new(), self.root.clone(), Matched::default(), None)?;
                self.folders.push(folder);
            }
            match self.folders.last_mut().map(|folder| folder.names.next()) {
                Some(Some(name)) => self.visit(&name, out)?,
                Some(None) => drop(self.folders.pop()),
                None => {
                    self.state = State::Ended;
                    out.put_bytes(0, 2 * BLOCK);
                }
            }
        }
        Ok(())
    }

    fn visit(&mut self, name: &OsString, out: &mut BytesMut) -> io::Result<()> {
        let Some(folder) = self.folders.last() else {
            return Ok(());
        };
        let path = format!("{}{}", folder.path, name.to_string_lossy());
        let real = folder.real.join(name);
        if self.instead.iter().any(|(instead, _)| *instead == path) {
            return Ok(());
        }
        let meta = match fs::symlink_metadata(&real) {
            // It was there a moment ago.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            meta => meta.map_err(|error| at(&real, &error))?,
        };
        let (ignored, matched) = self.ignore.matches(&path, &folder.matched);
        let ignored = ignored && !self.always.contains(&path);
        if meta.is_dir() {
            let prefix = format!("{path}/");
            let holds_more =
                self.ignore.may_except_in(&path) || self.always.iter().any(|one| one.starts_with(&prefix));
            if !ignored || holds_more {
                let folder = match Folder::open(prefix, real.clone(), matched, Some(Box::new(meta))) {
                    // What is ignored need not be ours to read.
                    Err(error) if ignored && error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
                    folder => folder?,
                };
                self.folders.push(folder);
                if !ignored {
                    self.write_folders(out);
                }
            }
            return Ok(());
        }
        if ignored {
            return Ok(());
        }
        let kind = meta.file_type();
        let mut header = header(&meta);
        if kind.is_symlink() {
            let target = fs::read_link(&real).map_err(|error| at(&real, &error))?;
            header.set_entry_type(EntryType::Symlink);
            self.write_folders(out);
            entry(out, &mut header, path.as_bytes(), &slashed(&target));
        } else if kind.is_file() {
            let file = match open(&real) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                file => file.map_err(|error| at(&real, &error))?,
            };
            header.set_entry_type(EntryType::Regular);
            header.set_size(meta.len());
            self.write_folders(out);
            entry(out, &mut header, path.as_bytes(), b"");
            self.file = Some(OpenFile {
                file,
                path: real,
                left: meta.len(),
                padding: padding(meta.len()),
            });
        } else {
            tracing::debug!(
                path,
                "neither a file, a folder nor a link: left out of the context"
            );
        }
        Ok(())
    }

    /// Writes the folders down to the one at hand that have not been written.
    fn write_folders(&mut self, out: &mut BytesMut) {
        for folder in &mut self.folders {
            if let Some(meta) = folder.unwritten.take() {
                let mut header = header(&meta);
                header.set_entry_type(EntryType::Directory);
                entry(out, &mut header, folder.path.as_bytes(), b"");
            }
        }
    }
}

impl Folder {
    fn open(path: String, real: PathBuf, matched: Matched, meta: Option<Box<Metadata>>) -> io::Result<Self> {
        let names = fs::read_dir(&real)
            .and_then(|entries| {
                entries
                    .map(|entry| entry.map(|entry| entry.file_name()))
                    .collect()
            })
            .map_err(|error| at(&real, &error));
        let mut names: Vec<OsString> = names?;
        names.sort_unstable();
        Ok(Self {
            path,
            real,
            names: names.into_iter(),
            matched,
            unwritten: meta,
        })
    }
}

impl OpenFile {
    /// Adds what still fits; whether that was all.
    fn fill(&mut self, out: &mut BytesMut) -> io::Result<bool> {
        let room = PIECE.saturating_sub(out.len()).max(BLOCK);
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(room);
        if wanted > 0 {
            let begin = out.len();
            out.put_bytes(0, wanted);
            let place = out.get_mut(begin..).unwrap_or_default();
            let read = self.file.read(place).map_err(|error| at(&self.path, &error))?;
            out.truncate(begin + read);
            if read == 0 {
                let shorter = io::Error::other("it became shorter while it was read");
                return Err(at(&self.path, &shorter));
            }
            self.left -= read as u64;
        }
        if self.left == 0 {
            out.put_bytes(0, self.padding);
        }
        Ok(self.left == 0)
    }
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Opens what was a plain file a moment ago, and does not hang at what it may be now.
fn open(path: &Path) -> io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    options.open(path)
}

#[cfg(unix)]
fn header(meta: &Metadata) -> Header {
    use std::os::unix::fs::MetadataExt as _;
    let mut header = Header::new_gnu();
    header.set_mode(meta.mode() & 0o7777);
    header.set_mtime(u64::try_from(meta.mtime()).unwrap_or(0));
    header
}

#[cfg(not(unix))]
fn header(meta: &Metadata) -> Header {
    let mut header = Header::new_gnu();
    // Docker's own choice where there are no modes.
    header.set_mode(0o755);
    let since = |at: std::time::SystemTime| at.duration_since(std::time::UNIX_EPOCH).ok();
    header.set_mtime(
        meta.modified()
            .ok()
            .and_then(since)
            .map_or(0, |age| age.as_secs()),
    );
    header
}

/// Where a link leads, as a tar has it.
fn slashed(target: &Path) -> Vec<u8> {
    let bytes = target.as_os_str().as_encoded_bytes();
    match cfg!(windows) {
        true => bytes
            .iter()
            .map(|byte| if *byte == b'\\' { b'/' } else { *byte })
            .collect(),
        false => bytes.to_vec(),
    }
}

/// Adds a header, with what does not fit into it in front.
fn entry(out: &mut BytesMut, header: &mut Header, name: &[u8], link: &[u8]) {
    header.set_uid(0);
    header.set_gid(0);
    if !header.entry_type().is_file() {
        header.set_size(0);
    }
    for (kind, text) in [(EntryType::GNULongLink, link), (EntryType::GNULongName, name)] {
        if text.len() > SHORT {
            let mut long = Header::new_gnu();
            long.set_entry_type(kind);
            long.set_size(text.len() as u64 + 1);
            fit(&mut long.as_old_mut().name, b"././@LongLink");
            long.set_cksum();
            out.put_slice(long.as_bytes());
            out.put_slice(text);
            out.put_u8(0);
            pad(out, text.len() as u64 + 1);
        }
    }
    let old = header.as_old_mut();
    fit(&mut old.name, name);
    fit(&mut old.linkname, link);
    header.set_cksum();
    out.put_slice(header.as_bytes());
}

fn fit(place: &mut [u8; SHORT], text: &[u8]) {
    for (place, byte) in place.iter_mut().zip(text) {
        *place = *byte;
    }
}

fn padding(length: u64) -> usize {
    #[allow(clippy::cast_possible_truncation, reason = "less than a block")]
    let over = (length % BLOCK as u64) as usize;
    if over == 0 { 0 } else { BLOCK - over }
}

fn pad(out: &mut BytesMut, length: u64) {
    out.put_bytes(0, padding(length));
}

#[cfg(test)]
#[cfg(unix)]
#[path = "context_tests.rs"]
mod tests;
