//! Builds with both builders: what they are told and tell, what they get of a folder, and how they fail.

use std::collections::BTreeSet;
use std::fs;

use futures_util::TryStreamExt as _;
use longshore_core::{ImageName, ImageRef};
use longshore_engine::{
    BuildContext, BuildEvent, BuildImage, BuildStep, Builder, Built, Dockerfile, Engine, Error, ErrorKind,
    InspectImage, StdStream, StepState,
};
use longshore_testkit::lease::{IMAGE, LABEL, Lease, on_each};

use crate::images::name;
use crate::support::{client, is_podman};

const BOTH: [Builder; 2] = [Builder::Classic, Builder::BuildKit];

/// What a test needs to know of a build.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) steps: Vec<BuildStep>,
    pub(crate) out: String,
    pub(crate) err: String,
    pulls: usize,
}

impl Seen {
    pub(crate) fn states(&self, part: &str) -> Vec<&StepState> {
        self.steps
            .iter()
            .filter(|step| step.name.contains(part))
            .map(|step| &step.state)
            .collect()
    }
}

/// A folder with these files; a name with a slash at its end is a folder.
pub(crate) fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    root
}

pub(crate) fn options(lease: &Lease, builder: Builder) -> BuildImage {
    let mut options = BuildImage::default()
        .label(LABEL, lease.run_id())
        .builder(builder);
    options.network = Some("none".to_owned());
    options
}

pub(crate) async fn build(
    engine: &Engine,
    context: BuildContext,
    options: &BuildImage,
) -> (Seen, Result<Built, Error>) {
    let mut seen = Seen::default();
    let mut build = match engine.build_image(context, options).await {
        Ok(build) => build,
        Err(error) => return (seen, Err(error)),
    };
    let mut built = None;
    loop {
        assert!(
            built.is_none() || matches!(build.try_next().await, Ok(None)),
            "the image is the last item"
        );
        match build.try_next().await {
            Ok(Some(BuildEvent::Step(step))) => seen.steps.push(step),
            Ok(Some(BuildEvent::Output { stream, bytes, .. })) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                match stream {
                    StdStream::Stdout => seen.out.push_str(&text),
                    StdStream::Stderr => seen.err.push_str(&text),
                }
            }
            Ok(Some(BuildEvent::Pull(_))) => seen.pulls += 1,
            Ok(Some(BuildEvent::Done(done))) => built = Some(done),
            Ok(Some(_)) => {}
            Ok(None) => {
                return (
                    seen,
                    Ok(built.expect("a stream without an error ends with an image")),
                );
            }
            Err(error) => {
                assert!(
                    build.try_next().await.unwrap().is_none(),
                    "the error is the last item"
                );
                return (seen, Err(error));
            }
        }
    }
}

