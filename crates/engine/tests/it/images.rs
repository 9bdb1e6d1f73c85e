//! Images on an engine: what there is, what they are called, and archives of them.

use futures_util::TryStreamExt as _;
use longshore_core::{ImageName, ImageRef, RemovedImage};
use longshore_engine::{
    Backoff, Endpoint, Engine, EngineConfig, Error, ErrorKind, ImportImage, InspectImage, ListImages,
    LoadImages, PruneFilter, PullImage, RemoveImage, Retry, SearchImages, TransferEvent, UnusedImages,
    Upload,
};
use longshore_testkit::lease::{IMAGE, LABEL, Lease, on_each};
use longshore_testkit::{FakeConfig, FakeEngine};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{careless, client, is_podman, unless_busy};

/// A tar with one file.
pub(crate) fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, content).unwrap();
    tar.into_inner().unwrap()
}

/// An image that belongs to the lease, under a name that no other test uses.
pub(crate) async fn import(engine: &Engine, lease: &Lease, name: &ImageName, content: &[u8]) -> String {
    let options = ImportImage {
        name: Some(name.clone()),
        message: "from a test".to_owned(),
        changes: vec![
            format!("LABEL {LABEL}={}", lease.run_id()),
            "CMD [\"/x\"]".to_owned(),
            "ENV A=b".to_owned(),
        ],
        platform: None,
    };
    engine
        .import_image(tar("x", content).into(), &options)
        .await
        .unwrap()
}

pub(crate) fn name(lease: &Lease, suffix: &str) -> ImageName {
    ImageName::new(&format!("longshore-test/{}:1", lease.name(suffix))).unwrap()
}

/// As the engine tells it: Podman with the registry that Docker leaves out.
fn told(lease: &Lease, name: &ImageName) -> String {
    if is_podman(lease) {
        name.canonical()
    } else {
        name.to_string()
    }
}

#[tokio::test]
async fn an_image_lives_its_whole_life() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let first = name(&lease, "life");
        let id = import(&engine, &lease, &first, b"content").await;
        let image = engine
            .inspect_image(&ImageRef::from(&first), &InspectImage::default())
            .await
            .unwrap();
        assert_eq!(
            (image.id.as_str(), &image.tags[..]),
            (id.as_str(), &[told(&lease, &first)][..])
        );
        assert_eq!(
            (&image.config.cmd[..], &image.config.env.0[..]),
            (&["/x".to_owned()][..], &["A=b".to_owned()][..])
        );
        assert_eq!(
            (image.layers.len(), image.config.labels[LABEL].as_str()),
            (1, lease.run_id())
        );
        assert_eq!(image.platform.unwrap().os, "linux");
        assert!(image.size > 0 && image.created.is_some());

        let history = engine.image_history(&ImageRef::new(&id).unwrap()).await.unwrap();
        assert_eq!((history.len(), history[0].comment.as_str()), (1, "from a test"));
        // Podman tells no names there.
        let tags = if is_podman(&lease) {
            vec![]
        } else {
            vec![first.to_string()]
        };
        assert!(
            history[0].created.is_some() && history[0].tags == tags,
            "{history:?}"
        );

        let second = first.with_tag("2").unwrap();
        engine.tag_image(&ImageRef::from(&first), &second).await.unwrap();
        engine.tag_image(&ImageRef::from(&first), &second).await.unwrap();
        let ours = ListImages::default().filter("label", lease.label());
        let listed = engine.list_images(&ours).await.unwrap();
        assert_eq!(
            (listed.len(), listed[0].tags.len(), listed[0].id.as_str()),
            (1, 2, id.as_str())
        );

        let several = engine
            .remove_image(&ImageRef::new(&id).unwrap(), RemoveImage::default())
            .await
            .unwrap_err();
        assert!(several.is_conflict(), "{several:?}");
        let untagged = engine
            .remove_image(&ImageRef::from(&second), RemoveImage::default())
            .await
            .unwrap();
        assert_eq!(untagged, [RemovedImage::Untagged(told(&lease, &second))]);
        let removed = engine
            .remove_image(&ImageRef::from(&first), RemoveImage::default())
            .await
            .unwrap();
        assert!(
            removed.contains(&RemovedImage::Deleted(id.clone())),
            "{removed:?}"
        );
        assert!(engine.list_images(&ours).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_an_image_call_cannot_find_or_take_is_an_error_of_its_kind() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let none = ImageRef::new("longshore-test/no-such:1").unwrap();
        let errors = [
            engine
                .inspect_image(&none, &InspectImage::default())
                .await
                .unwrap_err(),
            engine.image_history(&none).await.unwrap_err(),
            engine.tag_image(&none, &name(&lease, "x")).await.unwrap_err(),
            engine
                .remove_image(
                    &none,
                    RemoveImage {
                        force: true,
                        keep_parents: true,
                    },
                )
                .await
                .unwrap_err(),
        ];
        for error in errors {
            assert!(error.is_not_found(), "{error:?}");
        }
        let missing = match engine.save_images(std::slice::from_ref(&none)).await {
            Ok(download) => download.try_collect::<Vec<_>>().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(missing.is_not_found(), "{missing:?}");
        assert_eq!(
            engine.save_images(&[]).await.unwrap_err().kind(),
            ErrorKind::BadInput
        );
        let pinned = ImageName::new(&format!("a@sha256:{}", "0".repeat(64))).unwrap();
        let error = engine
            .tag_image(&ImageRef::new(IMAGE).unwrap(), &pinned)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadInput);
        let filter = ListImages::default().filter("nonsense", "x");
        assert!(!engine.list_images(&filter).await.unwrap_err().is_transient());
    })
    .await;
}

