//! Headers of entries.

use std::io;

use bytes::{Bytes, BytesMut};
use tar::{EntryType, Header};

use super::BLOCK;

/// Two empty blocks end a tar.
pub(crate) const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// What stands in front of an entry's bytes.
pub(crate) struct Head<'a> {
    /// Its path, with `/` between parts; relative.
    pub(crate) name: &'a [u8],
    /// Permission bits.
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    /// Seconds since 1970.
    pub(crate) mtime: u64,
    pub(crate) kind: HeadKind<'a>,
}

pub(crate) enum HeadKind<'a> {
    /// So many bytes follow, and their [`padding`].
    File(u64),
    Folder,
    /// Where it leads.
    Link(&'a [u8]),
}

/// Bytes that fill an entry's last block.
pub(crate) fn padding(size: u64) -> usize {
    let over = (size % BLOCK as u64) as usize;
    (BLOCK - over) % BLOCK
}

/// The header of an entry, long names before it.
pub(crate) fn head(entry: &Head<'_>) -> io::Result<Bytes> {
    let mut out = BytesMut::with_capacity(BLOCK);
    let mut header = Header::new_gnu();
    let mut name = entry.name.to_vec();
    match entry.kind {
        HeadKind::File(size) => {
            header.set_entry_type(EntryType::Regular);
            header.set_size(size);
        }
        HeadKind::Folder => {
            header.set_entry_type(EntryType::Directory);
            header.set_size(0);
            if name.last() != Some(&b'/') {
                name.push(b'/');
            }
        }
        HeadKind::Link(target) => {
            header.set_entry_type(EntryType::Symlink);
            header.set_size(0);
            let field = &mut gnu(&mut header)?.linkname;
            if !fits(field, target) {
                long(&mut out, EntryType::GNULongLink, target)?;
            }
        }
    }
    if !fits(&mut gnu(&mut header)?.name, &name) {
        long(&mut out, EntryType::GNULongName, &name)?;
    }
    header.set_mode(entry.mode & 0o7777);
    header.set_uid(entry.uid);
    header.set_gid(entry.gid);
    header.set_mtime(entry.mtime);
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
    Ok(out.freeze())
}

fn gnu(header: &mut Header) -> io::Result<&mut tar::GnuHeader> {
    header
        .as_gnu_mut()
        .ok_or_else(|| io::Error::other("a header of another kind"))
}

/// Writes as much of a name as there is room for; says whether that was all.
fn fits(field: &mut [u8], name: &[u8]) -> bool {
    let length = name.len().min(field.len());
    field[..length].copy_from_slice(&name[..length]);
    name.len() <= field.len()
}

/// GNU's way to write a name that does not fit: an entry of its own before the one it names.
fn long(out: &mut BytesMut, kind: EntryType, name: &[u8]) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    fits(&mut gnu(&mut header)?.name, b"././@LongLink");
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    let size = name.len() as u64 + 1;
    header.set_size(size);
    header.set_cksum();
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(name);
    out.resize(out.len() + 1 + padding(size), 0);
    Ok(())
}
