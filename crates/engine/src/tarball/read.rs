//! Entries out of a stream of pieces.

use std::borrow::Cow;
use std::fmt;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use tar::{EntryType, Header, PaxExtensions};

use super::BLOCK;
use super::write::padding;
use crate::Error;

/// Longest name, and longest list of further words on an entry. Linux knows no path above 4 KiB.
const MAX_WORDS: u64 = 1024 * 1024;

/// An entry of a tar; its bytes come from [`TarReader::piece`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// As it stands there: it may be absolute, or lead out.
    pub(crate) name: Vec<u8>,
    pub(crate) kind: EntryKind,
    /// Bytes that follow.
    pub(crate) size: u64,
    pub(crate) mode: u32,
    /// Seconds since 1970.
    pub(crate) mtime: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EntryKind {
    File,
    Folder,
    Symlink(Vec<u8>),
    /// Another name of an entry before it.
    HardLink(Vec<u8>),
    /// A device, a pipe, or what nobody here knows.
    Other,
}

/// Why a tar cannot be read on.
#[derive(Debug)]
pub(crate) enum BadTar {
    /// It is none.
    Form(&'static str),
    /// It ends in the middle.
    Cut,
    /// Its source failed.
    Source(Error),
}

impl fmt::Display for BadTar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form(what) => f.write_str(what),
            Self::Cut => f.write_str("the archive ends in the middle"),
            Self::Source(_) => f.write_str("the archive could not be read"),
        }
    }
}

impl std::error::Error for BadTar {}

pub(crate) struct TarReader<S> {
    input: S,
    /// What was read and not yet looked at.
    held: Bytes,
    /// Bytes of the entry that were not taken yet, and the rest of its last block.
    left: u64,
    padding: u64,
    ended: bool,
}

impl<S: Stream<Item = Result<Bytes, Error>> + Unpin> TarReader<S> {
    pub(crate) fn new(input: S) -> Self {
        Self {
            input,
            held: Bytes::new(),
            left: 0,
            padding: 0,
            ended: false,
        }
    }

