//! Archives that a hostile container could send.

use std::path::Path;

use bytes::Bytes;
use futures_util::stream;
use proptest::prelude::*;

use super::unpack::{Failed, Unpack};
use super::*;
use crate::tarball::{END, Head, HeadKind, head, padding};

enum Kind {
    File(&'static [u8]),
    Folder,
    Link(&'static str),
}

fn tar(entries: &[(&str, Kind)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, kind) in entries {
        let (kind, bytes): (_, &[u8]) = match kind {
            Kind::File(bytes) => (HeadKind::File(bytes.len() as u64), bytes),
            Kind::Folder => (HeadKind::Folder, &[]),
            Kind::Link(target) => (HeadKind::Link(target.as_bytes()), &[]),
        };
        let name = name.as_bytes();
        let entry = Head {
            name,
            mode: 0o6755,
            uid: 0,
            gid: 0,
            mtime: 1,
            kind,
        };
        out.extend_from_slice(&head(&entry).unwrap());
        out.extend_from_slice(bytes);
        out.resize(out.len() + padding(bytes.len() as u64), 0);
    }
    out.extend_from_slice(&END);
    out
}

/// A tar of one entry of a kind that is not written here.
fn odd(kind: tar::EntryType, name: &str, link: &str) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_mode(0o644);
    header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_gnu_mut().unwrap().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    header.as_bytes().to_vec()
}

fn unpacked(root: &Path, archive: Vec<u8>) -> Result<Copied, Failed> {
    unpack(
        &Unpack {
            root,
            strip: 1,
            folder: None,
            limit: Some(1 << 20),
        },
        archive,
    )
}

fn unpack(unpack: &Unpack<'_>, archive: Vec<u8>) -> Result<Copied, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(unpack.run(stream::iter([Ok(Bytes::from(archive))])))
}

/// A folder with a secret beside the one that is written to.
struct Jail {
    folder: tempfile::TempDir,
}

impl Jail {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("outside")).unwrap();
        std::fs::write(folder.path().join("outside/secret"), "secret").unwrap();
        Self { folder }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn is_whole(&self) -> bool {
        let outside = self.folder.path().join("outside");
        let names: Vec<_> = std::fs::read_dir(&outside)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        let up: Vec<_> = std::fs::read_dir(self.folder.path()).unwrap().collect();
        std::fs::read(outside.join("secret")).unwrap() == b"secret" && names.len() == 1 && up.len() <= 2
    }
}

#[test]
fn nothing_is_written_outside_of_the_folder() {
    use Kind::{File, Folder, Link};
    let hostile: Vec<Vec<u8>> = vec![
        tar(&[("root/../outside/secret", File(b"x"))]),
        tar(&[("../outside/secret", File(b"x"))]),
        tar(&[
            ("root", Folder),
            ("root/up", Link("../outside")),
            ("root/up/secret", File(b"x")),
        ]),
        tar(&[
            ("root", Folder),
            ("root/up", Link("../outside")),
            ("root/up/new", Folder),
        ]),
        tar(&[
            ("root", Folder),
            ("root/secret", Link("../outside/secret")),
            ("root/secret", File(b"x")),
        ]),
        tar(&[("root", Link("outside")), ("root/secret", File(b"x"))]),
        [
            tar(&[("root", Folder), ("root/l", Link("../outside/secret"))])[..1024].to_vec(),
            odd(tar::EntryType::Link, "root/h", "root/l"),
        ]
        .concat(),
        [
            tar(&[("root", Folder)])[..512].to_vec(),
            odd(tar::EntryType::Link, "root/h", "../outside/secret"),
        ]
        .concat(),
        [
            tar(&[("root", Folder)])[..512].to_vec(),
            odd(tar::EntryType::Link, "root/h", "/etc/passwd"),
        ]
        .concat(),
    ];
    for (number, archive) in hostile.into_iter().enumerate() {
        let jail = Jail::new();
        let result = unpacked(&jail.root(), archive);
        assert!(jail.is_whole(), "{number}: {result:?}");
        if let Ok(copied) = result {
            // A link may have been replaced by what came after it; nothing went through it.
            assert_eq!(
                std::fs::read(jail.root().join("secret")).unwrap_or(b"x".to_vec()),
                b"x",
                "{copied:?}"
            );
        }
    }
}

