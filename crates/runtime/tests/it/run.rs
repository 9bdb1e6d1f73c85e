//! Containers run as one step, on real engines.

use std::time::Duration;

use futures_util::future::join_all;
use longshore_core::{ContainerSpec, ContainerState, Health, HealthCheck, ObjectRef, ResourceStatus, Verb};
use longshore_engine::{Engine, ListContainers};
use longshore_runtime::{
    Ensure, EnsuredHow, RunError, RunOptions, ensure, metrics, resource_status, run, run_and_wait,
};
use longshore_testkit::lease::{IMAGE, LABEL, Lease, on_each};

use crate::account::engine;

fn spec(lease: &Lease, suffix: &str, argv: &[&str]) -> ContainerSpec {
    ContainerSpec::new(IMAGE)
        .name(lease.name(suffix))
        .cmd(argv.to_vec())
        .label(LABEL, lease.run_id())
        .network_mode("none")
        .init(true)
}

async fn ours(engine: &Engine, lease: &Lease) -> usize {
    let list = ListContainers::all().label(format!("{LABEL}={}", lease.run_id()));
    engine.list_containers(&list).await.unwrap().len()
}

#[tokio::test]
async fn a_container_is_run_to_its_end_and_leaves_its_output_and_nothing_else() {
    on_each(|lease| async move {
        let engine = engine(&lease.docker_host());
        for round in 0..5 {
            let script = "echo first; echo trouble >&2; seq 1 5000; exit 3";
            let spec = spec(&lease, &format!("run{round}"), &["sh", "-c", script]);
            let output = run_and_wait(&engine, &spec, &RunOptions::default())
                .await
                .unwrap();
            let expected = (1..=5_000).fold("first\n".to_owned(), |text, number| format!("{text}{number}\n"));
            assert_eq!(output.exit_code, 3);
            assert!(output.stdout == expected.as_bytes() && &output.stderr[..] == b"trouble\n");
            assert_eq!((output.stdout_dropped, output.stderr_dropped), (0, 0));
            assert_eq!(
                ours(&engine, &lease).await,
                0,
                "it is removed when the call returns"
            );
        }
        let kept = spec(&lease, "kept", &["sh", "-c", "yes | head -c 100000"]);
        let options = RunOptions::default().remove(false).limit(10);
        let output = run_and_wait(&engine, &kept, &options).await.unwrap();
        assert_eq!(
            (&output.stdout[..], output.stdout_dropped),
            (&b"y\ny\ny\ny\ny\n"[..], 99_990)
        );
        let one = engine
            .inspect_container(&ObjectRef::from(&output.id))
            .await
            .unwrap();
        assert_eq!((one.state, one.exit_code), (ContainerState::Exited, Some(0)));
    })
    .await;
}

#[tokio::test]
async fn stdin_is_given_whole_and_one_that_is_not_read_holds_up_nothing() {
    on_each(|lease| async move {
        let engine = engine(&lease.docker_host());
        let bytes: Vec<u8> = (0..500_000_u32).flat_map(u32::to_le_bytes).collect();
        let options = RunOptions::default().stdin(bytes.clone()).limit(usize::MAX);
        let output = run_and_wait(&engine, &spec(&lease, "cat", &["cat"]), &options)
            .await
            .unwrap();
        assert!(output.stdout == bytes, "{}", output.stdout.len());
        let output = run_and_wait(&engine, &spec(&lease, "true", &["true"]), &options)
            .await
            .unwrap();
        assert_eq!(output.exit_code, 0);
    })
    .await;
}