#[tokio::test]
async fn an_image_is_built_with_all_that_it_is_told_and_tells_its_steps() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        for builder in BOTH {
            // A builder of its own for each name is Docker's.
            let run = format!("{}-{builder:?}", lease.run_id());
            let text = format!(
                "FROM {IMAGE} AS first\nARG WHAT=nothing\nCOPY hello /hello\nRUN echo \"$WHAT {run}\"; cat /hello; echo oh >&2\n\
                 FROM first AS second\nRUN echo never\n"
            );
            let root = folder(&[("Dockerfile", &text), ("hello", "hello from the context\n")]);
            let tag = name(&lease, &format!("built-{builder:?}").to_lowercase());
            let options = options(&lease, builder).tag(tag.clone()).arg("WHAT", "something&else").target("first");
            let (seen, built) = build(&engine, BuildContext::folder(root.path()), &options).await;
            let built = built.unwrap();
            assert!(seen.out.contains(&format!("something&else {run}\n")), "{seen:?}");
            // Podman tells no standard error apart.
            let err = if is_podman(&lease) { &seen.out } else { &seen.err };
            assert!(seen.out.contains("hello from the context\n") && err.contains("oh\n"), "{seen:?}");
            assert!(!seen.out.contains("never") && !seen.out.contains("intermediate"), "{seen:?}");
            assert_eq!(seen.states("RUN"), [&StepState::Started, &StepState::Done], "{seen:?}");
            assert!(built.id.starts_with("sha256:"));
            let image = engine.inspect_image(&ImageRef::from(&tag), &InspectImage::default()).await.unwrap();
            assert_eq!((&image.id, image.config.labels[LABEL].as_str()), (&built.id, lease.run_id()));

            let (seen, again) = build(&engine, BuildContext::folder(root.path()), &options).await;
            again.unwrap();
            assert_eq!(seen.states("RUN").last(), Some(&&StepState::Cached), "{seen:?}");
            let anew = BuildImage { no_cache: true, ..options };
            let (seen, again) = build(&engine, BuildContext::folder(root.path()), &anew).await;
            again.unwrap();
            assert_eq!(seen.states("RUN").last(), Some(&&StepState::Done), "{seen:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_step_that_fails_is_named_and_its_output_kept() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let text = format!(
            "FROM {IMAGE}\nRUN echo before {}; exit 42\nRUN echo after",
            lease.run_id()
        );
        let root = folder(&[("Dockerfile", &text)]);
        for builder in BOTH {
            let (seen, built) = build(
                &engine,
                BuildContext::folder(root.path()),
                &options(&lease, builder),
            )
            .await;
            let error = built.unwrap_err();
            assert!(
                error.kind() == ErrorKind::Failed && error.message().unwrap().contains("42"),
                "{error:?}"
            );
            assert!(
                seen.out.contains("before") && !seen.out.contains("after"),
                "{seen:?}"
            );
            let Some(StepState::Failed(why)) = seen.states("before").last() else {
                panic!("{seen:?}")
            };
            assert!(why.contains("42"), "{why}");
            assert!(seen.states("after").is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_built_is_an_error_and_most_of_it_before_anything_is_sent() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let root = folder(&[
            ("Dockerfile", "FROM x"),
            ("sub/Dockerfile", "FROM x"),
            ("bad/.dockerignore", "["),
        ]);
        let folder = |sub: &str| BuildContext::folder(root.path().join(sub));
        let at = |path: &str| Dockerfile::Inside(path.to_owned());
        for (context, dockerfile, word) in [
            (folder("no-such"), at("Dockerfile"), "cannot be read"),
            (folder(""), at("none"), "none"),
            (folder("sub"), at("../Dockerfile"), "leads out"),
            (folder("sub"), at("/etc/passwd"), "leads out"),
            (
                folder("bad"),
                Dockerfile::Text("FROM x".to_owned()),
                ".dockerignore",
            ),
            (
                folder(""),
                Dockerfile::Outside("/no/such/file".into()),
                "/no/such/file",
            ),
            (
                BuildContext::tar(vec![]),
                Dockerfile::Text("FROM x".to_owned()),
                "only be added to a folder",
            ),
        ] {
            let options = options(&lease, Builder::Classic).dockerfile(dockerfile);
            let error = engine.build_image(context, &options).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadInput, "{error:?}");
            assert!(error.to_string().contains(word), "{error}");
        }
        for builder in BOTH {
            let options = options(&lease, builder);
            for text in ["FROM", "NONSENSE x", "", "FROM 127.0.0.1:1/no-such:1"] {
                let options = options.clone().dockerfile(Dockerfile::Text(text.to_owned()));
                let (_, built) = build(&engine, folder("sub"), &options).await;
                let error = built.unwrap_err();
                assert!(
                    error.message().is_some_and(|message| !message.is_empty()),
                    "{text:?}: {error:?}"
                );
            }
            let (_, built) = build(&engine, BuildContext::tar(b"no tar".to_vec()), &options).await;
            let error = built.unwrap_err();
            // Podman says 500 and not a word more.
            assert_eq!(error.message().is_none(), is_podman(&lease), "{error:?}");
        }
    })
    .await;
}

