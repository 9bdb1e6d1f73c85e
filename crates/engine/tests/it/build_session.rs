//! Builds that ask for more than credentials in BuildKit's session: secrets and SSH agents.

use futures_util::TryStreamExt as _;
use longshore_core::ImageRef;
use longshore_engine::{BuildContext, BuildEvent, BuildImage, Builder, ErrorKind, SecretSource, SshAgent};
use longshore_testkit::lease::{IMAGE, Lease, on_each};

use crate::build::{build, folder, options};
use crate::images::name;
use crate::support::{client, is_podman};

/// Options for BuildKit, with nothing taken from a cache.
pub(crate) fn anew(lease: &Lease) -> BuildImage {
    BuildImage {
        no_cache: true,
        ..options(lease, Builder::BuildKit)
    }
}

fn contains(all: &[u8], part: &str) -> bool {
    all.windows(part.len()).any(|window| window == part.as_bytes())
}

#[tokio::test]
async fn a_secret_is_read_by_the_step_that_asks_for_it_and_is_nowhere_in_the_image() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let secret = format!("hunter2-{}", lease.run_id());
        let marker = format!("marker-{}", lease.run_id());
        let kept = folder(&[("kept", &format!("{secret}\n"))]);
        let text = format!(
            "FROM {IMAGE}\nCOPY marker /marker\n\
             RUN --mount=type=secret,id=token cmp /run/secrets/token /marker || wc -c /run/secrets/token\n\
             RUN --mount=type=secret,id=file,target=/root/kept,mode=0444 wc -l /root/kept; ls -l /root/kept\n\
             RUN --mount=type=secret,id=path cat /run/secrets/path; echo\n\
             RUN --mount=type=secret,id=other ls /run/secrets/other || echo no other\n"
        );
        let root = folder(&[("Dockerfile", &text), ("marker", &marker)]);
        let tag = name(&lease, "with-secrets");
        let options = anew(&lease)
            .tag(tag.clone())
            .secret("token", SecretSource::bytes(secret.clone()))
            .secret("file", SecretSource::file(kept.path().join("kept")))
            .secret("path", SecretSource::environment("PATH"));
        let (seen, built) = build(&engine, BuildContext::folder(root.path()), &options).await;
        if is_podman(&lease) {
            // It has no BuildKit, and no session.
            assert_eq!(built.unwrap_err().kind(), ErrorKind::Version);
            return;
        }
        built.unwrap();
        for word in [
            &format!("{} /run/secrets/token", secret.len()),
            "1 /root/kept",
            "-r--r--r--",
            &std::env::var("PATH").unwrap(),
            "no other",
        ] {
            assert!(seen.out.contains(word), "{word}: {seen:?}");
        }

        let tag = ImageRef::from(&tag);
        let saved = engine.save_images(std::slice::from_ref(&tag)).await.unwrap();
        let saved: Vec<_> = saved.try_collect().await.unwrap();
        let saved = saved.concat();
        let history = format!("{:?}", engine.image_history(&tag).await.unwrap());
        // What is looked for would be found.
        assert!(
            contains(&saved, &marker) && history.contains("run/secrets/token"),
            "{history}"
        );
        assert!(!contains(&saved, &secret) && !history.contains(&secret));
        assert!(!format!("{seen:?} {options:?}").contains(&secret));
    })
    .await;
}

#[tokio::test]
async fn a_secret_that_is_required_and_not_given_fails_the_build() {
    on_each(|lease| async move {
        if is_podman(&lease) {
            return;
        }
        let engine = client(&lease).await;
        let text =
            format!("FROM {IMAGE}\nRUN --mount=type=secret,id=wanted,required cat /run/secrets/wanted\n");
        let root = folder(&[("Dockerfile", &text)]);
        // With a session that has others, and with none at all.
        let given = anew(&lease).secret("token", SecretSource::bytes("hunter2"));
        for (options, word) in [(given, "wanted"), (anew(&lease), "session")] {
            let (_, built) = build(&engine, BuildContext::folder(root.path()), &options).await;
            let error = built.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Failed, "{error:?}");
            assert!(error.message().unwrap().contains(word), "{error}");
        }
    })
    .await;
}

