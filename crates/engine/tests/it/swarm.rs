//! Swarm mode, on real engines that are nobody else's; and on the fake one what no Swarm can be made to do.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_core::swarm::{
    ConfigSpec, FileReference, NodeAvailability, NodeRole, NodeState, ReplicaMode, SecretSpec, ServiceSpec,
    SwarmInit, SwarmJoin, Task, TaskState, Token,
};
use longshore_core::{NetworkDriver, NetworkSpec, ObjectRef, Scope};
use longshore_engine::{
    Backoff, Engine, Error, ErrorKind, InspectNetwork, ListServices, LogOptions, Retry, Rotate, SwarmFilter,
};
use longshore_testkit::lease::{IMAGE, LABEL, Lease, on_each_swarm};
use longshore_testkit::{FakeConfig, FakeEngine};

use crate::support::{careless, client, nobody, read_all};

/// The engine as the only one of a Swarm.
async fn manager(lease: &Lease) -> Engine {
    let engine = client(lease).await;
    let init = SwarmInit {
        advertise: Some("eth0".to_owned()),
        ..SwarmInit::default()
    };
    engine.init_swarm(&init).await.unwrap();
    engine
}

fn all() -> SwarmFilter {
    SwarmFilter::default()
}

/// The sample image by its id: by its name each node would first ask a registry that is not there.
async fn image(engine: &Engine) -> String {
    let images = engine.list_images(&Default::default()).await.unwrap();
    let sample = images
        .into_iter()
        .find(|image| image.tags.iter().any(|tag| tag == IMAGE));
    sample.unwrap().id
}

/// A service that says hello and then sleeps.
async fn hello(engine: &Engine, lease: &Lease, name: &str) -> ServiceSpec {
    let mut spec = ServiceSpec::new(name, image(engine).await)
        .cmd([
            "sh",
            "-c",
            "echo hello from $NAME; cat /run/secrets/pw; exec sleep 600",
        ])
        .env("NAME", name)
        .label(LABEL, lease.run_id());
    spec.container_labels
        .insert(LABEL.to_owned(), lease.run_id().to_owned());
    spec.init = Some(true);
    spec.stop_grace = Some(Duration::from_secs(1));
    spec
}

