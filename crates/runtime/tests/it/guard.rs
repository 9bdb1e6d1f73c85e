//! Guards on real engines: what ends with them, what is swept, what is reused, and what is broken on purpose.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use longshore_core::{ContainerSpec, NetworkSpec, ObjectRef, labels};
use longshore_engine::{Engine, ExecSpec};
use longshore_runtime::guard::{AtEnd, ContainerGuard, GuardConfig, GuardError, settle, sweep};
use longshore_runtime::wait::{Wait, WaitConfig};
use longshore_testkit::lease::{IMAGE, LABEL, Lease, on_each};

use crate::account::engine;

fn spec(lease: &Lease, suffix: &str, script: &str) -> ContainerSpec {
    let mut spec = ContainerSpec::new(IMAGE)
        .name(lease.name(suffix))
        .label(LABEL, lease.run_id())
        .cmd(["sh", "-c", script]);
    spec.init = true;
    spec
}

fn config() -> GuardConfig {
    GuardConfig::default().wait(WaitConfig::default().within(Duration::from_secs(10)))
}

async fn is_there(engine: &Engine, id: &str) -> bool {
    match engine.inspect_container(&ObjectRef::new(id).unwrap()).await {
        Ok(_) => true,
        Err(error) if error.is_not_found() => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn what_is_closed_or_dropped_is_gone() {
    on_each(|lease| async move {
        let client = engine(&lease.docker_host());
        let start = |suffix, config| {
            let spec = spec(&lease, suffix, "echo up; sleep 600");
            let client = client.clone();
            async move {
                ContainerGuard::start(&client, spec, &Wait::log_line("up"), config)
                    .await
                    .unwrap()
            }
        };
        let closed = start("closed", config()).await;
        let id = closed.id().to_string();
        closed.close().await.unwrap();
        assert!(!is_there(&client, &id).await);
        let dropped = start("dropped", config()).await;
        let id = dropped.id().to_string();
        drop(dropped);
        let settled = tokio::task::spawn_blocking(|| settle(Duration::from_secs(20)))
            .await
            .unwrap();
        assert!(settled && !is_there(&client, &id).await);
        // By hand, before its guard closes.
        let removed = start("removed", config()).await;
        lease.remove(removed.id().as_str()).await.unwrap();
        removed.close().await.unwrap();
        for (suffix, at_end, is_up) in [("stopped", AtEnd::Stop, false), ("kept", AtEnd::Keep, true)] {
            let guard = start(suffix, config().at_end(at_end)).await;
            let id = ObjectRef::from(guard.id());
            guard.close().await.unwrap();
            let left = client.inspect_container(&id).await.unwrap();
            assert_eq!(left.state.has_processes(), is_up, "{suffix}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_container_that_does_not_become_ready_is_closed_and_says_why() {
    on_each(|lease| async move {
        let client = engine(&lease.docker_host());
        let spec = spec(&lease, "dies", "echo no disk; exit 3");
        let name = spec.name.clone().unwrap();
        let error = ContainerGuard::start(&client, spec, &Wait::port(80), config())
            .await
            .unwrap_err();
        let GuardError::NotReady(why) = &error else {
            panic!("{error}")
        };
        assert!(
            why.to_string().contains("ended with 3") && why.to_string().contains("no disk"),
            "{why}"
        );
        assert!(!is_there(&client, &name).await);
    })
    .await;
}

#[tokio::test]
async fn what_a_dead_process_left_is_swept_and_what_a_living_one_holds_is_not() {
    on_each(|lease| async move {
        let client = engine(&lease.docker_host());
        let guard = ContainerGuard::start(
            &client,
            spec(&lease, "held", "sleep 600"),
            &Wait::running(),
            config(),
        )
        .await
        .unwrap();
        let held = client.inspect_container(&guard.id().into()).await.unwrap();
        // As it left it, but of a process that had this one's number before.
        let mut left = spec(&lease, "left", "sleep 600");
        left.labels = held.labels.clone();
        let owner = &held.labels[labels::OWNER];
        let mut parts: Vec<&str> = owner.splitn(3, '.').collect();
        parts[1] = "1";
        let left = client
            .create_container(&left.label(labels::OWNER, parts.join(".")))
            .await
            .unwrap();
        let swept = sweep(&client).await.unwrap();
        // Another test's sweep may have come first.
        let is_swept = swept.contains(&left.id) || !is_there(&client, left.id.as_str()).await;
        assert!(is_swept && !swept.contains(guard.id()), "{swept:?}");
        assert!(is_there(&client, guard.id().as_str()).await);
        guard.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn one_of_the_same_name_and_spec_is_reused() {
    on_each(|lease| async move {
        let client = engine(&lease.docker_host());
        let ready = Wait::log_line("up");
        let start = || {
            let spec = spec(&lease, "shared", "echo up; sleep 600").env("PASSWORD", "hunter2");
            ContainerGuard::start(&client, spec, &ready, config().reuse(true))
        };
        let (a, b, c) = tokio::join!(start(), start(), start());
        let (a, b, c) = (a.unwrap(), b.unwrap(), c.unwrap());
        assert!(a.id() == b.id() && b.id() == c.id());
        let container = client.inspect_container(&a.id().into()).await.unwrap();
        assert!(!format!("{:?}", container.labels).contains("hunter2"));
        let id = a.id().to_string();
        for guard in [a, b, c] {
            guard.close().await.unwrap();
        }
        lease
            .call("POST", &format!("/containers/{id}/kill"), None)
            .await
            .unwrap();
        let again = start().await.unwrap();
        assert_eq!(again.id().as_str(), id, "it was started again");
        let other = spec(&lease, "shared", "sleep 600");
        let error = ContainerGuard::start(&client, other, &Wait::running(), config().reuse(true))
            .await
            .unwrap_err();
        assert!(matches!(error, GuardError::NameTaken(_)), "{error}");
        assert!(is_there(&client, &id).await, "it is nobody's to remove");
    })
    .await;
}

#[tokio::test]
async fn a_panic_shows_what_the_container_printed() {
    on_each(|lease| async move {
        let client = engine(&lease.docker_host());
        let shown = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&shown);
        let config = config().on_panic(move |_, lines| into.lock().unwrap().extend_from_slice(lines));
        let spec = spec(&lease, "panics", "echo what was wrong; sleep 600");
        let guard = ContainerGuard::start(&client, spec, &Wait::running(), config)
            .await
            .unwrap();
        let id = guard.id().to_string();
        let mut panics = tokio::task::JoinSet::new();
        panics.spawn(async move {
            let printed = async {
                while guard.last_lines().is_empty() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(20), printed)
                .await
                .expect("a line");
            panic!("on purpose");
        });
        assert!(panics.join_next().await.unwrap().unwrap_err().is_panic());
        assert_eq!(*shown.lock().unwrap(), ["what was wrong"]);
        let settled = tokio::task::spawn_blocking(|| settle(Duration::from_secs(20)))
            .await
            .unwrap();
        assert!(settled && !is_there(&client, &id).await);
    })
    .await;
}

#[tokio::test]
async fn a_container_is_paused_crashed_cut_off_and_healed() {
    on_each(|lease| async move {
        let client = engine(&lease.docker_host());
        let network = NetworkSpec::new(lease.name("net")).label(LABEL, lease.run_id());
        Box::pin(client.create_network(&network)).await.unwrap();
        let mut web = spec(&lease, "web", "echo up; exec httpd -f -p 80 -h /www");
        web.network_mode = Some(lease.name("net"));
        let mut user = spec(&lease, "user", "sleep 600");
        user.network_mode = Some(lease.name("net"));
        let ready = Wait::port(80);
        let mut web = ContainerGuard::start(&client, web, &ready, config())
            .await
            .unwrap();
        let user = ContainerGuard::start(&client, user, &Wait::running(), config())
            .await
            .unwrap();
        // By its address, which may be another one after it was healed.
        let id = ObjectRef::from(web.id());
        let fetch = || async {
            let networks = Box::pin(client.inspect_container(&id)).await.unwrap().networks;
            let Some(ip) = networks.first().and_then(|network| network.ip.clone()) else {
                return false;
            };
            let spec = ExecSpec::new(["timeout", "2", "wget", "-q", "-O", "-", &format!("http://{ip}/")]);
            Box::pin(client.exec(&user.id().into(), &spec))
                .await
                .unwrap()
                .exit_code
                == 0
        };
        assert!(fetch().await);
        Box::pin(web.pause()).await.unwrap();
        assert!(!fetch().await, "nobody answers");
        Box::pin(web.unpause()).await.unwrap();
        assert!(fetch().await);
        Box::pin(web.partition()).await.unwrap();
        Box::pin(web.partition()).await.unwrap();
        assert!(!fetch().await, "nobody is there");
        Box::pin(web.heal()).await.unwrap();
        Box::pin(web.heal()).await.unwrap();
        assert!(fetch().await);
        Box::pin(web.crash()).await.unwrap();
        Wait::exited_with(137)
            .ready(&client, web.id(), &WaitConfig::default())
            .await
            .unwrap();
        web.start_again(&ready).await.unwrap();
        assert!(fetch().await);
        Box::pin(web.close()).await.unwrap();
        Box::pin(user.close()).await.unwrap();
    })
    .await;
}
