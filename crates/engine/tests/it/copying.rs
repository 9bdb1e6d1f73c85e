//! Files into and out of containers, on real engines.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use longshore_engine::{CopyIn, CopyOut, CopyOwner, ErrorKind, ExecSpec};
use longshore_testkit::lease::{on_each, on_each_within};
use longshore_testkit::relay::Way;
use longshore_testkit::sized;

use crate::support::{client, is_podman, nobody, spec, start};

/// A folder with a bit of everything in it.
fn tree(root: &Path) {
    let long = "n".repeat(120);
    fs::create_dir_all(root.join("sub").join(&long)).unwrap();
    fs::write(root.join("plain"), "plain\n").unwrap();
    fs::write(root.join("empty"), "").unwrap();
    fs::write(root.join("sub").join(&long).join("deep"), vec![7; 200_000]).unwrap();
    fs::write(root.join("tool"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(root.join("tool"), fs::Permissions::from_mode(0o750)).unwrap();
    symlink("plain", root.join("link")).unwrap();
    symlink("/no/such/place", root.join("dangling")).unwrap();
    fs::set_permissions(root.join("sub"), fs::Permissions::from_mode(0o555)).unwrap();
}

fn same(one: &Path, other: &Path) {
    let names = |folder: &Path| {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let (a, b) = (
        fs::symlink_metadata(one).unwrap(),
        fs::symlink_metadata(other).unwrap(),
    );
    assert_eq!(a.file_type(), b.file_type(), "{}", other.display());
    if a.is_symlink() {
        assert_eq!(fs::read_link(one).unwrap(), fs::read_link(other).unwrap());
        return;
    }
    assert_eq!(a.mode(), b.mode(), "{}", other.display());
    if a.is_dir() {
        assert_eq!(names(one), names(other));
        for name in names(one) {
            same(&one.join(&name), &other.join(&name));
        }
    } else {
        assert_eq!(a.mtime(), b.mtime(), "{}", other.display());
        assert!(
            fs::read(one).unwrap() == fs::read(other).unwrap(),
            "{}",
            other.display()
        );
    }
}

#[tokio::test]
async fn a_folder_comes_back_as_it_went_in() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        // Never started: a copy needs no process.
        let created = engine
            .create_container(&spec(&lease, "copy", &["true"]))
            .await
            .unwrap();
        let id = longshore_core::ObjectRef::from(&created.id);
        let here = tempfile::tempdir().unwrap();
        let from = here.path().join("tree");
        fs::create_dir(&from).unwrap();
        tree(&from);

        let copied = engine
            .copy_to(&id, &from, "/tmp", &CopyIn::default())
            .await
            .unwrap();
        assert_eq!((copied.entries, copied.bytes, copied.skipped), (9, 200_016, 0));
        let back = here.path().join("back");
        let copied = engine
            .copy_from(&id, "/tmp/tree", &back, &CopyOut::default())
            .await
            .unwrap();
        assert_eq!((copied.entries, copied.bytes), (9, 200_016));
        same(&from, &back);

        // Again, over what is there; and into a folder that is there, under its own name.
        engine
            .copy_from(&id, "/tmp/tree/.", &back, &CopyOut::default())
            .await
            .unwrap();
        same(&from, &back);
        let into = here.path().join("into");
        fs::create_dir(&into).unwrap();
        engine
            .copy_from(&id, "/tmp/tree", &into, &CopyOut::default())
            .await
            .unwrap();
        same(&from, &into.join("tree"));

        // A folder that is not there becomes it; contents alone go into one.
        engine
            .copy_to(&id, &from, "/tmp/other", &CopyIn::default())
            .await
            .unwrap();
        let mut dot = from.clone().into_os_string();
        dot.push("/.");
        engine
            .copy_to(&id, Path::new(&dot), "/tmp/other", &CopyIn::default())
            .await
            .unwrap();
        let other = here.path().join("other");
        engine
            .copy_from(&id, "/tmp/other", &other, &CopyOut::default())
            .await
            .unwrap();
        same(&from, &other);
        for folder in [&from, &back, &into.join("tree"), &other] {
            fs::set_permissions(folder.join("sub"), fs::Permissions::from_mode(0o755)).unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_file_goes_where_it_is_named_and_belongs_to_whom_it_shall() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let id = start(&engine, &spec(&lease, "file", &["sleep", "60"]).user("1234:2345")).await;
        let here = tempfile::tempdir().unwrap();
        let file = here.path().join("file");
        fs::write(&file, "words").unwrap();
        symlink(&file, here.path().join("link")).unwrap();
        let owner = async |path: &str| {
            let stat = ExecSpec::new(["stat", "-c", "%u:%g %a %F", path]);
            let out = engine.exec(&id, &stat).await.unwrap().stdout;
            String::from_utf8(out.to_vec()).unwrap().trim().to_owned()
        };
        let options = |owner| CopyIn { follow: false, owner };
        engine
            .copy_to(&id, &file, "/tmp/a", &options(CopyOwner::Root))
            .await
            .unwrap();
        assert_eq!(owner("/tmp/a").await, "0:0 644 regular file");
        engine
            .copy_to(&id, &file, "/tmp/b", &options(CopyOwner::Ids(7, 8)))
            .await
            .unwrap();
        assert_eq!(owner("/tmp/b").await, "7:8 644 regular file");
        engine
            .write_file(&id, "/tmp/d", "bytes", 0o4600, CopyOwner::Root)
            .await
            .unwrap();
        assert_eq!(owner("/tmp/d").await, "0:0 4600 regular file");
        assert_eq!(&engine.read_file(&id, "/tmp/d", 5).await.unwrap()[..], b"bytes");
        let large = engine.read_file(&id, "/tmp/d", 4).await.unwrap_err();
        assert_eq!(large.kind(), ErrorKind::TooLarge);

        // A link is kept, or followed.
        let link = here.path().join("link");
        engine
            .copy_to(&id, &link, "/tmp/kept", &CopyIn::default())
            .await
            .unwrap();
        assert!(owner("/tmp/kept").await.ends_with("symbolic link"));
        let follow = CopyIn {
            follow: true,
            ..CopyIn::default()
        };
        engine
            .copy_to(&id, &link, "/tmp/followed", &follow)
            .await
            .unwrap();
        assert_eq!(owner("/tmp/followed").await, "0:0 644 regular file");

        // Out of a link, and through one.
        engine
            .exec(&id, &ExecSpec::new(["ln", "-s", "/tmp/a", "/tmp/l"]).user("0"))
            .await
            .unwrap();
        assert_eq!(&engine.read_file(&id, "/tmp/l", 100).await.unwrap()[..], b"words");
        let out = here.path().join("out");
        engine
            .copy_from(
                &id,
                "/tmp/l",
                &out,
                &CopyOut {
                    follow: true,
                    limit: None,
                },
            )
            .await
            .unwrap();
        assert_eq!(fs::read(&out).unwrap(), b"words");
        engine
            .copy_from(&id, "/tmp/l", &out, &CopyOut::default())
            .await
            .unwrap();
        if is_podman(&lease) {
            // It follows every link that is named.
            assert_eq!(fs::read(&out).unwrap(), b"words");
        } else {
            assert_eq!(
                fs::read_link(&out).unwrap(),
                Path::new("/tmp/a"),
                "kept, and it replaced the file"
            );
        }

        // A device stays in the container.
        let script = "mkdir /tmp/odd && mknod /tmp/odd/null c 1 3 && mkfifo /tmp/odd/pipe";
        let mknod = ExecSpec::new(["sh", "-c", script]).user("0");
        assert_eq!(engine.exec(&id, &mknod).await.unwrap().exit_code, 0);
        let odd = here.path().join("odd");
        let copied = engine
            .copy_from(&id, "/tmp/odd", &odd, &CopyOut::default())
            .await
            .unwrap();
        assert_eq!((copied.entries, copied.skipped), (1, 2));
        assert_eq!(fs::read_dir(&odd).unwrap().count(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_copied_says_why() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let mut read_only = spec(&lease, "ro", &["sleep", "60"]);
        read_only.read_only_root = true;
        let id = start(&engine, &read_only).await;
        let here = tempfile::tempdir().unwrap();
        let file = here.path().join("file");
        fs::write(&file, "x").unwrap();
        let (into, out) = (CopyIn::default(), CopyOut::default());

        let missing = engine
            .copy_to(&id, here.path().join("none"), "/tmp", &into)
            .await
            .unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::BadInput);
        assert!(missing.to_string().contains("none"), "{missing}");
        assert!(
            engine
                .copy_to(&nobody(), &file, "/tmp", &into)
                .await
                .unwrap_err()
                .is_not_found()
        );
        assert!(
            engine
                .copy_to(&id, &file, "/no/such/", &into)
                .await
                .unwrap_err()
                .is_not_found()
        );
        assert!(engine.copy_to(&id, &file, "/no/such", &into).await.is_err());
        let folder = engine
            .copy_to(&id, here.path(), "/etc/passwd", &into)
            .await
            .unwrap_err();
        assert!(folder.is_conflict() || folder.is_not_found(), "{folder:?}");
        let refused = engine.copy_to(&id, &file, "/", &into).await.unwrap_err();
        assert!(refused.message().unwrap().contains("read-only"), "{refused:?}");

        assert!(
            engine
                .copy_from(&id, "/no/such", here.path(), &out)
                .await
                .unwrap_err()
                .is_not_found()
        );
        let nowhere = here.path().join("a/b/c");
        let error = engine
            .copy_from(&id, "/bin/busybox", &nowhere, &out)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadInput, "{error:?}");
        let small = CopyOut {
            limit: Some(1000),
            ..out
        };
        let error = engine
            .copy_from(&id, "/bin/busybox", here.path(), &small)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        let error = engine.read_file(&id, "/bin", 1 << 20).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadInput);
    })
    .await;
}