/// Waits until so many tasks of a service run.
async fn running(engine: &Engine, service: &str, count: usize) -> Vec<Task> {
    let filter = all().service(service).desired("running");
    for _ in 0..800 {
        let tasks = engine.list_tasks(&filter).await.unwrap();
        if tasks.len() == count && tasks.iter().all(|task| task.state == TaskState::Running) {
            return tasks;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{:?}", engine.list_tasks(&all()).await);
}

#[tokio::test]
async fn an_engine_becomes_a_swarm_is_changed_and_leaves_it() {
    on_each_swarm(|lease| async move {
        let engine = client(&lease).await;
        assert_eq!(engine.info().await.unwrap().swarm.state, "inactive");
        let bad = SwarmInit {
            listen: "rubbish".to_owned(),
            ..SwarmInit::default()
        };
        let error = engine.init_swarm(&bad).await.unwrap_err();
        assert!(!error.is_transient(), "{error:?}");
        let engine = manager(&lease).await;
        let again = engine.init_swarm(&SwarmInit::default()).await.unwrap_err();
        assert!(again.is_conflict(), "{again:?}");

        let info = engine.info().await.unwrap().swarm;
        assert!(info.manager && info.state == "active" && info.nodes == Some(1));
        let swarm = engine.inspect_swarm().await.unwrap();
        assert!(swarm.worker_token.0.starts_with("SWMTKN-") && swarm.version > 0);
        let mut spec = swarm.spec.clone();
        spec.task_history = Some(7);
        spec.labels.insert("a".to_owned(), "b".to_owned());
        let rotate = Rotate {
            worker_token: true,
            ..Rotate::default()
        };
        engine.update_swarm(&swarm, &spec, rotate).await.unwrap();
        let stale = engine.update_swarm(&swarm, &spec, Rotate::default()).await;
        assert!(stale.unwrap_err().is_conflict());
        let after = engine.inspect_swarm().await.unwrap();
        assert_eq!(after.spec, spec);
        assert_ne!(after.worker_token, swarm.worker_token);
        assert_eq!(after.manager_token, swarm.manager_token);

        let node = engine
            .inspect_node(&ObjectRef::new(&info.node_id).unwrap())
            .await
            .unwrap();
        assert_eq!(
            (&node.state, &node.spec.role),
            (&NodeState::Ready, &NodeRole::Manager)
        );
        assert!(node.manager.as_ref().unwrap().leader && node.nano_cpus.unwrap() > 0);
        let mut drained = node.spec.clone();
        drained.availability = NodeAvailability::Drain;
        drained.labels.insert("zone".to_owned(), "a".to_owned());
        engine.update_node(&node, &drained).await.unwrap();
        assert!(
            engine
                .update_node(&node, &drained)
                .await
                .unwrap_err()
                .is_conflict()
        );
        let nodes = engine.list_nodes(&all().role("manager")).await.unwrap();
        assert_eq!((nodes.len(), &nodes[0].spec), (1, &drained));
        assert!(
            engine.remove_node(&node.id, true).await.is_err(),
            "it is the last manager"
        );

        let refused = engine.leave_swarm(false).await.unwrap_err();
        assert!(refused.is_conflict(), "{refused:?}");
        engine.leave_swarm(true).await.unwrap();
        assert!(engine.leave_swarm(true).await.unwrap_err().is_conflict());
        let join = SwarmJoin::new("127.0.0.1:1", Token("SWMTKN-1-rubbish".to_owned()));
        let error = engine.join_swarm(&join).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("rubbish"), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_service_lives_its_whole_life() {
    on_each_swarm(|lease| async move {
        let engine = manager(&lease).await;
        let network = NetworkSpec::overlay("mesh").label(LABEL, lease.run_id());
        let network = engine.ensure_network(&network).await.unwrap();
        assert_eq!(
            (&network.driver, &network.scope),
            (&NetworkDriver::Overlay, &Scope::Swarm)
        );
        let secret = SecretSpec::new("pw", "hunter2\n").label(LABEL, lease.run_id());
        let secret = engine.create_secret(&secret).await.unwrap();
        let mut spec = hello(&engine, &lease, "web").await.network("mesh").port(80, None);
        spec.secrets.push(FileReference::new(secret.as_str(), "pw", "pw"));
        spec.resources.memory_limit = Some(64 << 20);
        let created = engine.create_service(&spec).await.unwrap();
        assert!(engine.create_service(&spec).await.unwrap_err().is_conflict());

        let tasks = running(&engine, "web", 1).await;
        assert_eq!(tasks[0].service.as_ref(), Some(&created.id));
        assert!(tasks[0].container.is_some() && tasks[0].node.is_some() && tasks[0].exit_code.is_none());
        assert_eq!(engine.inspect_task(&tasks[0].id).await.unwrap().slot, Some(1));
        let seen = engine.inspect_service(&created.id).await.unwrap();
        assert_eq!(
            (seen.spec.cmd.clone(), seen.spec.secrets.clone()),
            (spec.cmd.clone(), spec.secrets.clone())
        );
        assert!(seen.ports[0].published.is_some() && !seen.virtual_ips.is_empty() && !seen.has_previous);
        assert_eq!(
            engine.rollback_service(&seen).await.unwrap_err().kind(),
            ErrorKind::BadInput
        );
        let verbose = InspectNetwork {
            verbose: true,
            scope: None,
        };
        let mesh = engine
            .inspect_network_with(&(&network.id).into(), &verbose)
            .await
            .unwrap();
        assert!(
            mesh.services.iter().any(|service| service.name == "web"),
            "{mesh:?}"
        );

        let mut wanted = seen.spec.clone();
        wanted.mode = ReplicaMode::Replicated { replicas: 2 };
        engine.update_service(&seen, &wanted).await.unwrap();
        assert!(
            engine
                .update_service(&seen, &wanted)
                .await
                .unwrap_err()
                .is_conflict()
        );
        running(&engine, "web", 2).await;
        let options = ListServices {
            filter: all().label(lease.label()),
            counts: true,
        };
        let list = engine.list_services(&options).await.unwrap();
        assert_eq!((list.len(), list[0].counts.unwrap().running), (1, 2));
        assert_eq!(list[0].spec, wanted);

        let logs = engine
            .service_logs(&created.id, &LogOptions::default().tail(10))
            .await
            .unwrap();
        let (out, err) = read_all(logs).await.unwrap();
        assert_eq!(
            (
                out.matches("hello from web").count(),
                out.matches("hunter2").count()
            ),
            (2, 2),
            "{out:?}"
        );
        assert_eq!(err, "");

        engine.rollback_service(&list[0]).await.unwrap();
        let back = engine.inspect_service(&created.id).await.unwrap();
        assert_eq!(back.spec.mode, ReplicaMode::Replicated { replicas: 1 });
        assert!(
            engine.remove_secret(&secret).await.is_err(),
            "the service uses it"
        );
        engine.remove_service(&created.id).await.unwrap();
        assert!(
            engine
                .remove_service(&created.id)
                .await
                .unwrap_err()
                .is_not_found()
        );
    })
    .await;
}

#[tokio::test]
async fn secrets_and_configs_are_kept_and_never_told() {
    on_each_swarm(|lease| async move {
        let engine = manager(&lease).await;
        let spec = SecretSpec::new("pw", "hunter2").label("a", "b");
        let id = engine.create_secret(&spec).await.unwrap();
        let taken = engine.create_secret(&spec).await.unwrap_err();
        assert!(taken.is_conflict() && !format!("{taken} {taken:?}").contains("hunter2"));
        let secret = engine.inspect_secret(&id).await.unwrap();
        assert_eq!((secret.name.as_str(), secret.labels["a"].as_str()), ("pw", "b"));
        let labels = BTreeMap::from([("a".to_owned(), "c".to_owned())]);
        engine.update_secret(&secret, &labels).await.unwrap();
        assert!(
            engine
                .update_secret(&secret, &labels)
                .await
                .unwrap_err()
                .is_conflict()
        );
        let list = engine.list_secrets(&all().name("pw").label("a=c")).await.unwrap();
        assert_eq!((list.len(), &list[0].labels), (1, &labels));
        engine.remove_secret(&id).await.unwrap();
        assert!(engine.inspect_secret(&id).await.unwrap_err().is_not_found());

        let data: Vec<u8> = (0..=255).collect();
        let id = engine
            .create_config(&ConfigSpec::new("c", data.clone()))
            .await
            .unwrap();
        let config = engine.inspect_config(&id).await.unwrap();
        assert_eq!(config.data.0, data);
        engine.update_config(&config, &labels).await.unwrap();
        assert!(
            engine
                .update_config(&config, &labels)
                .await
                .unwrap_err()
                .is_conflict()
        );
        let list = engine.list_configs(&all()).await.unwrap();
        assert_eq!(
            (list.len(), &list[0].labels, &list[0].data.0),
            (1, &labels, &data)
        );
        engine.remove_config(&id).await.unwrap();
        assert!(engine.remove_config(&id).await.unwrap_err().is_not_found());
        for error in [
            engine
                .list_secrets(&all().filter("nonsense", "x"))
                .await
                .unwrap_err(),
            engine
                .list_tasks(&all().filter("nonsense", "x"))
                .await
                .unwrap_err(),
            engine
                .list_nodes(&all().filter("nonsense", "x"))
                .await
                .unwrap_err(),
        ] {
            assert!(
                !error.is_transient() && error.kind() == ErrorKind::BadInput,
                "{error:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn outside_a_swarm_every_call_is_a_conflict_that_no_retry_mends() {
    on_each_swarm(|lease| async move {
        // Whatever were tried again would take a minute.
        let minute = Backoff {
            first: Duration::from_secs(60),
            longest: Duration::from_secs(60),
            ..Backoff::default()
        };
        let retry = Retry::times(3).backoff(minute);
        let engine = client(&lease).await.with(|config| config.retry(retry));
        let begun = std::time::Instant::now();
        let errors: Vec<Error> = vec![
            engine.inspect_swarm().await.unwrap_err(),
            engine.leave_swarm(false).await.unwrap_err(),
            engine.list_nodes(&all()).await.unwrap_err(),
            engine.list_services(&ListServices::default()).await.unwrap_err(),
            engine.list_tasks(&all()).await.unwrap_err(),
            engine.list_secrets(&all()).await.unwrap_err(),
            engine.list_configs(&all()).await.unwrap_err(),
            engine.inspect_node(&nobody()).await.unwrap_err(),
            engine.inspect_service(&nobody()).await.unwrap_err(),
            engine.remove_service(&nobody()).await.unwrap_err(),
            engine
                .create_service(&ServiceSpec::new("web", "img"))
                .await
                .unwrap_err(),
        ];
        for error in errors {
            assert!(error.is_conflict() && !error.is_transient(), "{error:?}");
        }
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "nothing was tried again"
        );
    })
    .await;
}

#[tokio::test]
async fn what_no_swarm_takes_is_refused_before_it_is_sent() {
    let engine = Engine::new("/nowhere/docker.sock".parse().unwrap(), Default::default());
    for error in [
        engine
            .create_service(&ServiceSpec::new("../x", "img"))
            .await
            .unwrap_err(),
        engine
            .create_service(&ServiceSpec::new("web", ""))
            .await
            .unwrap_err(),
        engine
            .create_secret(&SecretSpec::new("../x", "hunter2"))
            .await
            .unwrap_err(),
        engine.create_config(&ConfigSpec::new("c", "")).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::BadInput);
        let mut shown = format!("{error} {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            shown.push_str(&cause.to_string());
            source = cause.source();
        }
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[tokio::test]
async fn an_engine_without_swarm_mode_is_said() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let engine = careless(&fake);
    let error = engine.list_nodes(&all()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Protocol, "no such route: {error:?}");
    fake.stop().await;
}