#[tokio::test]
async fn what_an_engine_is_too_old_for_names_the_version_that_it_needs() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let version = engine.api_version().unwrap();
        let image = ImageRef::new(IMAGE).unwrap();
        let all = ListImages {
            manifests: true,
            ..ListImages::default()
        };
        let both = InspectImage {
            manifests: true,
            platform: None,
        };
        let platform = InspectImage {
            manifests: false,
            platform: Some("linux/amd64".parse().unwrap()),
        };
        let results = [
            ("1.47", engine.list_images(&all).await.err()),
            ("1.48", engine.inspect_image(&image, &both).await.err()),
            ("1.49", engine.inspect_image(&image, &platform).await.err()),
        ];
        for (needed, error) in results {
            let speaks_it = version >= needed.parse().unwrap();
            assert_eq!(error.is_none(), speaks_it, "{needed} at {version}: {error:?}");
            if let Some(error) = error {
                assert_eq!(error.kind(), ErrorKind::Version);
                assert!(
                    error.to_string().contains(needed) && error.to_string().contains(&version.to_string())
                );
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_saved_is_loaded_again_one_or_several() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let (one, two) = (name(&lease, "one"), name(&lease, "two"));
        let ids = [
            import(&engine, &lease, &one, b"1").await,
            import(&engine, &lease, &two, &[7; 200_000]).await,
        ];
        let refs = [ImageRef::from(&one), ImageRef::from(&two)];
        let saved: Vec<_> = engine
            .save_images(&refs)
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        for image in &refs {
            engine.remove_image(image, RemoveImage::default()).await.unwrap();
        }
        let mut shown = Vec::new();
        let pieces = futures_util::stream::iter(saved.clone().into_iter().map(Ok));
        let loaded = engine
            .load_images(Upload::from_stream(pieces), &LoadImages::default(), |step| {
                shown.push(step.fraction);
            })
            .await
            .unwrap();
        let mut names = loaded.names.clone();
        names.sort();
        assert_eq!(names, [told(&lease, &one), told(&lease, &two)]);
        assert_eq!(shown.last().copied().flatten(), Some(1.0));
        assert!(shown.is_sorted());
        for (image, id) in refs.iter().zip(&ids) {
            let found = engine
                .inspect_image(image, &InspectImage::default())
                .await
                .unwrap();
            assert_eq!(&found.id, id);
        }

        let whole: Vec<u8> = saved.concat();
        for broken in [whole[..whole.len() / 2].to_vec(), b"no tar at all".to_vec()] {
            let error = engine
                .load_images(broken.into(), &LoadImages::default(), drop)
                .await
                .unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Failed | ErrorKind::Status),
                "{error:?}"
            );
            assert!(!error.message().unwrap().is_empty());
        }
        let unreadable =
            Upload::from_stream(futures_util::stream::iter([Err(std::io::Error::other("gone"))]));
        let error = engine
            .load_images(unreadable, &LoadImages::default(), drop)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadInput, "{error:?}");
        let error = engine
            .import_image(b"no tar".to_vec().into(), &ImportImage::default())
            .await
            .unwrap_err();
        // 28.5 says it before, 20.10 inside its answer.
        assert!(
            matches!(error.kind(), ErrorKind::Failed | ErrorKind::Status),
            "{error:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_prune_takes_what_fits_the_filter_and_counts_it() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let name = name(&lease, "pruned");
        let id = import(&engine, &lease, &name, &[1; 100_000]).await;
        let ours = PruneFilter::default().label(lease.label());
        let dangling = unless_busy(|| engine.prune_images(UnusedImages::Dangling, &ours)).await;
        assert!(dangling.removed.is_empty(), "it has a name");
        if is_podman(&lease) {
            let error = engine.prune_images(UnusedImages::All, &ours).await.unwrap_err();
            assert!(
                error.message().unwrap().contains("dangling"),
                "it takes no such choice: {error:?}"
            );
            return;
        }
        let pruned = unless_busy(|| engine.prune_images(UnusedImages::All, &ours)).await;
        assert!(pruned.removed.contains(&id), "{pruned:?}");
        assert!(pruned.reclaimed.unwrap() > 90_000, "{pruned:?}");
    })
    .await;
}

