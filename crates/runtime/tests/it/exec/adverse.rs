//! Commands whose container, runner or connection does not hold, on real engines.

use std::time::{Duration, Instant};

use longshore_runtime::exec::{Command, Ended, Event, Executor, Way};
use longshore_testkit::lease::{IMAGE, on_each};
use serde_json::json;

use super::{Fixture, LIMIT, processes, program, shell};
use crate::account::engine;

#[tokio::test]
async fn the_container_is_ended_only_where_that_is_allowed() {
    on_each(|lease| async move {
        let on = Fixture::new(&lease, json!({})).await;
        let plain = on.executor.clone().at_most(Way::Plain);
        let began = Instant::now();
        let sleep = Command::new(["sleep", "600"]).timeout(LIMIT);
        let error = plain.run(&on.id, &sleep).await.unwrap_err();
        assert_eq!((error.is_timeout(), error.ended()), (true, Ended::MayStillRun));
        assert!(
            began.elapsed() < longshore_testkit::sized(Duration::from_secs(5), Duration::from_secs(1)),
            "{:?}",
            began.elapsed()
        );
        assert!(error.to_string().contains("may still run"), "{error}");
        assert_eq!(processes(&lease, &on.id).await, 3, "it does");

        let began = Instant::now();
        let error = plain.run(&on.id, &sleep.end_container(true)).await.unwrap_err();
        println!("{} container ended: {:?}", lease.engine_name(), began.elapsed());
        assert_eq!(
            (error.is_timeout(), error.ended()),
            (true, Ended::Container),
            "{error:?}"
        );
        assert!(
            began.elapsed() < longshore_testkit::sized(Duration::from_secs(5), Duration::from_secs(1)),
            "{:?}",
            began.elapsed()
        );
    })
    .await;
}

