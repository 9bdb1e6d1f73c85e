//! What is done to and asked of a container beside start and stop, on real engines.

use futures_util::TryStreamExt as _;
use longshore_core::{
    ChangeKind, ContainerSpec, ContainerState, ObjectRef, Outcome, PortBinding, Resources, RestartPolicy,
    UpdateSpec, Verb, labels,
};
use longshore_engine::{
    CommitOptions, CopyOwner, Engine, EngineConfig, ErrorKind, ExecSpec, ListContainers, LogOptions,
    PruneFilter, WaitCondition,
};
use longshore_testkit::fake::{FakeConfig, Run, Spec};
use longshore_testkit::lease::{IMAGE, LABEL, on_each};
use longshore_testkit::{FakeEngine, raw};

use crate::support::{client, comes_true, is_podman, nobody, read_all, spec, start};

#[tokio::test]
async fn a_container_is_renamed_and_a_taken_name_refused() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let id = start(&engine, &spec(&lease, "one", &["sleep", "60"])).await;
        start(&engine, &spec(&lease, "two", &["sleep", "60"])).await;
        let name = |suffix| ObjectRef::new(&lease.name(suffix)).unwrap();
        engine.rename_container(&id, &name("three")).await.unwrap();
        assert_eq!(
            engine.inspect_container(&id).await.unwrap().name,
            lease.name("three")
        );
        assert!(
            engine
                .inspect_container(&name("one"))
                .await
                .unwrap_err()
                .is_not_found()
        );
        let taken = engine.rename_container(&id, &name("two")).await.unwrap_err();
        assert!(taken.is_conflict(), "{taken:?}");
        let nobody = engine
            .rename_container(&nobody(), &name("four"))
            .await
            .unwrap_err();
        assert!(nobody.is_not_found());
    })
    .await;
}

#[tokio::test]
async fn a_stop_and_a_restart_take_a_signal_of_ones_own_or_name_the_version() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let script = "trap 'echo quit; exit 7' QUIT; trap 'echo usr1; exit 8' USR1; echo up; while :; do sleep 0.05; done";
        let id = start(&engine, &spec(&lease, "signal", &["sh", "-c", script])).await;
        let printed = {
            let (engine, id) = (engine.clone(), id.clone());
            move |lines: &'static str| {
                let (engine, id) = (engine.clone(), id.clone());
                async move {
                    let log = engine.logs(&id, &LogOptions::default()).await.unwrap();
                    let (out, _) = read_all(log).await.unwrap();
                    if out == lines { Ok(()) } else { Err(out) }
                }
            }
        };
        let prints = async |lines: &'static str| {
            let printed = printed.clone();
            comes_true("what it prints", move || printed(lines)).await;
        };
        prints("up\n").await;
        let by = |signal: &str| (Some(20), Some(signal.into()));
        let stop = |(timeout, signal)| Verb::Stop { timeout, signal };
        let restart = |(timeout, signal)| Verb::Restart { timeout, signal };

        if engine.api_version().unwrap() < "1.42".parse().unwrap() {
            for verb in [stop(by("SIGQUIT")), restart(by("SIGUSR1"))] {
                let error = engine.act(&id, &verb).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Version, "{error:?}");
                assert!(error.to_string().contains("1.42"), "{error}");
            }
            // Nothing was sent: an engine that ignores the signal would have ended it by another.
            assert_eq!(engine.inspect_container(&id).await.unwrap().state, ContainerState::Running);
            assert_eq!(printed("up\n").await, Ok(()));
            return;
        }
        let rubbish = engine.act(&id, &stop(by("SIGNONE"))).await.unwrap_err();
        assert!(rubbish.status().is_some_and(|status| status >= 400), "{rubbish:?}");
        assert_eq!(printed("up\n").await, Ok(()));

        assert_eq!(engine.act(&id, &restart(by("SIGUSR1"))).await.unwrap(), Outcome::Done);
        prints("up\nusr1\nup\n").await;
        assert_eq!(engine.act(&id, &stop(by("QUIT"))).await.unwrap(), Outcome::Done);
        let ended = engine.inspect_container(&id).await.unwrap();
        assert_eq!((ended.state, ended.exit_code), (ContainerState::Exited, Some(7)));
        assert_eq!(printed("up\nusr1\nup\nquit\n").await, Ok(()));
        // A stop that finds nothing to do says so, with a signal too.
        assert_eq!(engine.act(&id, &stop(by("QUIT"))).await.unwrap(), Outcome::AlreadySo);
    })
    .await;
}