    /// The next entry; what was left of the last one is skipped. `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Entry>, BadTar> {
        let (mut long_name, mut long_link, mut further) = (None, None, Further::default());
        loop {
            if self.ended {
                return Ok(None);
            }
            self.skip().await?;
            let Some(header) = self.header().await? else {
                self.ended = true;
                // The other side's connection ends well only when it is read to its end.
                while self.more().await? {
                    self.held.clear();
                }
                return Ok(None);
            };
            let bad = |_| BadTar::Form("a number in the archive is none");
            let size = header.entry_size().map_err(bad)?;
            self.expect(size);
            match header.entry_type() {
                EntryType::GNULongName => long_name = Some(self.name().await?),
                EntryType::GNULongLink => long_link = Some(self.name().await?),
                EntryType::XHeader => further = Further::read(&self.words().await?)?,
                // Words on all entries to come: none of them is of use to us.
                EntryType::XGlobalHeader => {}
                kind => {
                    // Where both are given this one holds; whoever takes the other one reads content as headers.
                    let size = further.size.unwrap_or(size);
                    let is_bare = matches!(
                        kind,
                        EntryType::Link
                            | EntryType::Symlink
                            | EntryType::Char
                            | EntryType::Block
                            | EntryType::Directory
                            | EntryType::Fifo
                    );
                    self.expect(if is_bare { 0 } else { size });
                    let mut link = || {
                        let inline = || header.link_name_bytes().map(Cow::into_owned);
                        further
                            .link
                            .take()
                            .or(long_link.take())
                            .or_else(inline)
                            .unwrap_or_default()
                    };
                    let kind = match kind {
                        EntryType::Regular | EntryType::Continuous => EntryKind::File,
                        EntryType::Directory => EntryKind::Folder,
                        EntryType::Symlink => EntryKind::Symlink(link()),
                        EntryType::Link => EntryKind::HardLink(link()),
                        _ => EntryKind::Other,
                    };
                    let name = further.name.take().or(long_name);
                    return Ok(Some(Entry {
                        name: name.unwrap_or_else(|| header.path_bytes().into_owned()),
                        kind,
                        size: self.left,
                        mode: header.mode().unwrap_or(0o644),
                        mtime: header.mtime().unwrap_or(0),
                    }));
                }
            }
        }
    }

    /// The next piece of the entry's bytes; `None` after the last.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, BadTar> {
        if self.left == 0 {
            return Ok(None);
        }
        if !self.more().await? {
            return Err(BadTar::Cut);
        }
        let take = self
            .held
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= take as u64;
        Ok(Some(self.held.split_to(take)))
    }

    fn expect(&mut self, size: u64) {
        self.left = size;
        self.padding = padding(size) as u64;
    }

    /// Sees to it that something is held; `false` at the end.
    async fn more(&mut self) -> Result<bool, BadTar> {
        while self.held.is_empty() {
            match self.input.next().await {
                Some(Ok(piece)) => self.held = piece,
                Some(Err(error)) => return Err(BadTar::Source(error)),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    async fn skip(&mut self) -> Result<(), BadTar> {
        while self.piece().await?.is_some() {}
        while self.padding > 0 {
            if !self.more().await? {
                return Err(BadTar::Cut);
            }
            let take = self
                .held
                .len()
                .min(usize::try_from(self.padding).unwrap_or(usize::MAX));
            self.held.advance(take);
            self.padding -= take as u64;
        }
        Ok(())
    }

    /// The next header; `None` for the empty block that ends a tar, and where nothing comes any more.
    async fn header(&mut self) -> Result<Option<Header>, BadTar> {
        let mut header = Header::new_old();
        let mut have = 0;
        while have < BLOCK {
            if !self.more().await? {
                return if have == 0 { Ok(None) } else { Err(BadTar::Cut) };
            }
            let take = self.held.len().min(BLOCK - have);
            self.held
                .copy_to_slice(&mut header.as_mut_bytes()[have..have + take]);
            have += take;
        }
        let bytes = header.as_bytes();
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        // The sum counts its own field as spaces.
        let sum = bytes
            .iter()
            .enumerate()
            .map(|(at, byte)| {
                if (148..156).contains(&at) {
                    32
                } else {
                    u32::from(*byte)
                }
            })
            .sum::<u32>();
        if header.cksum().ok() != Some(sum) {
            return Err(BadTar::Form("this is no archive"));
        }
        Ok(Some(header))
    }

    /// The bytes of an entry that says something of the next one.
    async fn words(&mut self) -> Result<Vec<u8>, BadTar> {
        if self.left > MAX_WORDS {
            return Err(BadTar::Form("a name in the archive is too long"));
        }
        let mut words = BytesMut::new();
        while let Some(piece) = self.piece().await? {
            words.extend_from_slice(&piece);
        }
        Ok(words.to_vec())
    }

    async fn name(&mut self) -> Result<Vec<u8>, BadTar> {
        let mut name = self.words().await?;
        if let Some(end) = name.iter().position(|byte| *byte == 0) {
            name.truncate(end);
        }
        Ok(name)
    }
}

/// What stands before an entry in the newer form.
#[derive(Default)]
struct Further {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Further {
    fn read(words: &[u8]) -> Result<Self, BadTar> {
        let mut all = Self::default();
        for word in PaxExtensions::new(words) {
            let word = word.map_err(|_| BadTar::Form("a word on an entry of the archive cannot be read"))?;
            let value = word.value_bytes();
            match word.key_bytes() {
                b"path" => all.name = Some(value.to_vec()),
                b"linkpath" => all.link = Some(value.to_vec()),
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                    all.size = Some(size.ok_or(BadTar::Form("a number in the archive is none"))?);
                }
                _ => {}
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use proptest::prelude::*;

    use super::super::{END, Head, HeadKind, head};
    use super::*;

    type Read = Vec<(Entry, Vec<u8>)>;

    fn read(pieces: Vec<Bytes>) -> Result<Read, BadTar> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut reader = TarReader::new(stream::iter(pieces.into_iter().map(Ok)));
            let mut all = Vec::new();
            while let Some(entry) = reader.next().await? {
                let mut bytes = Vec::new();
                while let Some(piece) = reader.piece().await? {
                    bytes.extend_from_slice(&piece);
                }
                all.push((entry, bytes));
            }
            Ok(all)
        })
    }

    fn written(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (name, bytes) in entries {
            let entry = Head {
                name,
                mode: 0o640,
                uid: 1,
                gid: 2,
                mtime: 3,
                kind: HeadKind::File(bytes.len() as u64),
            };
            out.extend_from_slice(&head(&entry).unwrap());
            out.extend_from_slice(bytes);
            out.resize(out.len() + padding(bytes.len() as u64), 0);
        }
        out.extend_from_slice(&END);
        out
    }

    #[test]
    fn links_folders_and_long_names_are_read_as_they_were_written() {
        let long = vec![b'x'; 300];
        let mut out = Vec::new();
        for (name, kind) in [
            (b"folder".as_slice(), HeadKind::Folder),
            (b"link", HeadKind::Link(&long)),
            (&long, HeadKind::Link(b"../up")),
        ] {
            let entry = Head {
                name,
                mode: 0o755,
                uid: 0,
                gid: 0,
                mtime: 7,
                kind,
            };
            out.extend_from_slice(&head(&entry).unwrap());
        }
        out.extend_from_slice(&END);
        let all = read(vec![out.into()]).unwrap();
        assert_eq!(
            (all[0].0.name.as_slice(), &all[0].0.kind),
            (b"folder/".as_slice(), &EntryKind::Folder)
        );
        assert_eq!(all[1].0.kind, EntryKind::Symlink(long.clone()));
        assert_eq!(
            (&all[2].0.name, &all[2].0.kind),
            (&long, &EntryKind::Symlink(b"../up".to_vec()))
        );
        assert_eq!((all[2].0.mode, all[2].0.mtime), (0o755, 7));
    }

    #[test]
    fn a_size_in_further_words_holds_over_the_headers() {
        // Whoever goes by the header's 0 takes the next block, which is content, for a header.
        let mut pax = Header::new_ustar();
        pax.set_entry_type(EntryType::XHeader);
        pax.set_size(12);
        pax.set_cksum();
        let mut file = Header::new_ustar();
        file.set_entry_type(EntryType::Regular);
        file.set_size(0);
        file.set_cksum();
        let mut out = pax.as_bytes().to_vec();
        out.extend_from_slice(b"12 size=600\n");
        out.resize(1024, 0);
        out.extend_from_slice(file.as_bytes());
        out.resize(out.len() + 1024, b'c');
        out.extend_from_slice(&END);
        let all = read(vec![out.into()]).unwrap();
        assert_eq!((all.len(), all[0].1.len()), (1, 600));
    }

    #[test]
    fn what_is_no_tar_is_an_error_and_allocates_nothing() {
        assert!(matches!(read(vec![vec![b'x'; 512].into()]), Err(BadTar::Form(_))));
        let mut huge = Header::new_gnu();
        huge.set_entry_type(EntryType::GNULongName);
        huge.set_size(u64::MAX / 2);
        huge.set_cksum();
        assert!(matches!(
            read(vec![huge.as_bytes().to_vec().into()]),
            Err(BadTar::Form(_))
        ));
        let mut file = Header::new_gnu();
        file.set_size(u64::MAX / 2);
        file.set_cksum();
        assert!(matches!(
            read(vec![file.as_bytes().to_vec().into()]),
            Err(BadTar::Cut)
        ));
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_entries(
            entries in prop::collection::vec((prop::collection::vec(1u8..=255, 1..260), prop::collection::vec(any::<u8>(), 0..1300)), 0..5),
            cuts in prop::collection::vec(1usize..700, 1..20),
        ) {
            let mut wire = Bytes::from(written(&entries));
            let mut pieces = Vec::new();
            for cut in cuts.iter().cycle() {
                if wire.is_empty() { break; }
                pieces.push(wire.split_to((*cut).min(wire.len())));
            }
            let got: Vec<_> = read(pieces).unwrap().into_iter().map(|(entry, bytes)| (entry.name, bytes)).collect();
            prop_assert_eq!(got, entries);
        }

        #[test]
        fn a_tar_cut_anywhere_is_an_error_or_ends_between_entries(at in 0usize..2500) {
            let entries = [(b"a".to_vec(), vec![1; 600]), (b"b".to_vec(), vec![2; 10])];
            let mut wire = written(&entries);
            wire.truncate(at);
            match read(vec![wire.into()]) {
                Ok(got) => prop_assert!(got.iter().zip(&entries).all(|(got, is)| got.1 == is.1)),
                Err(error) => prop_assert!(matches!(error, BadTar::Cut)),
            }
        }

        #[test]
        fn rubbish_never_panics(mut bytes in prop::collection::vec(any::<u8>(), 0..3000), kind: u8, size: [u8; 12]) {
            if bytes.len() >= 512 {
                // A header that gets as far as being looked at.
                let mut header = Header::new_gnu();
                header.as_mut_bytes()[..512].copy_from_slice(&bytes[..512]);
                header.as_mut_bytes()[156] = kind;
                header.as_mut_bytes()[124..136].copy_from_slice(&size);
                header.set_cksum();
                bytes[..512].copy_from_slice(header.as_bytes());
            }
            let _ = read(vec![bytes.into()]);
        }
    }
}
