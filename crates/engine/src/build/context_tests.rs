//! Folders as tars: what is in them, what is not, and that they are made piece by piece.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

/// Makes the files; a name with a slash at its end is a folder.
fn folder(files: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        let path = root.path().join(file);
        fs::create_dir_all(if file.ends_with('/') {
            &path
        } else {
            path.parent().unwrap()
        })
        .unwrap();
        if !file.ends_with('/') {
            fs::write(path, format!("content of {file}")).unwrap();
        }
    }
    root
}

fn packed(mut context: Context) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let mut piece = BytesMut::new();
        context.fill(&mut piece)?;
        if piece.is_empty() {
            assert_eq!(all.len() % BLOCK, 0);
            return Ok(all);
        }
        assert!(
            piece.len() < PIECE + 8 * BLOCK,
            "a piece of {} bytes",
            piece.len()
        );
        all.extend_from_slice(&piece);
    }
}

fn names(ignore: &str, files: &[&str]) -> Vec<String> {
    let root = folder(files);
    let mut context = Context::new(root.path().to_owned(), Ignore::read(ignore.as_bytes()).unwrap());
    context.always("Dockerfile");
    listed(&packed(context).unwrap())
}

fn listed(tar: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(tar);
    archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn what_is_ignored_is_left_out_and_what_is_excepted_comes_with_its_folders() {
    let files = [
        "Dockerfile",
        "a.txt",
        "b.md",
        "dir/c.md",
        "dir/sub/d.txt",
        "empty/",
    ];
    assert_eq!(
        names("", &files),
        [
            "Dockerfile",
            "a.txt",
            "b.md",
            "dir/",
            "dir/c.md",
            "dir/sub/",
            "dir/sub/d.txt",
            "empty/"
        ]
    );
    assert_eq!(
        names("**/*.md\nempty", &files),
        ["Dockerfile", "a.txt", "dir/", "dir/sub/", "dir/sub/d.txt"]
    );
    assert_eq!(
        names("*\n!dir/sub", &files),
        ["Dockerfile", "dir/", "dir/sub/", "dir/sub/d.txt"]
    );
    assert_eq!(
        names("**\n!**/*.md", &files),
        ["Dockerfile", "b.md", "dir/", "dir/c.md"]
    );
    assert_eq!(
        names("*\n", &files),
        ["Dockerfile"],
        "the builder reads it, ignored or not"
    );
}

#[test]
fn kinds_modes_times_links_and_long_names_are_kept_and_owners_are_not() {
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(150));
    let root = folder(&["run.sh", &long, "dir/x"]);
    let file = root.path().join("run.sh");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o4755)).unwrap();
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(then)
        .unwrap();
    symlink("/no/such/place", root.path().join("dangling")).unwrap();
    symlink("dir", root.path().join("link")).unwrap();
    symlink("t".repeat(140), root.path().join("far")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.path().join("socket")).unwrap();

    let tar = packed(Context::new(root.path().to_owned(), Ignore::default())).unwrap();
    let mut seen = BTreeMap::new();
    for entry in tar::Archive::new(&tar[..]).entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
        let facts = (
            header.entry_type(),
            header.mode().unwrap(),
            header.mtime().unwrap(),
        );
        let link = entry
            .link_name()
            .unwrap()
            .map(|link| link.to_str().unwrap().to_owned());
        let path = entry.path().unwrap().to_str().unwrap().to_owned();
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        seen.insert(path, (facts, link, content));
    }
    assert_eq!(seen["run.sh"].0, (EntryType::Regular, 0o4755, 1_000_000_000));
    assert_eq!(seen[&long].2, format!("content of {long}"));
    assert_eq!(seen["dangling"].1.as_deref(), Some("/no/such/place"));
    assert_eq!(
        (seen["link"].0.0, seen["link"].1.as_deref()),
        (EntryType::Symlink, Some("dir"))
    );
    assert_eq!(seen["far"].1.as_deref(), Some(&*"t".repeat(140)));
    assert!(!seen.contains_key("socket") && !seen.contains_key("link/x"));
}

#[test]
fn the_same_folder_is_the_same_tar() {
    let root = folder(&["b", "a", "c/z", "c/y"]);
    let tar = || packed(Context::new(root.path().to_owned(), Ignore::default())).unwrap();
    assert_eq!(tar(), tar());
}

#[test]
fn a_large_file_is_never_held() {
    let root = folder(&[]);
    let size = 40 * PIECE as u64 + 77;
    File::create(root.path().join("large"))
        .unwrap()
        .set_len(size)
        .unwrap();
    let tar = packed(Context::new(root.path().to_owned(), Ignore::default())).unwrap();
    let mut archive = tar::Archive::new(&tar[..]);
    assert_eq!(archive.entries().unwrap().next().unwrap().unwrap().size(), size);
}

#[test]
fn a_file_that_shrinks_is_an_error_that_names_it() {
    let root = folder(&[]);
    let path = root.path().join("log");
    File::create(&path).unwrap().set_len(3 * PIECE as u64).unwrap();
    let mut context = Context::new(root.path().to_owned(), Ignore::default());
    context.fill(&mut BytesMut::new()).unwrap();
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(1)
        .unwrap();
    let error = packed(context).unwrap_err().to_string();
    assert!(error.contains("log") && error.contains("shorter"), "{error}");
}

#[test]
fn a_made_up_file_stands_for_the_folders_own() {
    let root = folder(&[".dockerignore", "x"]);
    let mut context = Context::new(root.path().to_owned(), Ignore::default());
    context.instead(".dockerignore", b"made up".to_vec());
    let tar = packed(context).unwrap();
    assert_eq!(listed(&tar), [".dockerignore", "x"]);
    let mut text = String::new();
    let mut archive = tar::Archive::new(&tar[..]);
    archive
        .entries()
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "made up");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_told() {
    let context = Context::new("/no/such/folder".into(), Ignore::default());
    assert!(
        packed(context)
            .unwrap_err()
            .to_string()
            .contains("/no/such/folder")
    );
}
