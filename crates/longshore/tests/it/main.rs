//! The facade on real engines: what its front page promises.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod bulk;
mod monitor;

use longshore::core::Condition;
use longshore::core::ObjectRef;
use longshore::engine::{CommitOptions, PushImage, RemoveImage};
use longshore::prelude::*;
use longshore_testkit::lease::{IMAGE, LABEL, Lease, on_each};
use longshore_testkit::registry::{Access, Registry};
use tokio_util::sync::CancellationToken;

async fn client(lease: &Lease) -> DockerClient {
    DockerClient::connect(lease.docker_host().parse().unwrap(), DockerConfig::default())
        .await
        .unwrap()
}

fn builder(lease: &Lease, suffix: &str, argv: &[&str]) -> ContainerBuilder {
    ContainerBuilder::new(IMAGE)
        .name(lease.name(suffix))
        .cmd(argv.to_vec())
        .network_mode("none")
        .init(true)
        .label(LABEL, lease.run_id())
}

#[tokio::test]
async fn a_command_runs_prints_and_is_gone() {
    on_each(|lease| async move {
        let client = client(&lease).await;
        let spec = builder(&lease, "once", &["sh", "-c", "echo out; echo err >&2; exit 3"]);
        let done = client
            .containers()
            .run_and_wait(&spec, &RunOptions::default())
            .await
            .unwrap();
        assert_eq!(
            (done.exit_code, &done.stdout[..], &done.stderr[..]),
            (3, &b"out\n"[..], &b"err\n"[..])
        );
        let error = client
            .containers()
            .inspect(&lease.name("once"))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), DockerErrorKind::Container);
        assert!(error.is_not_found());
    })
    .await;
}

#[tokio::test]
async fn a_build_reads_a_secret_and_writes_its_files_here() {
    on_each(|lease| async move {
        let client = client(&lease).await;
        let place = tempfile::tempdir().unwrap();
        let text = format!(
            "FROM {IMAGE} AS made\nRUN --mount=type=secret,id=token wc -c </run/secrets/token >/length\n\
             FROM scratch\nCOPY --from=made /length /\n"
        );
        std::fs::write(place.path().join("Dockerfile"), text).unwrap();
        let mut options = BuildImage::default()
            .builder(Builder::BuildKit)
            .label(LABEL, lease.run_id())
            .secret("token", SecretSource::bytes("hunter2"));
        options.network = Some("none".to_owned());
        let (context, dist) = (BuildContext::folder(place.path()), place.path().join("dist"));
        let output = BuildOutput::folder(&dist);
        let build = client.images().build_to(context, &options, output).await;
        if lease.engine_name() == "podman" {
            // It has no BuildKit.
            assert_eq!(build.unwrap_err().kind(), DockerErrorKind::Version);
            return;
        }
        assert_eq!(build.unwrap().finish().await.unwrap().entries, 1);
        assert_eq!(std::fs::read_to_string(dist.join("length")).unwrap(), "7\n");
    })
    .await;
}

#[tokio::test]
async fn a_death_is_followed_and_remembered() {
    on_each(|lease| async move {
        let client = client(&lease).await;
        let mut deaths = client.deaths().follow();
        let spec = builder(&lease, "dies", &["sh", "-c", "echo last words; exit 3"]);
        let made = client.containers().ensure(&spec, Ensure::Same).await.unwrap();
        let death = loop {
            match deaths.next().await {
                Some(DeathItem::Died(death)) if death.container == made.id => break death,
                Some(_) => {}
                None => panic!("the following has failed"),
            }
        };
        assert_eq!((death.cause(), death.exit_code), (DeathCause::Failure, Some(3)));
        assert_eq!(death.log.as_ref().unwrap().lines[0].text, "last words");
        let remembered = client.deaths().remembered().await.unwrap();
        assert!(
            remembered
                .iter()
                .any(|one| one.ended == death.ended && one.log == death.log)
        );
        client
            .containers()
            .remove(&lease.name("dies"), true)
            .await
            .unwrap();
        assert_eq!(deaths.of(&made.id).len(), 1, "after the removal");
    })
    .await;
}