#[tokio::test]
async fn one_that_takes_too_long_is_killed_and_its_output_kept() {
    on_each(|lease| async move {
        let engine = engine(&lease.docker_host());
        let slow = spec(
            &lease,
            "slow",
            &["sh", "-c", "trap '' TERM; echo begun; sleep 60"],
        );
        let options = RunOptions::default().timeout(Duration::from_secs(2));
        let error = run_and_wait(&engine, &slow, &options).await.unwrap_err();
        let RunError::TimedOut { output, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!((output.exit_code, &output.stdout[..]), (137, &b"begun\n"[..]));
        assert_eq!(ours(&engine, &lease).await, 0);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_run_says_why_and_leaves_nothing() {
    on_each(|lease| async move {
        let engine = engine(&lease.docker_host());
        let mut missing = spec(&lease, "missing", &["true"]);
        missing.image = "longshore/no-such-image:1".to_owned();
        let absent = spec(&lease, "absent", &["/no/such/program"]).init(false);
        for options in [RunOptions::default(), RunOptions::default().remove(false)] {
            let error = run_and_wait(&engine, &missing, &options).await.unwrap_err();
            assert!(error.as_engine().unwrap().is_not_found(), "{error:?}");
            assert!(error.to_string().contains("no-such-image") && error.hint().unwrap().contains("pull"));
            let error = run_and_wait(&engine, &absent, &options).await.unwrap_err();
            assert!(error.to_string().contains("/no/such/program"), "{error}");
        }
        assert!(
            run(&engine, &absent)
                .await
                .unwrap_err()
                .to_string()
                .contains("/no/such/program")
        );
        assert_eq!(ours(&engine, &lease).await, 0);
        run(&engine, &spec(&lease, "up", &["sleep", "60"])).await.unwrap();
        assert_eq!(ours(&engine, &lease).await, 1);
    })
    .await;
}

#[tokio::test]
async fn whoever_ensures_it_there_is_one_and_it_runs() {
    on_each(|lease| async move {
        let engine = engine(&lease.docker_host());
        let web = spec(&lease, "web", &["sleep", "60"]).env("A", "b");
        let all = join_all((0..6).map(|_| ensure(&engine, &web, Ensure::Same))).await;
        let all: Vec<_> = all.into_iter().map(Result::unwrap).collect();
        assert!(all.iter().all(|one| one.id == all[0].id), "{all:?}");
        assert_eq!(
            all.iter().filter(|one| one.how == EnsuredHow::Created).count(),
            1,
            "{all:?}"
        );
        assert_eq!(ours(&engine, &lease).await, 1);

        let id = ObjectRef::from(&all[0].id);
        assert_eq!(
            ensure(&engine, &web, Ensure::Same).await.unwrap().how,
            EnsuredHow::Ran
        );
        engine.act(&id, &Verb::Pause).await.unwrap();
        assert_eq!(
            ensure(&engine, &web, Ensure::Same).await.unwrap().how,
            EnsuredHow::Started
        );
        engine.act(&id, &Verb::Kill { signal: None }).await.unwrap();
        engine.wait_container(&id).await.unwrap();
        let started = ensure(&engine, &web, Ensure::Recreate).await.unwrap();
        assert_eq!(
            (started.how, &started.id),
            (EnsuredHow::Started, &all[0].id),
            "the same spec is never made anew"
        );

        let other = web.clone().env("A", "c");
        let differs = ensure(&engine, &other, Ensure::Same).await.unwrap_err();
        assert!(
            matches!(&differs, RunError::Differs { name } if *name == lease.name("web")),
            "{differs:?}"
        );
        let made = ensure(&engine, &other, Ensure::Recreate).await.unwrap();
        assert_eq!(made.how, EnsuredHow::Recreated);
        assert_ne!(made.id, all[0].id);
        assert_eq!(ours(&engine, &lease).await, 1);

        let mut unnamed = web;
        unnamed.name = None;
        let error = ensure(&engine, &unnamed, Ensure::Same).await.unwrap_err();
        assert!(matches!(error, RunError::Unnamed));
    })
    .await;
}

#[tokio::test]
async fn a_resource_goes_from_missing_to_running_and_its_metrics_are_known() {
    on_each(|lease| async move {
        let engine = engine(&lease.docker_host());
        let name = ObjectRef::new(&lease.name("busy")).unwrap();
        let status = async |image: &str| {
            let image = image.parse().unwrap();
            resource_status(&engine, &image, &name).await.unwrap()
        };
        assert_eq!(status("longshore/no-such-image").await, ResourceStatus::Missing);
        assert_eq!(status(IMAGE).await, ResourceStatus::Downloaded);
        assert_eq!(status("longshore/sample").await, ResourceStatus::Downloaded);
        let busy = spec(&lease, "busy", &["sh", "-c", "while :; do :; done"])
            .memory_limit("32m")
            .health_check(HealthCheck::cmd("true").interval(Duration::from_millis(200)));
        let created = engine.create_container(&busy).await.unwrap();
        assert_eq!(status(IMAGE).await, ResourceStatus::Built);
        let id = ObjectRef::from(&created.id);
        let idle = metrics(&engine, &id, Duration::ZERO).await.unwrap();
        assert_eq!(
            (idle.usage.cpu_percent, idle.uptime, idle.last_exit_code),
            (None, None, None)
        );
        engine.act(&id, &Verb::Start).await.unwrap();
        assert_eq!(status(IMAGE).await, ResourceStatus::Running);
        let now = metrics(&engine, &id, Duration::from_secs(1)).await.unwrap();
        assert!(now.usage.cpu_percent.unwrap() > 1.0, "{now:?}");
        assert_eq!(now.usage.memory_limit_bytes, Some(32 << 20));
        assert!(now.usage.memory_bytes.unwrap() > 0 && now.usage.pids.unwrap() > 0);
        assert!(now.uptime.unwrap() >= Duration::from_millis(900), "{now:?}");
        assert_eq!((now.restart_count, now.oom_killed), (Some(0), false));
        assert!(
            matches!(now.health, Health::Healthy | Health::Starting),
            "{now:?}"
        );
        engine.act(&id, &Verb::Kill { signal: None }).await.unwrap();
        engine.wait_container(&id).await.unwrap();
        let ended = metrics(&engine, &id, Duration::from_secs(1)).await.unwrap();
        assert_eq!(
            (ended.state, ended.last_exit_code),
            (ContainerState::Exited, Some(137))
        );
        assert_eq!(status(IMAGE).await, ResourceStatus::Built);
    })
    .await;
}