/// `env=` came with BuildKit 0.15 (Docker 27.2).
#[tokio::test]
async fn a_secret_is_a_variable_where_the_engine_knows_that() {
    on_each(|lease| async move {
        if is_podman(&lease) {
            return;
        }
        let engine = client(&lease).await;
        let text =
            format!("FROM {IMAGE}\nRUN --mount=type=secret,id=token,env=TOKEN echo \"$TOKEN\" | wc -c\n");
        let root = folder(&[("Dockerfile", &text)]);
        let options = anew(&lease).secret("token", SecretSource::bytes("twelve bytes"));
        let (seen, built) = build(&engine, BuildContext::folder(root.path()), &options).await;
        if lease.engine_name() == "newest" {
            built.unwrap();
            assert!(seen.out.contains("13\n"), "{seen:?}");
        } else {
            let error = built.unwrap_err();
            assert!(error.message().unwrap().contains("env"), "{error:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_classic_builder_takes_none_of_it() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let root = folder(&[("Dockerfile", &format!("FROM {IMAGE}\n"))]);
        let classic = options(&lease, Builder::Classic);
        for options in [
            classic.clone().secret("token", SecretSource::bytes("hunter2")),
            classic.ssh_agent("default", SshAgent::socket("/none")),
        ] {
            let (_, built) = build(&engine, BuildContext::folder(root.path()), &options).await;
            let error = built.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadInput);
            assert!(error.to_string().contains("BuildKit"), "{error}");
            assert!(error.hint().unwrap().contains("Builder::BuildKit"));
        }
    })
    .await;
}

#[cfg(target_os = "linux")]
mod agents {
    use longshore_testkit::ssh_agent::SshAgent as Agent;

    use super::*;

    #[tokio::test]
    async fn a_step_lists_the_keys_of_its_agent_and_cannot_take_them_away() {
        on_each(|lease| async move {
            if is_podman(&lease) {
                return;
            }
            let (Some(work), Some(home)) = (Agent::start("key-of-work"), Agent::start("key-of-home")) else {
                return;
            };
            let engine = client(&lease).await;
            let root = folder(&[]);
            let add = Agent::copy_ssh_add(root.path(), "/t").unwrap();
            let text = format!(
                "FROM {IMAGE}\nCOPY . /t\n\
                 RUN --mount=type=ssh {add} -l\n\
                 RUN --mount=type=ssh,id=home {add} -l; {add} -D 2>&1; {add} -l; {add} -x </dev/null; {add} -l\n\
                 RUN --mount=type=ssh,id=other {add} -l 2>&1 || echo none other\n\
                 RUN --mount=type=ssh for i in $(seq 40); do {add} -l >/tmp/$i & done; wait; cat /tmp/* | sort | uniq -c\n"
            );
            std::fs::write(root.path().join("Dockerfile"), text).unwrap();
            let options = anew(&lease)
                .ssh_agent("default", SshAgent::socket(work.socket()))
                .ssh_agent("home", SshAgent::socket(home.socket()));
            let (seen, built) = build(&engine, BuildContext::folder(root.path()), &options).await;
            built.unwrap_or_else(|error| panic!("{error:?} {seen:?}"));
            let lists = |comment| seen.out.matches(comment).count();
            // Each alone, and forty connections at once.
            assert_eq!((lists("key-of-work"), lists("key-of-home")), (2, 3), "{seen:?}");
            assert!(seen.out.contains("     40 256 "), "{seen:?}");
            assert!(seen.out.contains("none other\n"), "{seen:?}");
            let left = home.ssh_add(&["-l"]).unwrap();
            assert!(contains(&left.stdout, "key-of-home"), "{left:?}");
        })
        .await;
    }

    #[tokio::test]
    async fn an_agent_that_goes_away_is_lost_to_the_step_and_not_to_the_build() {
        on_each(|lease| async move {
            if is_podman(&lease) {
                return;
            }
            let Some(mut work) = Agent::start("key-of-work") else {
                return;
            };
            let engine = client(&lease).await;
            let root = folder(&[]);
            let add = Agent::copy_ssh_add(root.path(), "/t").unwrap();
            let text = format!(
                "FROM {IMAGE}\nCOPY . /t\n\
                 RUN --mount=type=ssh {add} -l; echo listed; \
                 while {add} -l >/dev/null 2>&1; do :; done; {add} -l 2>&1; echo gone on\n"
            );
            std::fs::write(root.path().join("Dockerfile"), text).unwrap();
            let options = anew(&lease).ssh_agent("default", SshAgent::socket(work.socket()));
            let mut build = engine
                .build_image(BuildContext::folder(root.path()), &options)
                .await
                .unwrap();
            let mut out = String::new();
            while let Some(event) = build.try_next().await.unwrap() {
                if let BuildEvent::Output { bytes, .. } = event {
                    out.push_str(&String::from_utf8_lossy(&bytes));
                    if out.contains("listed") {
                        work.kill();
                    }
                }
            }
            assert!(out.contains("key-of-work") && out.contains("gone on"), "{out}");
            let error = engine
                .build_image(BuildContext::folder(root.path()), &options)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadInput, "{error:?}");
        })
        .await;
    }
}