/// The files of the folder that a build copies.
async fn copied(
    engine: &Engine,
    lease: &Lease,
    builder: Builder,
    ignore: &str,
    dockerfile: Dockerfile,
) -> BTreeSet<String> {
    let inside = format!(
        "FROM {IMAGE}\nCOPY . /c\nRUN echo {}; cd /c && find . -type f -o -type l\n",
        lease.run_id()
    );
    let root = folder(&[
        ("Dockerfile", &inside),
        (".dockerignore", ignore),
        ("a.txt", "a"),
        ("b.md", "b"),
        ("dir/c.md", "c"),
        ("dir/sub/d.txt", "d"),
        ("dir/x", "x"),
    ]);
    std::os::unix::fs::symlink("a.txt", root.path().join("link")).unwrap();
    let dockerfile = match dockerfile {
        Dockerfile::Text(_) => Dockerfile::Text(inside),
        other => other,
    };
    let options = BuildImage {
        no_cache: true,
        ..options(lease, builder).dockerfile(dockerfile)
    };
    let (seen, built) = build(engine, BuildContext::folder(root.path()), &options).await;
    built.unwrap_or_else(|error| panic!("{builder:?} {ignore:?}: {error:?}"));
    let line = |line: &str| line.strip_prefix("./").map(str::to_owned);
    seen.out.lines().filter_map(line).collect()
}

#[tokio::test]
async fn a_folder_is_sent_as_its_ignore_file_says() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let files = |text: &str| {
            text.split_ascii_whitespace()
                .map(str::to_owned)
                .collect::<BTreeSet<_>>()
        };
        // What `docker buildx build` sends for the same folder.
        for (ignore, expected) in [
            (
                "**/*.md\nlink",
                ".dockerignore Dockerfile a.txt dir/sub/d.txt dir/x",
            ),
            (
                "*\n!*/*\n!Dockerfile\ndir",
                "Dockerfile dir/c.md dir/sub/d.txt dir/x",
            ),
        ] {
            // Podman matches once more what it gets, and a pattern counts below the folder that it names.
            let is_strict = is_podman(&lease) && ignore.ends_with("dir");
            for builder in BOTH {
                // For BuildKit it gets no ignore file.
                let is_strict = is_strict && builder == Builder::Classic;
                let expected = if is_strict { "Dockerfile" } else { expected };
                let copied = copied(&engine, &lease, builder, ignore, Dockerfile::default()).await;
                assert_eq!(copied, files(expected), "{builder:?} {ignore:?}");
            }
        }
        let hidden = "Dockerfile\n.dockerignore\n*.md\ndir";
        let classic = copied(&engine, &lease, Builder::Classic, hidden, Dockerfile::default()).await;
        assert_eq!(classic, files("a.txt link"));
        // BuildKit reads the Dockerfile out of the same tar, and leaves it there.
        let buildkit = copied(&engine, &lease, Builder::BuildKit, hidden, Dockerfile::default()).await;
        assert_eq!(buildkit, files("Dockerfile a.txt link"));
        let text = Dockerfile::Text(String::new());
        assert_eq!(
            copied(&engine, &lease, Builder::Classic, hidden, text).await,
            files("a.txt link")
        );
    })
    .await;
}

#[tokio::test]
async fn a_dockerfile_from_elsewhere_and_a_context_as_a_tar_build_too() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let text = format!("FROM {IMAGE}\nCOPY x /x\nRUN echo {}; cat /x\n", lease.run_id());
        let elsewhere = folder(&[("My.Dockerfile", &text)]);
        let root = folder(&[("x", "content\n"), ("Dockerfile", "FROM nothing-of-this")]);
        let mut tar = tar::Builder::new(Vec::new());
        for (name, content) in [("x", "content\n"), ("in/Other", &text)] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        let tar = tar.into_inner().unwrap();
        for builder in BOTH {
            let options = options(&lease, builder);
            for dockerfile in [
                Dockerfile::Text(text.clone()),
                Dockerfile::Outside(elsewhere.path().join("My.Dockerfile")),
            ] {
                let options = BuildImage {
                    no_cache: true,
                    ..options.clone().dockerfile(dockerfile)
                };
                let (seen, built) = build(&engine, BuildContext::folder(root.path()), &options).await;
                built.unwrap();
                assert!(seen.out.contains("content\n"), "{seen:?}");
            }
            let options = options.dockerfile(Dockerfile::Inside("in/Other".to_owned()));
            let (_, built) = build(&engine, BuildContext::tar(tar.clone()), &options).await;
            built.unwrap();
        }
    })
    .await;
}

#[cfg(target_os = "linux")]
mod linux {
    use std::time::Duration;

    use longshore_engine::{Credentials, PushImage, RegistryAuth, RemoveImage};
    use longshore_testkit::registry::{Access, PASSWORD, Registry, USER};