#[tokio::test]
async fn managers_reach_every_kind_of_object() {
    on_each(|lease| async move {
        let client = client(&lease).await;
        let spec = builder(&lease, "all", &["sleep", "60"]);
        let made = client.containers().ensure(&spec, Ensure::Same).await.unwrap();
        let again = client.containers().ensure(&spec, Ensure::Same).await.unwrap();
        assert_eq!(again.id, made.id, "the same spec is the same container");
        let name = lease.name("all");
        client.containers().pause(&name).await.unwrap();
        client.containers().unpause(&name).await.unwrap();
        let usage = client.stats().usage(&name).await.unwrap();
        assert!(usage.cpu_percent.is_some() && usage.memory_bytes.is_some());
        client.containers().remove(&name, true).await.unwrap();

        let volume = VolumeSpec::new(lease.name("data")).label(LABEL, lease.run_id());
        client.volumes().ensure(&volume).await.unwrap();
        client.volumes().remove(&lease.name("data"), false).await.unwrap();
        let network = NetworkSpec::new(lease.name("net")).label(LABEL, lease.run_id());
        client.networks().ensure(&network).await.unwrap();
        client.networks().remove(&lease.name("net")).await.unwrap();
        let image = client.images().inspect(IMAGE).await.unwrap();
        assert!(image.id.starts_with("sha256:"));
        assert!(!client.system().info().await.unwrap().server_version.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_monitor_knows_averages_and_peaks_and_says_when_it_does_not() {
    use std::time::Duration;
    on_each(|lease| async move {
        let client = client(&lease).await;
        let script = "v=$(head -c 16000000 /dev/zero | tr '\\0' x); while :; do :; done; echo ${#v}";
        let spec = builder(&lease, "busy", &["sh", "-c", script]).cpus(0.1);
        let made = client.containers().ensure(&spec, Ensure::Same).await.unwrap();
        let (name, window) = (lease.name("busy"), Duration::from_secs(60));
        let mut monitor = client
            .stats()
            .monitor_with_aggregation(&name, window, 60)
            .await
            .unwrap();
        assert_eq!(
            (monitor.container(), monitor.avg_cpu_usage(window)),
            (&made.id, None)
        );
        while monitor.peak_memory_usage(window) < Some(15.0) {
            monitor.next().await.unwrap();
        }
        for _ in 0..3 {
            monitor.next().await.unwrap();
        }
        let memory = monitor.peak_memory_usage(window).unwrap();
        assert!((15.0..50.0).contains(&memory), "{memory} MB");
        let average = monitor.avg_cpu_usage(Duration::from_secs(3)).unwrap();
        let peak = monitor.peak_cpu_usage(window).unwrap();
        assert!(
            average > 3.0 && average <= peak && peak < 75.0,
            "{average} {peak}"
        );
        assert_eq!(
            monitor.network_rate(window).0.unwrap_or(0.0),
            0.0,
            "it has no network"
        );
        let judged = client.stats().assess(&name).await.unwrap();
        // Podman's API does not say that its limit holds it back.
        let is_podman = lease.engine_name() == "podman";
        let expected = if is_podman {
            Condition::Healthy
        } else {
            Condition::Degraded
        };
        assert_eq!(judged.condition, expected, "{judged:?}");
        client.containers().remove(&name, true).await.unwrap();
        while monitor.next().await.is_some() {}
        let error = client
            .stats()
            .monitor_with_aggregation(&name, window, 60)
            .await
            .unwrap_err();
        assert!(error.is_not_found());
    })
    .await;
}

#[tokio::test]
async fn errors_say_what_they_are_about() {
    on_each(|lease| async move {
        let client = client(&lease).await;
        let kind = |error: DockerError| error.kind();
        let missing = builder(&lease, "missing", &["true"]);
        let missing = ContainerBuilder {
            image: "no-such-image-here:1".to_owned(),
            ..missing
        };
        assert_eq!(
            kind(client.containers().create(&missing).await.unwrap_err()),
            DockerErrorKind::Image
        );
        assert_eq!(
            kind(client.images().inspect("no-such-image-here:1").await.unwrap_err()),
            DockerErrorKind::Image
        );
        assert_eq!(
            kind(client.networks().inspect("no-such-network").await.unwrap_err()),
            DockerErrorKind::Network
        );
        assert_eq!(
            kind(client.volumes().inspect("no-such-volume").await.unwrap_err()),
            DockerErrorKind::Volume
        );
        assert_eq!(
            kind(client.containers().start("../etc").await.unwrap_err()),
            DockerErrorKind::Input
        );
        let token = CancellationToken::new();
        token.cancel();
        let cancelled = client.clone().with_cancellation(token);
        assert_eq!(
            kind(cancelled.system().info().await.unwrap_err()),
            DockerErrorKind::Cancelled
        );
        let nobody = DockerClient::connect(
            "unix:///nowhere/docker.sock".parse().unwrap(),
            DockerConfig::default(),
        );
        assert_eq!(kind(nobody.await.unwrap_err()), DockerErrorKind::NotInstalled);
    })
    .await;
}

#[tokio::test]
async fn a_containers_events_come_typed_and_nothing_else() {
    on_each(|lease| async move {
        let client = client(&lease).await;
        let label = format!("{LABEL}={}", lease.run_id());
        let filter = EventFilter::new()
            .event_type(EventType::Container)
            .action("start")
            .action("die")
            .image(IMAGE)
            .label(&label);
        let mut events = client.events().stream(filter).await.unwrap();
        let spec = builder(&lease, "other", &["sleep", "60"]).label("io.longshore.of", "nobody");
        client.containers().create(&spec).await.unwrap();
        let spec = builder(&lease, "told", &["sh", "-c", "exit 7"]);
        client.containers().run(&spec).await.unwrap();
        let mut told = Vec::new();
        while told.len() < 2 {
            // Gaps are the engine's own doing, and none of a test that others share it with.
            let Some(item) = events.next().await else {
                unreachable!("no end was asked for")
            };
            if let EventItem::Event {
                event: DockerEvent::Container(container),
                ..
            } = item
            {
                let name = container.container_name().map(ToOwned::to_owned);
                told.push((container.verb().to_owned(), name, container.exit_code()));
                // Podman writes the registry before it.
                assert!(container.image().is_some_and(|image| image.ends_with(IMAGE)));
            }
        }
        let name = Some(lease.name("told"));
        assert_eq!(
            told,
            [
                ("start".to_owned(), name.clone(), None),
                ("die".to_owned(), name, Some(7))
            ]
        );

        assert!(events.stats().of_action(&EventType::Container, "start") >= 1);

        // The same again from the engine's memory, and then the end.
        let now = client.system().info().await.unwrap().system_time.unwrap();
        let filter = EventFilter::new()
            .label(&label)
            .action("die")
            .since_duration(std::time::Duration::from_secs(60))
            .until(now);
        let mut events = client.events().stream(filter).await.unwrap();
        client
            .containers()
            .remove(&lease.name("told"), true)
            .await
            .unwrap();
        let mut past = 0;
        while let Some(item) = events.next().await {
            past += usize::from(matches!(item, EventItem::Event { .. }));
        }
        assert_eq!(past, 1);
    })
    .await;
}

/// What is told of one piece of work, in words, to its end.
async fn story(receiver: &mut ProgressReceiver) -> Vec<String> {
    let mut story = Vec::new();
    loop {
        let (text, status) = match receiver.recv().await.unwrap() {
            ProgressEvent::ContainerCreate { name, image, status } => {
                (format!("create {} {image}", name.unwrap()), status)
            }
            ProgressEvent::ContainerLifecycle {
                container,
                action,
                status,
            } => (format!("{action} {container}"), status),
            ProgressEvent::ImageDownload {
                image_name, status, ..
            } => (format!("download {image_name}"), status),
            other => unreachable!("{other:?}"),
        };
        let is_end = status.is_end();
        let word = match status {
            ProgressStatus::Failed(why) => format!("failed: {why}"),
            ProgressStatus::Running(_) => continue,
            other => format!("{other:?}"),
        };
        story.push(format!("{text}: {word}"));
        if is_end {
            return story;
        }
    }
}

#[tokio::test]
async fn a_reporter_tells_each_piece_of_work_from_its_beginning_to_its_one_end() {
    on_each(|lease| async move {
        let (reporter, mut heard) = ProgressReporter::new();
        let token = CancellationToken::new();
        let client = client(&lease)
            .await
            .with_progress_reporter(reporter)
            .with_cancellation(token.clone());
        let containers = client.containers();
        let name = lease.name("told");
        containers
            .create(&builder(&lease, "told", &["sleep", "60"]))
            .await
            .unwrap();
        let told = story(&mut heard).await;
        let made = format!("create {name} {IMAGE}: ");
        assert_eq!(told, [format!("{made}Started"), format!("{made}Done")]);
        containers.start(&name).await.unwrap();
        assert_eq!(
            story(&mut heard).await.last().unwrap(),
            &format!("start {name}: Done")
        );
        let error = containers.remove(&name, false).await.unwrap_err();
        let told = story(&mut heard).await;
        assert!(
            told[1].starts_with(&format!("remove {name}: failed: ")),
            "{told:?}"
        );
        assert!(told[1].contains(&error.to_string()), "{told:?}");
        // A future that is dropped on its way, and a client that was cancelled.
        let mut stop = Box::pin(containers.stop(&name));
        let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(stop.as_mut().poll(cx))).await;
        assert!(polled.is_pending());
        drop(stop);
        assert_eq!(
            story(&mut heard).await,
            [format!("stop {name}: Started"), format!("stop {name}: Cancelled")]
        );
        token.cancel();
        containers.pause(&name).await.unwrap_err();
        assert_eq!(
            story(&mut heard).await.last().unwrap(),
            &format!("pause {name}: Cancelled")
        );
    })
    .await;
}

#[tokio::test]
async fn a_download_is_told_and_never_falls() {
    on_each(|lease| async move {
        let Some(registry) = Registry::start(&lease, Access::Open) else {
            return;
        };
        let plain = client(&lease).await;
        let image = format!("{}/{}:1", registry.host(), lease.name("way"));
        // With a layer of its own: one that is there already does not move.
        let script = "head -c 300000 /dev/urandom > /layer";
        let made = plain
            .containers()
            .create(&builder(&lease, "layer", &["sh", "-c", script]))
            .await
            .unwrap();
        plain.containers().start(made.id.as_str()).await.unwrap();
        let made = ObjectRef::from(&made.id);
        plain.engine().wait_container(&made).await.unwrap();
        let commit = CommitOptions {
            repo: image.strip_suffix(":1").map(str::to_owned),
            tag: Some("1".to_owned()),
            ..CommitOptions::default()
        };
        plain.engine().commit(&made, &commit).await.unwrap();
        plain.containers().remove(made.as_str(), true).await.unwrap();
        let push = plain.images().push(&image, &PushImage::default()).await.unwrap();
        push.finish().await.unwrap();
        plain
            .images()
            .remove(&image, RemoveImage::default())
            .await
            .unwrap();
        let (reporter, mut heard) = ProgressReporter::new();
        let client = plain.with_progress_reporter(reporter);
        client.download_image(&image).await.unwrap();
        drop(client);
        let (mut shares, mut ends) = (Vec::new(), 0);
        while let Ok(event) = heard.recv().await {
            let ProgressEvent::ImageDownload {
                image_name,
                status,
                progress,
                ..
            } = event
            else {
                panic!("{event:?}")
            };
            assert_eq!(*image_name, *image);
            assert_eq!(ends, 0, "the end is the last");
            ends += u32::from(status == ProgressStatus::Done);
            shares.extend(progress.map(|now| now.percentage));
        }
        assert_eq!(ends, 1);
        assert!(!shares.is_empty() && shares.is_sorted(), "{shares:?}");
        assert!(
            shares.iter().all(|share| (0.0..=100.0).contains(share)),
            "{shares:?}"
        );
        lease
            .call("DELETE", &format!("/images/{image}"), None)
            .await
            .unwrap();
    })
    .await;
}
