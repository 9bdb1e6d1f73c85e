//! Every call about containers, images and the engine itself, on real engines.

use std::time::Duration;

use longshore_core::{ContainerState, ObjectRef, Outcome, Verb};
use longshore_engine::{Engine, ErrorKind, ListContainers};
use longshore_testkit::lease::{LABEL, on_each};

use crate::support::{client, is_podman, nobody, sample, spec, start};

#[tokio::test]
async fn an_engine_says_what_it_is() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let ping = engine.ping().await.unwrap();
        let podman = is_podman(&lease);
        let os = Some("linux").filter(|_| !podman);
        assert_eq!((ping.os_type.as_deref(), ping.podman), (os, podman));
        let version = engine.version().await.unwrap();
        assert_eq!(version.api_version, ping.api_version);
        assert_eq!(
            engine.api_version(),
            ping.api_version
                .map(|theirs| theirs.min(longshore_engine::ApiVersion::NEWEST))
        );
        assert!(!version.version.is_empty() && version.os == "linux" && !version.components.is_empty());
        let info = engine.info().await.unwrap();
        assert!(info.ncpu.unwrap() > 0 && info.mem_total.unwrap() > 1 << 20);
        assert_eq!(info.id.is_empty(), podman, "Podman's is another in every answer");
        assert!(info.system_time.is_some() && info.images.unwrap() > 0);
        assert_eq!(info.server_version, version.version);
    })
    .await;
}

#[tokio::test]
async fn a_container_lives_its_whole_life() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let spec = spec(&lease, "life", &["sleep", "60"])
            .env("A", "b")
            .label("note", "x y/z");
        let created = engine.create_container(&spec).await.unwrap();
        let id = ObjectRef::from(&created.id);
        let name = ObjectRef::new(&lease.name("life")).unwrap();

        let again = engine.create_container(&spec).await.unwrap_err();
        assert!(again.is_conflict(), "{again:?}");
        let one = engine.inspect_container(&name).await.unwrap();
        assert_eq!(
            (&one.id, &one.state, one.exit_code),
            (&created.id, &ContainerState::Created, None)
        );
        assert_eq!(
            (one.labels["note"].as_str(), one.env.0.contains(&"A=b".to_owned())),
            ("x y/z", true)
        );

        assert_eq!(engine.act(&id, &Verb::Start).await.unwrap(), Outcome::Done);
        assert_eq!(engine.act(&id, &Verb::Start).await.unwrap(), Outcome::AlreadySo);
        let prefix = ObjectRef::new(created.id.short()).unwrap();
        let one = engine.inspect_container(&prefix).await.unwrap();
        assert_eq!((one.state, one.tty), (ContainerState::Running, false));
        assert!(one.pid.is_some() && one.started_at.is_some() && one.finished_at.is_none());

        assert_eq!(engine.act(&id, &Verb::Pause).await.unwrap(), Outcome::Done);
        assert!(engine.act(&id, &Verb::Pause).await.is_err());
        assert_eq!(
            engine.inspect_container(&id).await.unwrap().state,
            ContainerState::Paused
        );
        assert_eq!(engine.act(&id, &Verb::Unpause).await.unwrap(), Outcome::Done);

        assert_eq!(
            engine
                .act(
                    &id,
                    &Verb::Restart {
                        timeout: Some(5),
                        signal: None
                    }
                )
                .await
                .unwrap(),
            Outcome::Done
        );
        assert_eq!(
            engine.inspect_container(&id).await.unwrap().state,
            ContainerState::Running
        );
        assert_eq!(
            engine
                .act(
                    &id,
                    &Verb::Stop {
                        timeout: Some(5),
                        signal: None
                    }
                )
                .await
                .unwrap(),
            Outcome::Done
        );
        assert_eq!(engine.act(&id, &Verb::STOP).await.unwrap(), Outcome::AlreadySo);
        let one = engine.inspect_container(&id).await.unwrap();
        assert_eq!(one.state, ContainerState::Exited);
        assert!(one.exit_code.is_some() && one.finished_at.is_some() && one.pid.is_none());

        let remove = Verb::Remove {
            force: false,
            volumes: true,
        };
        assert_eq!(engine.act(&id, &remove).await.unwrap(), Outcome::Done);
        assert!(engine.act(&id, &remove).await.unwrap_err().is_not_found());
    })
    .await;
}

