//! Builds whose files come here instead of staying there as an image.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use futures_util::{StreamExt as _, TryStreamExt as _};
use longshore_core::{ContainerSpec, ObjectRef};
use longshore_engine::{
    BuildContext, BuildEvent, BuildImage, BuildOutput, Builder, Copied, CopyOut, Engine, Error, ErrorKind,
    SecretSource, StepState,
};
use longshore_testkit::lease::{IMAGE, LABEL, Lease, on_each};
use tokio::io::AsyncReadExt as _;

use crate::build::{folder, options};
use crate::build_session::anew;
use crate::images::name;
use crate::support::{REMOVE, client, is_podman};

/// Every kind of thing that a folder may hold, in `/out` of an image with nothing else. The same whenever it is built:
/// another test may take the build's cache away.
fn dockerfile() -> String {
    format!(
        "FROM {IMAGE} AS made\n\
         RUN --mount=type=secret,id=token mkdir -p '/out/deep/er/with blanks' /out/empty /out/closed && cd /out && \
         wc -c </run/secrets/token >length && echo hello >deep/er/'with blanks'/file && ln -s ../length deep/link && \
         ln -s /etc/passwd absolute && ln length again && chmod 4755 length && echo x >closed/x && chmod 500 closed && \
         seq 1400000 >large && chmod 600 large && mkfifo pipe && : >nothing && \
         find . -exec touch -h -d '2001-02-03 04:05:06' {{}} +\n\
         FROM scratch\nCOPY --from=made /out /out\nCMD [\"none\"]\n"
    )
}

/// Every path below a folder, with what it is: its kind and mode, its content or target, its time in seconds.
fn tree(root: &Path) -> BTreeMap<String, (u32, Vec<u8>, i64)> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            let (content, time) = if meta.is_dir() {
                open.push(path);
                // Filling a folder sets its time.
                (Vec::new(), 0)
            } else if meta.is_symlink() {
                let target = fs::read_link(&path).unwrap();
                (target.into_os_string().into_encoded_bytes(), 0)
            } else {
                (fs::read(&path).unwrap(), meta.mtime())
            };
            found.insert(name, (meta.permissions().mode(), content, time));
        }
    }
    found
}

async fn build_to(
    engine: &Engine,
    root: &Path,
    options: &BuildImage,
    output: BuildOutput,
) -> Result<Copied, Error> {
    let build = engine.build_to(BuildContext::folder(root), options, output);
    build.await?.finish().await
}

/// Options with the secret that [`dockerfile`] reads.
fn with_secret(lease: &Lease) -> BuildImage {
    options(lease, Builder::BuildKit).secret("token", SecretSource::bytes("hunter2"))
}

#[tokio::test]
async fn a_folder_gets_the_files_that_an_image_would_have() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let root = folder(&[("Dockerfile", &dockerfile())]);
        let place = folder(&[("out/length", "old"), ("mine", "mine")]);
        let options = with_secret(&lease);
        let built = build_to(&engine, root.path(), &options, BuildOutput::folder(place.path())).await;
        if is_podman(&lease) {
            assert_eq!(built.unwrap_err().kind(), ErrorKind::Version);
            return;
        }
        let copied = built.unwrap();
        assert_eq!(fs::read_to_string(place.path().join("mine")).unwrap(), "mine");
        let tree_here = tree(&place.path().join("out"));
        assert_eq!(tree_here["length"].1, b"7\n");
        // The oldest BuildKit's `COPY` leaves pipes out by itself.
        let pipes = u64::from(lease.engine_name() != "oldest");
        let expected = (tree_here.len() as u64 + 1, pipes);
        assert_eq!((copied.entries, copied.skipped), expected, "{copied:?}");
        assert!(copied.bytes > 9 << 20, "{copied:?}");

        // The same files, out of a container of the image that the same build makes.
        let tag = name(&lease, "with-files");
        let image = engine
            .build_image(BuildContext::folder(root.path()), &options.tag(tag.clone()))
            .await
            .unwrap();
        image.finish().await.unwrap();
        let spec = ContainerSpec::new(tag.to_string())
            .name(lease.name("files"))
            .label(LABEL, lease.run_id());
        let id = ObjectRef::from(&engine.create_container(&spec).await.unwrap().id);
        let copy = tempfile::tempdir().unwrap();
        engine
            .copy_from(&id, "/out", copy.path(), &CopyOut::default())
            .await
            .unwrap();
        engine.act(&id, &REMOVE).await.unwrap();
        assert_eq!(tree_here, tree(&copy.path().join("out")));
        let links = |file: &str| fs::metadata(place.path().join("out").join(file)).unwrap().nlink();
        assert_eq!((links("length"), links("again"), links("large")), (2, 2, 1));
    })
    .await;
}