#[test]
fn a_link_that_was_there_before_is_not_written_through() {
    let jail = Jail::new();
    std::fs::create_dir(jail.root()).unwrap();
    std::os::unix::fs::symlink("../outside", jail.root().join("sub")).unwrap();
    let archive = tar(&[("r", Kind::Folder), ("r/sub/secret", Kind::File(b"x"))]);
    assert!(matches!(
        unpacked(&jail.root(), archive),
        Err(Failed::LeadsOut(_))
    ));
    assert!(jail.is_whole());
}

#[test]
fn devices_are_left_out_and_lent_rights_are_taken_off() {
    use std::os::unix::fs::PermissionsExt;
    let jail = Jail::new();
    let mut archive = tar(&[("r", Kind::Folder), ("r/tool", Kind::File(b"x"))]);
    archive.truncate(archive.len() - END.len());
    for kind in [tar::EntryType::Char, tar::EntryType::Block, tar::EntryType::Fifo] {
        archive.extend_from_slice(&odd(kind, "r/device", ""));
    }
    archive.extend_from_slice(&END);
    let copied = unpacked(&jail.root(), archive).unwrap();
    assert_eq!((copied.entries, copied.skipped, copied.bytes), (2, 3, 1));
    assert!(!jail.root().join("device").exists());
    let mode = std::fs::metadata(jail.root().join("tool"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o755);
}

#[test]
fn a_limit_holds_before_anything_is_written() {
    let jail = Jail::new();
    let mut header = tar::Header::new_gnu();
    header.as_gnu_mut().unwrap().name[..1].copy_from_slice(b"r");
    header.set_mode(0o644);
    header.set_size(1 << 40);
    header.set_cksum();
    assert!(matches!(
        unpacked(&jail.root(), header.as_bytes().to_vec()),
        Err(Failed::TooLarge)
    ));
    assert!(!jail.root().exists());
}

#[test]
fn the_contents_of_a_folder_may_come_with_it_or_without() {
    use Kind::{File, Folder};
    use std::os::unix::fs::PermissionsExt;
    let docker = tar(&[
        ("./", Folder),
        ("./a", File(b"x")),
        ("./sub/", Folder),
        ("./sub/b", File(b"y")),
    ]);
    let podman = tar(&[("a", File(b"x")), ("sub", Folder), ("sub/b", File(b"y"))]);
    for archive in [docker, podman] {
        let jail = Jail::new();
        let root = &jail.root();
        // Twice: over what is there, too.
        for _ in 0..2 {
            let contents = Unpack {
                root,
                strip: 0,
                folder: Some(0o1750),
                limit: None,
            };
            unpack(&contents, archive.clone()).unwrap();
        }
        assert_eq!(std::fs::read(root.join("a")).unwrap(), b"x");
        assert_eq!(std::fs::read(root.join("sub/b")).unwrap(), b"y");
        assert_eq!(std::fs::read_dir(root).unwrap().count(), 2);
        assert!(jail.is_whole());
    }
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let jail = Jail::new();
    let root = &jail.root();
    let empty = Unpack {
        root,
        strip: 0,
        folder: Some(0o1750),
        limit: None,
    };
    unpack(&empty, tar(&[])).unwrap();
    assert_eq!(mode(root), 0o750, "an empty folder is one all the same");
}

#[test]
fn a_path_in_a_container_has_a_folder_and_a_name() {
    assert_eq!(split("/a/b"), Some(("/a", "b")));
    assert_eq!(split("/a/b/"), Some(("/a", "b")));
    assert_eq!(split("/a"), Some(("/", "a")));
    assert_eq!(split("a"), Some(("/", "a")));
    for none in ["", "/", "/a/..", "."] {
        assert_eq!(split(none), None, "{none}");
    }
}

proptest! {
    #[test]
    fn no_name_leads_out(names in prop::collection::vec("[ab./\\\\]{1,12}", 1..6), links in prop::collection::vec("[ab./]{1,8}", 1..6)) {
        let jail = Jail::new();
        let mut out = Vec::new();
        for (name, link) in names.iter().zip(&links) {
            for kind in [HeadKind::Link(link.as_bytes()), HeadKind::File(0)] {
                let name = name.as_bytes();
                out.extend_from_slice(&head(&Head { name, mode: 0o644, uid: 0, gid: 0, mtime: 0, kind }).unwrap());
            }
        }
        let _ = unpacked(&jail.root(), out);
        prop_assert!(jail.is_whole());
    }
}