#[tokio::test]
async fn limits_are_changed_while_it_runs() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let made = spec(&lease, "update", &["sleep", "60"])
            .memory_limit("64m")
            .memory_swap("128m");
        let id = start(&engine, &made).await;
        let limits = Resources::default().memory("32m").cpus(0.25).pids_limit(20);
        let update = UpdateSpec::default()
            .resources(limits)
            .restart_policy(RestartPolicy::UnlessStopped);
        if is_podman(&lease) {
            let error = engine.update_container(&id, &update).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.status()),
                (ErrorKind::Protocol, Some(404)),
                "it has no such route"
            );
            return;
        }
        engine.update_container(&id, &update).await.unwrap();
        let one = engine.inspect_container(&id).await.unwrap();
        assert_eq!(
            (one.memory_limit, one.nano_cpus, &*one.restart_policy),
            (Some(32 << 20), Some(250_000_000), "unless-stopped")
        );
        let above = UpdateSpec::default().resources(Resources::default().memory("1g"));
        let error = engine.update_container(&id, &above).await.unwrap_err();
        assert!(error.message().unwrap().contains("memoryswap"), "{error:?}");
        let nothing = engine
            .update_container(&id, &UpdateSpec::default())
            .await
            .unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::BadInput);
        let gone = engine.update_container(&nobody(), &update).await.unwrap_err();
        assert!(gone.is_not_found());
    })
    .await;
}

#[tokio::test]
async fn the_next_end_and_the_removal_are_waited_for() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        for (suffix, remove) in [("stays", false), ("goes", true)] {
            let mut quick = spec(&lease, suffix, &["sh", "-c", "exit 7"]);
            quick.auto_remove = remove;
            let created = engine.create_container(&quick).await.unwrap();
            let id = ObjectRef::from(&created.id);
            // One that does not run: only the next end and the removal are still to come.
            let code = engine.wait_container(&id).await.unwrap().code;
            // Podman says one or the other of what has never run.
            assert!(code == 0 || is_podman(&lease) && code == -1, "{code}");
            let condition = if remove {
                WaitCondition::Removed
            } else {
                WaitCondition::NextExit
            };
            let waiting = engine.begin_wait(&id, condition).await.unwrap();
            engine.act(&id, &Verb::Start).await.unwrap();
            // Podman has forgotten it with the container.
            let code = if remove && is_podman(&lease) { 0 } else { 7 };
            assert_eq!(waiting.end().await.unwrap().code, code);
            let there = engine.inspect_container(&id).await;
            assert_eq!(there.is_err(), remove, "{there:?}");
        }
        let gone = engine
            .begin_wait(&nobody(), WaitCondition::NextExit)
            .await
            .unwrap_err();
        assert!(gone.is_not_found());
    })
    .await;
}

#[tokio::test]
async fn an_engine_that_ends_a_wait_without_a_word_is_no_exit() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let id = fake.create(Spec::new("sample").run(Run::Forever)).await.unwrap();
    fake.start_container(&id).await.unwrap();
    let engine = Engine::new(fake.endpoint().parse().unwrap(), EngineConfig::default());
    let id = ObjectRef::new(&id).unwrap();
    let waiting = engine.begin_wait(&id, WaitCondition::NextExit).await.unwrap();
    fake.break_connections();
    assert_eq!(waiting.end().await.unwrap_err().kind(), ErrorKind::Interrupted);
    fake.stop().await;
}