#[tokio::test]
async fn a_tar_is_written_as_it_comes_and_its_steps_are_told() {
    on_each(|lease| async move {
        if is_podman(&lease) {
            return;
        }
        let engine = client(&lease).await;
        let root = folder(&[("Dockerfile", &dockerfile())]);
        let path = root.path().join("out.tar");
        let file = tokio::fs::File::create(&path).await.unwrap();
        let output = BuildOutput::tar(file);
        let options = with_secret(&lease);
        let mut build = engine
            .build_to(BuildContext::folder(root.path()), &options, output)
            .await
            .unwrap();
        let (mut steps, mut copied) = (0, None);
        while let Some(event) = build.try_next().await.unwrap() {
            assert!(copied.is_none(), "it is the last item");
            match event {
                BuildEvent::Step(step)
                    if step.state == StepState::Done || step.state == StepState::Cached =>
                {
                    steps += 1;
                }
                BuildEvent::Done(done) => copied = Some(done),
                _ => {}
            }
        }
        assert!(steps > 3, "{steps}");
        assert_eq!(copied.unwrap().bytes, fs::metadata(&path).unwrap().len());
        let mut tar = tar::Archive::new(fs::File::open(&path).unwrap());
        let names: Vec<_> = tar
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().into_owned())
            .collect();
        for name in ["out/large", "out/absolute", "out/deep/er/with blanks/file"] {
            assert!(names.contains(&name.into()), "{names:?}");
        }
        // It made no image that bears our label.
        let all = engine.list_images(&Default::default()).await.unwrap();
        assert!(
            !all.iter()
                .any(|image| image.labels.get(LABEL).is_some_and(|run| run == lease.run_id()))
        );
    })
    .await;
}

#[tokio::test]
async fn an_output_that_cannot_be_is_the_error() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let text = format!(
            "FROM {IMAGE} AS good\nFROM good\nRUN echo {}; exit 42\n",
            lease.run_id()
        );
        let root = folder(&[("Dockerfile", &text), ("file", "mine")]);
        let file = root.path().join("file");
        let output = || BuildOutput::folder(&file);
        for (options, word) in [
            (anew(&lease), "/file"),
            (options(&lease, Builder::Classic), "BuildKit"),
        ] {
            let error = build_to(&engine, root.path(), &options, output())
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadInput);
            assert!(error.to_string().contains(word), "{error}");
        }
        if is_podman(&lease) {
            return;
        }
        // A writer that fails is told as what it is, whatever the engine says of it.
        let (writer, reader) = tokio::io::duplex(100);
        drop(reader);
        let good = anew(&lease).target("good");
        let error = build_to(&engine, root.path(), &good, BuildOutput::tar(writer))
            .await
            .unwrap_err();
        let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(
            source.map(io::Error::kind),
            Some(io::ErrorKind::BrokenPipe),
            "{error:?}"
        );
        // A step that fails is told as what it is.
        let place = tempfile::tempdir().unwrap();
        let error = build_to(
            &engine,
            root.path(),
            &anew(&lease),
            BuildOutput::folder(place.path()),
        )
        .await
        .unwrap_err();
        assert!(
            error.kind() == ErrorKind::Failed && error.message().unwrap().contains("42"),
            "{error:?}"
        );
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_build_that_is_dropped_in_the_middle_of_its_output_leaves_its_beginning() {
    on_each(|lease| async move {
        if is_podman(&lease) {
            return;
        }
        let engine = client(&lease).await;
        let root = folder(&[("Dockerfile", &dockerfile())]);
        let (writer, mut reader) = tokio::io::duplex(1000);
        let options = with_secret(&lease);
        let build = engine.build_to(
            BuildContext::folder(root.path()),
            &options,
            BuildOutput::tar(writer),
        );
        let mut build = build.await.unwrap();
        let mut beginning = vec![0; 1 << 20];
        // Nobody takes the rest: it cannot have come to its end.
        tokio::select! {
            read = reader.read_exact(&mut beginning) => { read.unwrap(); }
            () = async { while build.next().await.is_some() {} } => panic!("it has ended"),
        }
        drop(build);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).await.unwrap();
        assert!(rest.len() <= 1000, "{}", rest.len());
        // The engine is none the worse for it.
        let place = tempfile::tempdir().unwrap();
        let copied = build_to(&engine, root.path(), &options, BuildOutput::folder(place.path()))
            .await
            .unwrap();
        assert!(copied.bytes > 9 << 20, "{copied:?}");
    })
    .await;
}