#[tokio::test]
async fn a_paused_container_may_still_run_it_or_is_ended() {
    on_each(|lease| async move {
        let on = Fixture::new(&lease, json!({})).await;
        let command = shell("echo up; sleep 600").timeout(LIMIT);
        for (command, ended) in [
            (
                command.clone().patience(Duration::from_millis(200)),
                Ended::MayStillRun,
            ),
            (command.end_container(true), Ended::Container),
        ] {
            let mut running = on.executor.start(&on.id, &command).await.unwrap();
            assert_eq!(
                running.next().await.unwrap().unwrap(),
                Event::Stdout("up\n".into())
            );
            lease
                .call("POST", &format!("/containers/{}/pause", on.id), None)
                .await
                .unwrap();
            let Some(Ok(Event::End(end))) = running.next().await else {
                panic!("no end")
            };
            assert_eq!((end.ended, end.timed_out), (ended, true));
            let paused = on
                .executor
                .run(&on.id, &Command::new(["true"]))
                .await
                .unwrap_err();
            assert!(paused.is_conflict(), "{paused:?}");
            drop(running);
            lease
                .call("POST", &format!("/containers/{}/unpause", on.id), None)
                .await
                .unwrap();
            if ended == Ended::MayStillRun {
                // Its own clock has gone on: unpaused, the runner ends it.
                on.back_to_base(&lease).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_container_that_dies_is_said_to_have_ended() {
    on_each(|lease| async move {
        for way in [Way::Runner, Way::Plain] {
            let on = Fixture::new(&lease, json!({})).await;
            let executor = on.executor.clone().at_most(way);
            let mut running = executor
                .start(&on.id, &shell("echo up; sleep 600"))
                .await
                .unwrap();
            assert_eq!(
                running.next().await.unwrap().unwrap(),
                Event::Stdout("up\n".into())
            );
            lease
                .call("POST", &format!("/containers/{}/kill", on.id), None)
                .await
                .unwrap();
            match running.next().await {
                Some(Err(error)) => assert_eq!(
                    (error.is_lost(), error.ended()),
                    (true, Ended::Container),
                    "{error:?}"
                ),
                Some(Ok(Event::End(end))) => assert_eq!((way, end.exit_code()), (Way::Plain, Some(137))),
                other => panic!("{other:?}"),
            }
            lease.remove(on.id.as_str()).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_command_that_kills_its_runner_is_not_believed() {
    on_each(|lease| async move {
        let on = Fixture::new(&lease, json!({})).await;
        // Under the same user it may kill what watches over it, and that shows: first its keeper alone, then all.
        let all = "for dir in /proc/[0-9]*; do case \"$(cat $dir/cmdline 2>/dev/null)\" in /.longshore-runner*) \
                   kill -9 ${dir#/proc/};; esac; done; sleep 600";
        for script in ["kill -9 $PPID; sleep 600", all] {
            let error = on.executor.run(&on.id, &shell(script)).await.unwrap_err();
            assert!(error.is_lost(), "{error:?}");
            assert_eq!(error.ended(), Ended::MayStillRun);
            assert!(error.to_string().contains("may still run"), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn without_a_shell_the_runner_ends_it_all_the_same() {
    on_each(|lease| async move {
        // The container's own command takes every shell away.
        let cmd = [
            "busybox",
            "sh",
            "-c",
            "rm /bin/sh /bin/ash /bin/hush; exec /bin/busybox sleep 600",
        ];
        let on = Fixture::new(&lease, json!({ "Cmd": cmd })).await;
        let script = Command::new([
            "/bin/busybox",
            "sh",
            "-c",
            "/bin/busybox setsid /bin/busybox sleep 600 & wait",
        ]);
        let error = on
            .executor
            .run(&on.id, &script.clone().timeout(LIMIT))
            .await
            .unwrap_err();
        assert_eq!(
            (error.is_timeout(), error.ended()),
            (true, Ended::Tree),
            "{error:?}"
        );
        on.back_to_base(&lease).await;

        let shell = on.executor.clone().at_most(Way::Shell);
        let done = shell
            .run(&on.id, &Command::new(["/bin/busybox", "echo", "plain"]))
            .await
            .unwrap();
        assert_eq!(
            (done.end.way, &*done.stdout, done.end.ended),
            (Way::Plain, &b"plain\n"[..], Ended::MayStillRun)
        );
        let error = shell.run(&on.id, &script.at_least(Way::Shell)).await.unwrap_err();
        assert!(error.is_no_way(), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_broken_connection_ends_the_command_and_proves_nothing() {
    on_each(|lease| async move {
        let on = Fixture::new(&lease, json!({})).await;
        let path = lease.docker_host().trim_start_matches("unix://").to_owned();
        let folder = std::env::temp_dir().join(format!("longshore-cut-{}", lease.run_id()));
        let listener = tokio::net::UnixListener::bind(&folder).unwrap();
        let mut proxy = tokio::task::JoinSet::new();
        proxy.spawn(async move {
            let mut open = tokio::task::JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let mut far = tokio::net::UnixStream::connect(&path).await.unwrap();
                open.spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
            }
        });
        let executor = Executor::new(engine(&format!("unix://{}", folder.display()))).program(program());
        let mut running = executor
            .start(&on.id, &shell("echo up; sleep 600"))
            .await
            .unwrap();
        assert_eq!(
            running.next().await.unwrap().unwrap(),
            Event::Stdout("up\n".into())
        );
        proxy.shutdown().await;
        std::fs::remove_file(&folder).unwrap();
        let error = running.next().await.unwrap().unwrap_err();
        assert_eq!(
            (error.is_lost(), error.ended()),
            (true, Ended::MayStillRun),
            "{error:?}"
        );
        on.back_to_base(&lease).await;
    })
    .await;
}

#[tokio::test]
async fn a_read_only_root_has_the_runner_by_a_volume() {
    on_each(|lease| async move {
        let bare = Fixture::new(&lease, json!({ "HostConfig": { "ReadonlyRootfs": true } })).await;
        let without = bare.executor.run(&bare.id, &Command::new(["true"])).await.unwrap();
        assert_eq!(without.end.way, Way::Shell, "nothing can be copied in");
        let error = bare.executor.run(&bare.id, &Command::new(["true"]).at_least(Way::Runner)).await.unwrap_err();
        assert!(error.is_no_way() && error.to_string().contains("copied in"), "{error}");
        lease.remove(bare.id.as_str()).await.unwrap();

        let mount = bare.executor.volume(IMAGE).await.unwrap();
        let again = bare.executor.volume(IMAGE).await.unwrap();
        assert_eq!(mount, again);
        assert!(mount.read_only);
        let longshore_core::MountKind::Volume { name: Some(name), .. } = &mount.kind else { panic!("{mount:?}") };
        let more = json!({
            "User": "1000",
            "HostConfig": { "ReadonlyRootfs": true, "Mounts": [{ "Type": "volume", "Source": name, "Target": mount.target, "ReadOnly": true }] },
        });
        let on = Fixture::new(&lease, more).await;
        let done = on.executor.run(&on.id, &shell("id -u; sleep 600 & exit 0").at_least(Way::Runner)).await.unwrap();
        assert_eq!((&*done.stdout, done.end.ended), (&b"1000\n"[..], Ended::Tree));
        on.back_to_base(&lease).await;
    })
    .await;
}
