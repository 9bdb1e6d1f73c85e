//! One thing done for many containers, on real engines.

use futures_util::StreamExt as _;
use longshore::prelude::*;
use longshore_testkit::lease::{LABEL, Lease, on_each};
use tokio_util::sync::CancellationToken;

use crate::{builder, client};

fn sleepers(lease: &Lease, count: usize) -> Vec<ContainerBuilder> {
    let spec = |n| builder(lease, &format!("many-{n}"), &["sleep", "60"]);
    (0..count).map(spec).collect()
}

async fn states(client: &DockerClient, lease: &Lease) -> Vec<(String, String)> {
    let listed = ListContainers::all().label(format!("{LABEL}={}", lease.run_id()));
    let found = client.containers().list(&listed).await.unwrap();
    let mut states: Vec<_> = found
        .into_iter()
        .map(|container| (container.name, container.state.to_string()))
        .collect();
    states.sort();
    states
}

#[tokio::test]
async fn each_of_many_has_its_outcome_and_no_failure_stops_the_others() {
    on_each(|lease| async move {
        let client = client(&lease).await;
        let containers = client.containers();
        let mut specs = sleepers(&lease, 12);
        // One without an image, one whose name is taken by then, one that no engine would take.
        specs[3].image = "no-such-image-here:1".to_owned();
        containers.create(&specs[7]).await.unwrap();
        specs[9].name = Some("../etc".to_owned());
        let batch = containers.run_all(&specs, Bulk::default()).await;
        let asked: Vec<_> = batch.iter().map(|(spec, _)| spec.name.clone()).collect();
        let wanted: Vec<_> = specs.iter().map(|spec| spec.name.clone()).collect();
        assert_eq!(asked, wanted, "in the order given");
        let failed: Vec<_> = batch
            .failed()
            .map(|(spec, error)| (spec.name.clone().unwrap(), error.kind()))
            .collect();
        assert_eq!(
            failed,
            [
                (lease.name("many-3"), DockerErrorKind::Image),
                (lease.name("many-7"), DockerErrorKind::Container),
                ("../etc".to_owned(), DockerErrorKind::Input),
            ]
        );
        let running = states(&client, &lease).await;
        assert_eq!(running.iter().filter(|(_, state)| state == "running").count(), 9);
        let error = batch.into_result().unwrap_err();
        assert!(error.to_string().starts_with("3 of 12 failed: "), "{error}");

        let mut names: Vec<String> = running.into_iter().map(|(name, _)| name).collect();
        names.push("no-such-container-here".to_owned());
        let (force, volumes) = (true, true);
        let remove = Verb::Remove { force, volumes };
        let removed = containers.act_all(&names, &remove, Bulk::default().at_once(3)).await;
        let failed: Vec<_> = removed.failed().collect();
        assert!(
            matches!(&failed[..], [(name, error)] if *name == "no-such-container-here" && error.is_not_found()),
            "{failed:?}"
        );
        assert_eq!(removed.done().count(), 10);
        let error = removed.into_result().unwrap_err().to_string();
        assert!(
            error.starts_with("1 of 11 failed: ") && error.contains("no-such-container-here"),
            "{error}"
        );
        assert!(states(&client, &lease).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_is_cancelled_tells_what_was_done_and_what_was_not() {
    on_each(|lease| async move {
        let client = client(&lease).await;
        let made = client
            .containers()
            .run_all(&sleepers(&lease, 6), Bulk::default())
            .await;
        assert!(made.is_ok(), "{made:?}");
        let names: Vec<String> = (0..6).map(|n| lease.name(&format!("many-{n}"))).collect();
        let token = CancellationToken::new();
        let cancelled = client.clone().with_cancellation(token.clone());
        let third = &names[2];
        let batch = Bulk::default()
            .at_once(1)
            .run(names.iter().cloned(), |name| {
                let (containers, token) = (cancelled.containers(), &token);
                async move {
                    let outcome = containers.pause(&name).await?;
                    if name == *third {
                        token.cancel();
                    }
                    Ok::<_, DockerError>(outcome)
                }
            })
            .await;
        let kinds: Vec<_> = batch.failed().map(|(name, error)| (name, error.kind())).collect();
        let wanted: Vec<_> = names[3..]
            .iter()
            .map(|name| (name, DockerErrorKind::Cancelled))
            .collect();
        assert_eq!(kinds, wanted);
        let paused: Vec<bool> = states(&client, &lease)
            .await
            .iter()
            .map(|(_, state)| state == "paused")
            .collect();
        assert_eq!(paused, [true, true, true, false, false, false]);
    })
    .await;
}

#[tokio::test]
async fn a_batch_that_is_dropped_makes_nothing_more() {
    on_each(|lease| async move {
        let client = client(&lease).await;
        let containers = client.containers();
        let (at_once, taken) = (2, 3);
        {
            let create = |spec: ContainerBuilder| {
                let containers = &containers;
                async move { containers.create(&spec).await }
            };
            let made = Bulk::default()
                .at_once(at_once)
                .each(sleepers(&lease, 12), create);
            let first: Vec<_> = std::pin::pin!(made).take(taken).collect().await;
            assert!(first.iter().all(|(_, outcome)| outcome.is_ok()), "{first:?}");
        }
        // What was under way the engine may have done. A name that it has not given away by now it gives us.
        let sent = states(&client, &lease).await.len();
        assert!((taken..=taken + at_once).contains(&sent), "{sent}");
        let rest = sleepers(&lease, 12).split_off(taken + at_once);
        let made = containers.run_all(&rest, Bulk::default()).await;
        assert!(made.is_ok(), "{made:?}");
    })
    .await;
}