    use super::*;

    #[tokio::test]
    async fn a_base_image_behind_a_password_is_pulled_with_what_is_for_its_registry() {
        on_each(|lease| async move {
            let Some(registry) = Registry::start(&lease, Access::Password) else {
                return;
            };
            let engine = client(&lease).await;
            let base = ImageName::new(&format!("{}/{}:1", registry.host(), lease.name("base"))).unwrap();
            let right = Credentials::password(USER, PASSWORD);
            engine
                .tag_image(&ImageRef::new(IMAGE).unwrap(), &base)
                .await
                .unwrap();
            let push = PushImage::default().credentials(right.clone());
            engine
                .push_image(&base, &push)
                .await
                .unwrap()
                .finish()
                .await
                .unwrap();
            engine
                .remove_image(&ImageRef::from(&base), RemoveImage::default())
                .await
                .unwrap();

            let root = folder(&[(
                "Dockerfile",
                &format!("FROM {base}\nRUN echo {}\n", lease.run_id()),
            )]);
            let known = engine.with_registry_auth(RegistryAuth::default().with(registry.host(), right));
            let options = options(&lease, Builder::Classic);
            let (_, nobody) = build(&engine, BuildContext::folder(root.path()), &options).await;
            assert_eq!(nobody.unwrap_err().kind(), ErrorKind::Permission);
            let (seen, built) = build(&known, BuildContext::folder(root.path()), &options).await;
            built.unwrap();
            // Podman tells a pull as text.
            let pulled = seen.pulls > 1 || seen.out.contains("Trying to pull");
            assert!(pulled && (seen.pulls == 0) == is_podman(&lease), "{seen:?}");
            engine
                .remove_image(
                    &ImageRef::from(&base),
                    RemoveImage {
                        force: true,
                        ..Default::default()
                    },
                )
                .await
                .unwrap();

            // BuildKit asks for them in a session.
            let options = options.builder(Builder::BuildKit);
            let (_, nobody) = build(&engine, BuildContext::folder(root.path()), &options).await;
            let error = nobody.unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Permission | ErrorKind::Failed),
                "{error:?}"
            );
            let wrong = Credentials::password(USER, "wrong");
            let wrong = engine.with_registry_auth(RegistryAuth::default().with(registry.host(), wrong));
            let (_, refused) = build(&wrong, BuildContext::folder(root.path()), &options).await;
            assert!(refused.is_err());
            let (_, built) = build(&known, BuildContext::folder(root.path()), &options).await;
            if is_podman(&lease) {
                // It is no BuildKit, and asks nobody.
                assert_eq!(built.unwrap_err().kind(), ErrorKind::Permission);
            } else {
                built.unwrap();
            }
        })
        .await;
    }

    /// The processes on this machine that have these words in their command line.
    fn running(words: &str) -> Vec<String> {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let has_words = |pid: &String| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ").contains(words)
        };
        processes
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(has_words)
            .collect()
    }

    async fn until(state: bool, words: &str) {
        while running(words).is_empty() == state {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test]
    async fn a_build_that_is_dropped_leaves_nothing_running() {
        on_each(|lease| async move {
            let engine = client(&lease).await;
            for builder in BOTH {
                let words = format!("{}-{builder:?}", lease.run_id());
                let text = format!("FROM {IMAGE}\nRUN : {words}; sleep 3000; echo late\n");
                let root = folder(&[("Dockerfile", &text)]);
                let options = options(&lease, builder);
                let build = engine
                    .build_image(BuildContext::folder(root.path()), &options)
                    .await
                    .unwrap();
                let reading = build.finish();
                tokio::select! {
                    built = reading => panic!("{built:?}"),
                    () = until(true, &words) => {}
                }
                if is_podman(&lease) {
                    // It lets the command go on until that ends, other work or not.
                    engine.ping().await.unwrap();
                    copied(&engine, &lease, builder, "", Dockerfile::default()).await;
                    let left = running(&words);
                    assert!(!left.is_empty());
                    let killed = std::process::Command::new("kill").arg("-9").args(left).status();
                    assert!(killed.unwrap().success());
                }
                // The future is gone, and the build with it; the deadline of the test is what this may take.
                until(false, &words).await;
            }
        })
        .await;
    }
}