#[tokio::test]
async fn a_search_is_read_and_an_engine_without_a_way_out_says_so() {
    let fake = FakeEngine::start(FakeConfig::default()).await.unwrap();
    let engine = careless(&fake);
    engine.ping().await.unwrap();
    let answer =
        r#"[{"name":"nginx","description":"web","star_count":7,"is_official":true},{"name":"x","odd":[]}]"#;
    fake.faults().answer("GET /images/search", 200, answer);
    let found = engine
        .search_images(
            "ng&inx",
            &SearchImages {
                limit: Some(5),
                ..Default::default()
            },
        )
        .await
        .unwrap();
    assert_eq!(
        (found.len(), found[0].stars, found[0].official, found[1].stars),
        (2, 7, true, 0)
    );
    fake.faults().answer(
        "GET /images/search",
        500,
        r#"{"message":"dial tcp: lookup index.docker.io: i/o timeout"}"#,
    );
    let error = engine
        .search_images("nginx", &SearchImages::default())
        .await
        .unwrap_err();
    assert!(error.kind() == ErrorKind::Status && error.message().unwrap().contains("i/o timeout"));
    fake.stop().await;
}

/// What the stream of a pull says that comes `piece` bytes at a time.
async fn pulled(stream: &'static str, piece: usize) -> Result<Vec<TransferEvent>, Error> {
    let (engine, _folder, _server) = dribbling(stream, piece);
    let mut pull = engine
        .pull_image(&"app:1".parse().unwrap(), &PullImage::default())
        .await?;
    let mut all = Vec::new();
    loop {
        match pull.try_next().await {
            Ok(Some(event)) => all.push(event),
            Ok(None) => return Ok(all),
            Err(error) => {
                assert!(
                    pull.try_next().await.unwrap().is_none(),
                    "the error is the last item"
                );
                return Err(error);
            }
        }
    }
}