#[tokio::test]
async fn a_killed_container_is_waited_for() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let mut spec = spec(&lease, "kill", &["sleep", "60"]);
        spec.init = false;
        let id = start(&engine, &spec).await;
        let waiting = engine.wait_container(&id);
        let kill = async {
            engine
                .act(
                    &id,
                    &Verb::Kill {
                        signal: Some("KILL".into()),
                    },
                )
                .await
        };
        let (exit, killed) = tokio::join!(waiting, kill);
        assert_eq!((exit.unwrap().code, killed.unwrap()), (137, Outcome::Done));
        let again = engine.act(&id, &Verb::Kill { signal: None }).await.unwrap_err();
        assert!(again.is_conflict() || again.status() == Some(500), "{again:?}");
        let exit = engine.wait_container(&id).await.unwrap();
        assert_eq!(exit.code, 137, "one that has ended is not waited for");
        let bad = engine
            .act(
                &id,
                &Verb::Kill {
                    signal: Some("NOSUCH&signal=TERM".into()),
                },
            )
            .await
            .unwrap_err();
        assert!(!bad.is_transient(), "{bad:?}");
    })
    .await;
}

#[tokio::test]
async fn a_list_is_filtered_by_the_engine() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        start(&engine, &spec(&lease, "up", &["sleep", "60"])).await;
        engine
            .create_container(&spec(&lease, "new", &["true"]))
            .await
            .unwrap();
        let label = format!("{LABEL}={}", lease.run_id());
        let all = engine
            .list_containers(&ListContainers::all().filter("label", &label))
            .await
            .unwrap();
        let mut states: Vec<_> = all
            .iter()
            .map(|one| (one.name.clone(), one.state.clone()))
            .collect();
        states.sort();
        let expected = [
            (lease.name("new"), ContainerState::Created),
            (lease.name("up"), ContainerState::Running),
        ];
        assert_eq!(states, expected);
        assert!(
            all.iter()
                .all(|one| one.image == sample(&lease) && one.labels["io.longshore.managed"] == "true")
        );
        let running = engine
            .list_containers(&ListContainers::running().filter("label", &label))
            .await
            .unwrap();
        assert_eq!(running.len(), 1);
        let bad = engine
            .list_containers(&ListContainers::all().filter("nonsense", "x"))
            .await
            .unwrap_err();
        assert!(
            matches!(bad.kind(), ErrorKind::BadInput | ErrorKind::Status) && !bad.is_transient(),
            "{bad:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn images_have_names_and_sizes() {
    on_each(|lease| async move {
        let name = sample(&lease);
        let images = client(&lease)
            .await
            .list_images(&Default::default())
            .await
            .unwrap();
        let sample = images.iter().find(|image| image.tags.contains(&name)).unwrap();
        assert!(sample.size > 0 && sample.id.starts_with("sha256:") && sample.created.is_some());
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let id = nobody();
        let mut errors = vec![
            engine.inspect_container(&id).await.unwrap_err(),
            engine.wait_container(&id).await.unwrap_err(),
            engine.stats_once(&id).await.unwrap_err(),
            engine.stats_stream(&id).await.unwrap_err(),
            engine
                .logs(&id, &longshore_engine::LogOptions::default())
                .await
                .unwrap_err(),
            engine
                .exec(&id, &longshore_engine::ExecSpec::new(["true"]))
                .await
                .unwrap_err(),
        ];
        for verb in [Verb::Start, Verb::Pause, Verb::STOP, Verb::Kill { signal: None }] {
            errors.push(engine.act(&id, &verb).await.unwrap_err());
        }
        let mut no_image = spec(&lease, "no-image", &["true"]);
        no_image.image = "longshore/no-such-image:1".to_owned();
        errors.push(engine.create_container(&no_image).await.unwrap_err());
        for error in errors {
            assert!(error.is_not_found() && error.status() == Some(404), "{error:?}");
            let text = error.to_string().to_lowercase();
            assert!(text.contains("no such"), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_spec_that_no_engine_takes_is_refused_before_it_is_sent() {
    let engine = Engine::new("/nowhere/docker.sock".parse().unwrap(), Default::default());
    let spec = longshore_core::ContainerSpec::new("img").name("../x");
    let error = engine.create_container(&spec).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BadInput);
    assert!(!error.is_connect());
}

#[tokio::test]
async fn a_dropped_call_leaves_the_engine_usable() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let id = start(&engine, &spec(&lease, "drop", &["sleep", "60"])).await;
        for _ in 0..20 {
            for limit in [0, 50, 100, 200, 400, 1000] {
                let call = engine.inspect_container(&id);
                let _ = tokio::time::timeout(Duration::from_micros(limit), call).await;
                // An answer left on a kept connection would be read as this one's.
                engine.ping().await.unwrap();
                assert_eq!(
                    engine.inspect_container(&id).await.unwrap().name,
                    lease.name("drop")
                );
            }
        }
    })
    .await;
}