#[tokio::test]
async fn what_is_inside_is_told() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let id = start(&engine, &spec(&lease, "inside", &["sleep", "61"])).await;
        let script = "echo words > /tmp/new; echo x >> /etc/passwd; rm /etc/group";
        let done = engine
            .exec(&id, &ExecSpec::new(["sh", "-c", script]))
            .await
            .unwrap();
        assert_eq!(done.exit_code, 0, "{done:?}");
        let top = engine.top(&id, Some("-eo pid,args")).await.unwrap();
        assert!(top.column("PID").all(|pid| pid.parse::<u32>().is_ok()));
        assert!(
            top.column("COMMAND").any(|args| args.contains("sleep 61")),
            "{top:?}"
        );
        assert_eq!(engine.top(&id, None).await.unwrap().rows.len(), top.rows.len());
        let changes = engine.changes(&id).await.unwrap();
        let has = |path: &str, kind| {
            changes
                .iter()
                .any(|change| change.path == path && change.kind == kind)
        };
        assert!(
            has("/tmp/new", ChangeKind::Added) && has("/etc/group", ChangeKind::Deleted),
            "{changes:?}"
        );
        assert!(has("/etc/passwd", ChangeKind::Modified), "{changes:?}");
        let (one, size) = engine.inspect_container_size(&id).await.unwrap();
        assert_eq!(one.state, ContainerState::Running);
        assert!(
            size.written.unwrap() > 0 && size.root.unwrap() > size.written.unwrap(),
            "{size:?}"
        );

        let exported: usize = engine
            .export_container(&id)
            .await
            .unwrap()
            .try_fold(0, async |sum, piece| Ok(sum + piece.len()))
            .await
            .unwrap();
        assert!(exported as u64 > size.written.unwrap());

        let stopped = engine.act(&id, &Verb::Kill { signal: None }).await;
        stopped.unwrap();
        engine.wait_container(&id).await.unwrap();
        let top = engine.top(&id, None).await.unwrap_err();
        assert!(top.is_conflict() || top.status() == Some(500), "{top:?}");
    })
    .await;
}

#[tokio::test]
async fn an_image_is_made_of_a_container() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let id = start(&engine, &spec(&lease, "commit", &["sleep", "60"])).await;
        engine
            .write_file(&id, "/kept", "kept\n", 0o644, CopyOwner::Root)
            .await
            .unwrap();
        let repo = format!("longshore-test/{}", lease.run_id());
        let options = CommitOptions::default()
            .repo(&repo)
            .tag("one")
            .comment("by a test")
            .change("ENV SAID=yes")
            .change(r#"CMD ["sh", "-c", "echo $SAID; cat /kept"]"#);
        let image = engine.commit(&id, &options).await.unwrap();
        assert!(image.starts_with("sha256:"), "{image}");
        let mut made = spec(&lease, "made", &[]);
        made.cmd = None;
        made.image = format!("{repo}:one");
        let made = start(&engine, &made).await;
        assert_eq!(engine.wait_container(&made).await.unwrap().code, 0);
        let logs = engine.logs(&made, &LogOptions::default()).await.unwrap();
        assert_eq!(read_all(logs).await.unwrap().0, "yes\nkept\n");

        let bad = engine
            .commit(&id, &CommitOptions::default().change("NO SUCH LINE"))
            .await
            .unwrap_err();
        assert!(!bad.is_transient(), "{bad:?}");
        assert!(
            engine
                .commit(&nobody(), &CommitOptions::default())
                .await
                .unwrap_err()
                .is_not_found()
        );

        let remove = Verb::Remove {
            force: true,
            volumes: true,
        };
        engine.act(&made, &remove).await.unwrap();
        let mut raw = raw::Connection::connect(lease.target()).await.unwrap();
        let gone = raw
            .call("DELETE", &format!("/images/{repo}:one"), None)
            .await
            .unwrap();
        assert_eq!(gone.status(), 200);
    })
    .await;
}

/// An engine's lists are up to 20 ms behind what has happened.
async fn until_listed(engine: &Engine, list: ListContainers, only: &str) {
    let (engine, only) = (engine.clone(), only.to_owned());
    comes_true("the list knows what runs", async move || {
        let listed = names(&engine, list.clone()).await;
        if listed == [only.as_str()] {
            Ok(())
        } else {
            Err(listed)
        }
    })
    .await;
}

