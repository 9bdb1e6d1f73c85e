//! Volumes, disk usage and prunes: on real engines, and on the fake one what no real one can be made to do.

use longshore_core::{ObjectRef, VolumeSpec};
use longshore_engine::{
    DiskKinds, Engine, ErrorKind, ListVolumes, PruneFilter, PrunedKind, SystemPrune, UnusedImages,
    UnusedVolumes,
};
use longshore_testkit::fake::Fault;
use longshore_testkit::lease::{IMAGE, LABEL, Lease, on_each};
use longshore_testkit::{FakeConfig, FakeEngine};

use crate::support::{careless, client, is_podman, nobody, spec, unless_busy};

/// A spec that belongs to the lease.
fn vol(lease: &Lease, suffix: &str) -> VolumeSpec {
    VolumeSpec::new(lease.name(suffix)).label(LABEL, lease.run_id())
}

async fn ours(engine: &Engine, lease: &Lease) -> Vec<String> {
    let list = ListVolumes::default().label(lease.label());
    let all = engine.list_volumes(&list).await.unwrap().volumes;
    let mut names: Vec<_> = all.into_iter().map(|volume| volume.name).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_volume_lives_its_whole_life() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let wanted = vol(&lease, "life").label("note", "x y/z");
        let made = engine.create_volume(&wanted).await.unwrap();
        assert_eq!(
            (made.name.as_str(), &*made.driver),
            (wanted.name.as_deref().unwrap(), "local")
        );
        assert!(!made.mountpoint.is_empty() && made.created.is_some() && !made.is_anonymous());
        let name = ObjectRef::new(&made.name).unwrap();
        let seen = engine.inspect_volume(&name).await.unwrap();
        assert_eq!((seen.labels["note"].as_str(), seen.usage), ("x y/z", None));
        engine.create_volume(&wanted).await.unwrap();

        let other = wanted.clone().label("note", "another").tmpfs(1 << 20);
        let error = engine.create_volume(&other).await.unwrap_err();
        assert!(error.is_conflict(), "{error:?}");
        let text = error.to_string();
        assert!(
            text.contains("option device") && text.contains("label note"),
            "{text}"
        );

        engine.remove_volume(&name, false).await.unwrap();
        assert!(
            engine
                .remove_volume(&name, false)
                .await
                .unwrap_err()
                .is_not_found()
        );
        engine.remove_volume(&name, true).await.unwrap();
        assert!(engine.inspect_volume(&name).await.unwrap_err().is_not_found());
    })
    .await;
}

#[tokio::test]
async fn sources_are_kept_as_they_were_given() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let limited = vol(&lease, "limited").tmpfs(1 << 20);
        if is_podman(&lease) {
            // It takes a size for a quota of the file system, which it has not here.
            let error = engine.create_volume(&limited).await.unwrap_err();
            assert!(error.to_string().contains("Quota"), "{error:?}");
        } else {
            let made = engine.create_volume(&limited).await.unwrap();
            assert_eq!(made.options, limited.driver_options());
        }
        for wanted in [
            vol(&lease, "tmpfs").tmpfs(None),
            vol(&lease, "bind").bind("/nowhere/at/all"),
            // The kernel here has no NFS: the engine mounts it only when a container starts.
            vol(&lease, "nfs").nfs("127.0.0.1", "/exports/x", "rw,nfsvers=4"),
        ] {
            let made = engine.create_volume(&wanted).await.unwrap();
            assert_eq!(made.options, wanted.driver_options());
        }
        let odd = vol(&lease, "odd").option("nosuch", "x");
        let error = engine.create_volume(&odd).await.unwrap_err();
        // Podman says 500.
        assert!(!error.is_transient() && !error.is_conflict(), "{error:?}");
        let anonymous = VolumeSpec::anonymous().label(LABEL, lease.run_id());
        let made = engine.create_volume(&anonymous).await.unwrap();
        assert!(made.is_anonymous(), "{made:?}");
    })
    .await;
}