#[tokio::test]
async fn a_copy_that_breaks_is_an_error_and_the_engine_stays_usable() {
    on_each(|lease| async move {
        let direct = client(&lease).await;
        let created = direct
            .create_container(&spec(&lease, "broken", &["true"]))
            .await
            .unwrap();
        let id = longshore_core::ObjectRef::from(&created.id);
        let here = tempfile::tempdir().unwrap();
        let file = here.path().join("file");
        fs::write(&file, vec![b'x'; 300_000]).unwrap();
        direct
            .copy_to(&id, &file, "/tmp", &CopyIn::default())
            .await
            .unwrap();
        let relay = longshore_testkit::Relay::start(lease.target()).unwrap();
        let engine = longshore_engine::Engine::new(relay.endpoint().parse().unwrap(), Default::default());
        for after in [0, 100, 700, 1_500, 150_000, 290_000] {
            engine.ping().await.unwrap();
            relay.cut(Way::Down, after);
            let out = here.path().join("out");
            let error = engine
                .copy_from(&id, "/tmp/file", &out, &CopyOut::default())
                .await
                .unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::Protocol),
                "{after}: {error:?}"
            );
            engine.ping().await.unwrap();
            relay.cut(Way::Up, after);
            match engine.copy_to(&id, &file, "/tmp/in", &CopyIn::default()).await {
                // What was cut was the look at what is there, which may be sent again.
                Ok(copied) => assert!(after < 1_000 && copied.bytes == 300_000),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted, "{after}: {error:?}"),
            }
            assert!(!relay.take_cut());
        }
        // A file that cannot be read whole ends the call too, and says which.
        let endless = here.path().join("endless");
        fs::write(&endless, vec![b'x'; 5_000_000]).unwrap();
        let shorten = async {
            tokio::task::yield_now().await;
            fs::OpenOptions::new()
                .write(true)
                .open(&endless)
                .unwrap()
                .set_len(100)
                .unwrap();
        };
        let options = CopyIn::default();
        let (copied, ()) = tokio::join!(engine.copy_to(&id, &endless, "/tmp", &options), shorten);
        if let Err(error) = copied {
            assert_eq!(error.kind(), ErrorKind::BadInput, "{error:?}");
        }
        engine.ping().await.unwrap();
    })
    .await;
}

/// The most memory that this process has held, in bytes.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn a_large_file_is_copied_in_little_memory() {
    let size: u64 = sized(64 << 20, 2 << 30);
    on_each_within(Duration::from_secs(600), move |lease| async move {
        let engine = client(&lease).await;
        let id = start(&engine, &spec(&lease, "large", &["sleep", "600"])).await;
        let here = tempfile::tempdir().unwrap();
        let file = here.path().join("large");
        fs::File::create(&file).unwrap().set_len(size).unwrap();
        let before = peak();
        let began = std::time::Instant::now();
        engine
            .copy_to(&id, &file, "/tmp/large", &CopyIn::default())
            .await
            .unwrap();
        let (sent, began) = (began.elapsed(), std::time::Instant::now());
        let copied = engine
            .copy_from(&id, "/tmp/large", here.path().join("back"), &CopyOut::default())
            .await
            .unwrap();
        assert_eq!(copied.bytes, size);
        let grown = peak() - before;
        println!(
            "{size} bytes: in {sent:?}, out {:?}, {grown} bytes of memory",
            began.elapsed()
        );
        assert!(grown < 20 << 20, "{grown}");
    })
    .await;
}