async fn names(engine: &Engine, list: ListContainers) -> Vec<String> {
    let found = engine.list_containers(&list).await.unwrap();
    let mut names: Vec<_> = found.into_iter().map(|one| one.name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_list_is_chosen_by_what_is_known_of_containers() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let up = start(
            &engine,
            &spec(&lease, "up", &["sleep", "60"]).volume(lease.name("vol"), "/data"),
        )
        .await;
        let ended = start(&engine, &spec(&lease, "ended", &["sh", "-c", "exit 3"])).await;
        engine.wait_container(&ended).await.unwrap();
        let ours = || ListContainers::all().label(format!("{LABEL}={}", lease.run_id()));
        let (up_name, ended_name) = (lease.name("up"), lease.name("ended"));
        let both = vec![ended_name.clone(), up_name.clone()];
        assert_eq!(names(&engine, ours()).await, both);
        until_listed(&engine, ours().state(&ContainerState::Running), &up_name).await;
        for (list, expected) in [
            (ours().state(&ContainerState::Running), &up_name),
            (ours().exit_code(3), &ended_name),
            (ours().name("-up"), &up_name),
            (ours().id(&up.as_str()[..12]), &up_name),
            (ours().volume(lease.name("vol")), &up_name),
            (ours().since(&up_name), &ended_name),
            (ours().before(&ended_name), &up_name),
            (ours().limit(1), &ended_name),
        ] {
            assert_eq!(
                names(&engine, list.clone()).await,
                std::slice::from_ref(expected),
                "{list:?}"
            );
        }
        assert_eq!(names(&engine, ours().image(IMAGE)).await, both);
        // On Podman `none` is no network that one could be on.
        let on_none = if is_podman(&lease) { &[][..] } else { &both };
        assert_eq!(names(&engine, ours().network("none")).await, on_none);

        // Only what does not run goes, and of that only what is asked for.
        let filter = PruneFilter::default().label(format!("{LABEL}={}", lease.run_id()));
        let pruned = engine.prune_containers(&filter).await.unwrap();
        assert_eq!(pruned.removed, [ended.as_str().to_owned()]);
        assert_eq!(names(&engine, ours()).await, [up_name]);
    })
    .await;
}

#[tokio::test]
async fn a_published_port_answers_where_it_is_said_to() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let script = "echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp";
        let mut web = spec(&lease, "web", &["sh", "-c", script])
            .port(80, None)
            .publish(PortBinding::udp(81))
            .publish(PortBinding::tcp(82).host_ip([127, 0, 0, 1]))
            .expose(83);
        web.network_mode = Some("bridge".to_owned());
        let id = start(&engine, &web).await;
        let at = engine.published_port(&id, 80).await.unwrap().unwrap();
        assert_eq!(at.host, "127.0.0.1");
        assert!(at.port > 0);
        let udp = longshore_core::ExposedPort {
            port: 81,
            protocol: longshore_core::Protocol::Udp,
        };
        assert!(engine.published_port(&id, udp).await.unwrap().is_some());
        assert_eq!(
            engine.published_port(&id, 82).await.unwrap().unwrap().host,
            "127.0.0.1"
        );
        for none in [81, 83, 84] {
            assert_eq!(engine.published_port(&id, none).await.unwrap(), None, "{none}");
        }
        // These engines live in network namespaces of their own, where loopback does not lead.
        let elsewhere = engine.with(|config| config.published_host("engine.example"));
        let at = elsewhere.published_port(&id, 80).await.unwrap().unwrap();
        assert!(at.to_string().starts_with("engine.example:"));
        let far = Engine::new("tcp://[fd00::7]:2375".parse().unwrap(), EngineConfig::default());
        let container = engine.inspect_container(&id).await.unwrap();
        assert_eq!(far.published_at(&container, 80).unwrap().host, "fd00::7");
        assert!(
            far.published_at(&container, 80)
                .unwrap()
                .to_string()
                .starts_with("[fd00::7]:")
        );

        // That something answers there is seen from within.
        let script =
            "for i in $(seq 50); do wget -q -O - http://127.0.0.1/ && exit 0; sleep 0.1; done; exit 1";
        let got = engine
            .exec(&id, &ExecSpec::new(["sh", "-c", script]))
            .await
            .unwrap();
        assert_eq!(&got.stdout[..], b"hello\n");
    })
    .await;
}

#[tokio::test]
async fn an_unnamed_container_is_called_ours() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let mut unnamed = spec(&lease, "x", &["true"]);
        unnamed.name = None;
        let two = [
            engine.create_container(&unnamed).await.unwrap(),
            engine.create_container(&unnamed).await.unwrap(),
        ];
        for made in &two {
            let one = engine
                .inspect_container(&ObjectRef::from(&made.id))
                .await
                .unwrap();
            assert!(one.name.starts_with("longshore-"), "{}", one.name);
            assert_eq!(one.labels[labels::CREATE].len(), 32);
        }
        let missing = ContainerSpec::new("longshore/no-such-image:1");
        let error = engine.create_container(&missing).await.unwrap_err();
        assert!(
            error.is_not_found() && error.hint().unwrap().contains("pull"),
            "{error:?}"
        );
    })
    .await;
}