#[tokio::test]
async fn lists_are_filtered_by_the_engine() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        engine.create_volume(&vol(&lease, "plain")).await.unwrap();
        engine
            .create_volume(&vol(&lease, "mem").tmpfs(None))
            .await
            .unwrap();
        assert_eq!(
            ours(&engine, &lease).await,
            [lease.name("mem"), lease.name("plain")]
        );
        let label = lease.label();
        for (list, expected) in [
            (ListVolumes::default().name("plain"), 1),
            (ListVolumes::default().driver("local"), 2),
            (ListVolumes::default().driver("nosuch"), 0),
            (ListVolumes::default().unused(true), 2),
            (ListVolumes::default().unused(false), 0),
        ] {
            let found = engine.list_volumes(&list.clone().label(&label)).await.unwrap();
            if is_podman(&lease) {
                // There a volume needs to pass one of the filters, not all.
                assert!(found.volumes.len() >= 2, "{list:?}");
                continue;
            }
            assert_eq!(found.volumes.len(), expected, "{list:?}");
        }
        for (key, value) in [("nonsense", "x"), ("dangling", "rubbish")] {
            let bad = engine
                .list_volumes(&ListVolumes::default().filter(key, value))
                .await
                .unwrap_err();
            assert!(
                matches!(bad.kind(), ErrorKind::BadInput | ErrorKind::Status) && !bad.is_transient(),
                "{bad:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn however_many_ask_for_a_volume_there_is_one() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let wanted = vol(&lease, "one");
        let asking = (0..8).map(|_| engine.ensure_volume(&wanted));
        for result in futures_util::future::join_all(asking).await {
            assert_eq!(result.unwrap().name, lease.name("one"));
        }
        assert_eq!(ours(&engine, &lease).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_used_stays_and_what_is_not_there_is_said() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let used = ObjectRef::new(&engine.create_volume(&vol(&lease, "used")).await.unwrap().name).unwrap();
        let body =
            serde_json::json!({ "Cmd": ["true"], "HostConfig": { "Binds": [format!("{used}:/data")] } });
        lease.create("holder", body).await.unwrap();
        for force in [false, true] {
            let error = engine.remove_volume(&used, force).await.unwrap_err();
            assert!(error.is_conflict(), "{error:?}");
        }
        for error in [
            engine.inspect_volume(&nobody()).await.unwrap_err(),
            engine.remove_volume(&nobody(), false).await.unwrap_err(),
        ] {
            assert!(error.is_not_found(), "{error:?}");
        }
        let usage = unless_busy(|| engine.disk_usage(DiskKinds::NONE.volumes())).await;
        let all = usage.volumes.as_ref().unwrap();
        let one = all.iter().find(|volume| volume.name == used.as_str()).unwrap();
        assert_eq!(one.usage.unwrap().containers, Some(1));
        assert!(usage.images.is_none() && usage.containers.is_none());
        assert!(usage.volumes_sum().unwrap().active >= 1);
    })
    .await;
}

#[tokio::test]
async fn disk_usage_knows_what_it_was_asked_for() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let argv = ["sh", "-c", "head -c 100000 /dev/zero > /file"];
        let id = crate::support::start(&engine, &spec(&lease, "writes", &argv)).await;
        engine.wait_container(&id).await.unwrap();
        let usage = unless_busy(|| engine.disk_usage(DiskKinds::ALL)).await;
        let images = usage.images.as_ref().unwrap();
        // Podman cuts a name down to its tag here.
        let name = if is_podman(&lease) { "latest" } else { IMAGE };
        let named = |image: &longshore_core::ImageUsage| image.tags.iter().any(|tag| tag == name);
        assert!(
            images.iter().any(|image| named(image) && image.size > 0),
            "{images:?}"
        );
        let containers = usage.containers.as_ref().unwrap();
        let one = containers
            .iter()
            .find(|one| one.id.as_str() == id.as_str())
            .unwrap();
        assert!(
            one.written >= 100_000 && one.name == lease.name("writes"),
            "{one:?}"
        );
        assert!(usage.images_sum().unwrap().size > 0 && usage.build_cache.is_some());
        let only = unless_busy(|| engine.disk_usage(DiskKinds::NONE.images())).await;
        assert!(only.images.is_some() && only.containers.is_none() && only.volumes.is_none());
        assert_eq!(engine.disk_usage(DiskKinds::NONE).await.unwrap().images, None);
    })
    .await;
}

#[tokio::test]
async fn which_volumes_a_prune_takes_is_said_and_the_same_on_every_engine() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let anonymous = VolumeSpec::anonymous().label(LABEL, lease.run_id());
        let nameless = engine.create_volume(&anonymous).await.unwrap().name;
        engine.create_volume(&vol(&lease, "named")).await.unwrap();
        engine
            .create_volume(&vol(&lease, "kept").label("keep", ""))
            .await
            .unwrap();
        let filter = PruneFilter::default().label(lease.label()).without_label("keep");
        let pruned = unless_busy(|| engine.prune_volumes(UnusedVolumes::Anonymous, &filter)).await;
        assert_eq!(pruned.removed, [nameless]);
        let pruned = unless_busy(|| engine.prune_volumes(UnusedVolumes::All, &filter)).await;
        assert_eq!(pruned.removed, [lease.name("named")]);
        assert_eq!(ours(&engine, &lease).await, [lease.name("kept")]);
        let old = filter.older_than(std::time::Duration::from_secs(60));
        let error = engine.prune_volumes(UnusedVolumes::All, &old).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadInput);
    })
    .await;
}