/// An engine that answers every call but a ping with this, `piece` bytes at a time.
fn dribbling(stream: &'static str, piece: usize) -> (Engine, tempfile::TempDir, tokio::task::JoinSet<()>) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut request = vec![0; 16 * 1024];
            let read = client.read(&mut request).await.unwrap();
            let ping = String::from_utf8_lossy(&request[..read]).contains("/_ping");
            let head = "HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nConnection: close\r\n";
            let body = if ping { "OK" } else { stream };
            let head = format!("{head}Content-Length: {}\r\n\r\n", body.len());
            client.write_all(head.as_bytes()).await.unwrap();
            for piece in body.as_bytes().chunks(piece) {
                // The other side may have heard enough.
                let _ = client.write_all(piece).await;
                tokio::task::yield_now().await;
            }
        }
    });
    (
        Engine::new(Endpoint::unix(socket), EngineConfig::default()),
        folder,
        tasks,
    )
}

#[tokio::test]
async fn a_stream_ends_with_one_item_that_says_how() {
    use TransferEvent::Done;
    let good = "{\"status\":\"Pulling fs layer\",\"id\":\"a\"}{\"status\":\"Downloading\",\"id\":\"a\",\"progressDetail\":\
                {\"current\":5,\"total\":10}}\r\n\n{\"status\":\"Digest: sha256:77\"}\n{\"status\":\"Status: Image is up \
                to date for app:1\"}";
    for piece in [1, 7, 4096] {
        let all = pulled(good, piece).await.unwrap();
        let done: Vec<_> = all.iter().filter(|event| matches!(event, Done(_))).collect();
        assert_eq!(done.len(), 1);
        let Some(Done(done)) = all.last() else {
            panic!("{all:?}")
        };
        assert_eq!(
            (done.digest.as_deref(), done.is_new),
            (Some("sha256:77"), Some(false))
        );
        assert_eq!(done.progress.fraction, Some(1.0));
    }
    for (bad, kind) in [
        (
            r#"{"status":"x"}{"errorDetail":{"message":"toomanyrequests: slow down"},"error":"e"}{"status":"Status: x"}"#,
            ErrorKind::Failed,
        ),
        (
            r#"{"error":"unauthorized: authentication required"}"#,
            ErrorKind::Permission,
        ),
        (
            r#"{"errorDetail":{"code":404,"message":"manifest for app:1 not found: manifest unknown"}}"#,
            ErrorKind::NotFound,
        ),
        (r#"{"errorDetail":{}}"#, ErrorKind::Failed),
        (r#"{"status":"Downloading""#, ErrorKind::Protocol),
        ("rubbish", ErrorKind::Protocol),
    ] {
        for piece in [3, 4096] {
            assert_eq!(pulled(bad, piece).await.unwrap_err().kind(), kind, "{bad}");
        }
    }
}

#[tokio::test]
async fn images_are_listed_while_others_are_removed() {
    on_each(|lease| async move {
        let backoff = Backoff {
            first: std::time::Duration::from_millis(5),
            ..Backoff::default()
        };
        let engine = client(&lease)
            .await
            .with(|config| config.retry(Retry::times(8).backoff(backoff)));
        let kept = name(&lease, "kept");
        import(&engine, &lease, &kept, b"kept").await;
        for round in 0..longshore_testkit::sized(10, 100) {
            let names: Vec<_> = (0..4).map(|n| name(&lease, &format!("r{round}n{n}"))).collect();
            for (name, n) in names.iter().zip(0u8..) {
                import(&engine, &lease, name, &[n, u8::try_from(round % 250).unwrap()]).await;
            }
            let removing = async {
                for name in &names {
                    let image = ImageRef::from(name);
                    engine.remove_image(&image, RemoveImage::default()).await.unwrap();
                }
            };
            let listing = async {
                for _ in 0..4 {
                    let listed = engine.list_images(&ListImages::default()).await.unwrap();
                    let kept = told(&lease, &kept);
                    assert!(
                        listed.iter().any(|image| image.tags.contains(&kept)),
                        "{listed:?}"
                    );
                }
            };
            tokio::join!(removing, listing);
        }
    })
    .await;
}