#[tokio::test]
async fn a_prune_of_everything_tells_each_kind() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let stopped = engine
            .create_container(&spec(&lease, "stopped", &["true"]))
            .await
            .unwrap();
        let network = longshore_core::NetworkSpec::new(lease.name("net")).label(LABEL, lease.run_id());
        engine.create_network(&network).await.unwrap();
        engine.create_volume(&vol(&lease, "vol")).await.unwrap();
        // Podman takes no choice of images but its own.
        let images = (!is_podman(&lease)).then_some(UnusedImages::All);
        let options = SystemPrune {
            volumes: Some(UnusedVolumes::All),
            images,
            filter: PruneFilter::default().label(lease.label()),
            ..SystemPrune::default()
        };
        let pruned = unless_busy(|| async {
            let mut pruned = engine.system_prune(&options).await?;
            match pruned.kinds.iter().position(|(_, result)| result.is_err()) {
                Some(at) => Err(pruned.kinds.swap_remove(at).1.unwrap_err()),
                None => Ok(pruned),
            }
        })
        .await;
        let kinds: Vec<_> = pruned.kinds.iter().map(|(kind, _)| *kind).collect();
        let (first, rest) = kinds.split_at(3);
        assert_eq!(
            first,
            [PrunedKind::Containers, PrunedKind::Networks, PrunedKind::Volumes]
        );
        assert_eq!(rest.len(), usize::from(images.is_some()));
        let none = pruned.of(PrunedKind::Images);
        assert!(none.is_none_or(|pruned| pruned.removed.is_empty()));
        for error in [
            engine.inspect_container(&(&stopped.id).into()).await.unwrap_err(),
            engine
                .inspect_network(&ObjectRef::new(&network.name).unwrap())
                .await
                .unwrap_err(),
        ] {
            assert!(error.is_not_found());
        }
        assert!(ours(&engine, &lease).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_no_engine_takes_is_refused_before_it_is_sent() {
    let engine = Engine::new("/nowhere/docker.sock".parse().unwrap(), Default::default());
    let old = PruneFilter::default().older_than(std::time::Duration::from_secs(1));
    let both = SystemPrune {
        volumes: Some(UnusedVolumes::All),
        filter: old.clone(),
        ..SystemPrune::default()
    };
    for error in [
        engine.create_volume(&VolumeSpec::new("../x")).await.unwrap_err(),
        engine
            .create_volume(&VolumeSpec::new("ab").bind("x"))
            .await
            .unwrap_err(),
        engine.ensure_volume(&VolumeSpec::anonymous()).await.unwrap_err(),
        engine.prune_volumes(UnusedVolumes::All, &old).await.unwrap_err(),
        engine.system_prune(&both).await.unwrap_err(),
        engine
            .prune_build_cache(true, None, &PruneFilter::default().label("a"))
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::BadInput, "{error:?}");
    }
}

#[tokio::test]
async fn a_named_volume_is_asked_for_again_and_a_nameless_one_never() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let engine = careless(&fake).with(|config| config.retry(longshore_engine::Retry::times(2)));
    engine.ping().await.unwrap();
    fake.faults().cut_after("POST /volumes/create", 10);
    engine.create_volume(&VolumeSpec::new("data")).await.unwrap();
    assert_eq!(fake.calls("POST /volumes/create"), 2);
    fake.faults()
        .once("POST /volumes/create", Fault::Cut { after: 10 });
    let lost = engine.create_volume(&VolumeSpec::anonymous()).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Interrupted);
    assert_eq!(fake.calls("POST /volumes/create"), 3);
    fake.stop().await;
}

#[tokio::test]
async fn the_build_cache_is_pruned_in_the_words_of_the_version() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        // Nothing of anybody's is this old.
        let old = PruneFilter::default().older_than(std::time::Duration::from_secs(1_000_000_000));
        if is_podman(&lease) {
            let error = engine.prune_build_cache(false, None, &old).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol, "no such route: {error:?}");
            return;
        }
        let pruned = unless_busy(|| engine.prune_build_cache(false, Some(1 << 40), &old)).await;
        assert!(pruned.removed.is_empty());
    })
    .await;
}
