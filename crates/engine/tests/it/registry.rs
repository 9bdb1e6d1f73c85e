//! Pull and push at a real registry, with and without a password, and at one that misbehaves.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use longshore_core::{ImageName, ImageRef, RemovedImage};
use longshore_engine::{
    CredentialError, CredentialProvider, Credentials, Engine, Error, ErrorKind, Issued, PullImage, PushImage,
    RegistryAuth, RemoveImage, TransferEvent, Transferred,
};
use longshore_testkit::lease::{Lease, on_each};
use longshore_testkit::netns::Network;
use longshore_testkit::registry::{Access, PASSWORD, Registry, USER};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;

use crate::images::import;
use crate::support::{client, is_podman};

fn at(host: &str, lease: &Lease, suffix: &str) -> ImageName {
    ImageName::new(&format!("{host}/{}:1", lease.name(suffix))).unwrap()
}

fn right() -> Credentials {
    Credentials::password(USER, PASSWORD)
}

async fn remove(engine: &Engine, image: &ImageName) -> Vec<RemovedImage> {
    engine
        .remove_image(&ImageRef::from(image), RemoveImage::default())
        .await
        .unwrap()
}

async fn push(engine: &Engine, image: &ImageName, options: &PushImage) -> Result<Transferred, Error> {
    engine.push_image(image, options).await?.finish().await
}

async fn pull(engine: &Engine, image: &ImageName, options: &PullImage) -> Result<Transferred, Error> {
    engine.pull_image(image, options).await?.finish().await
}

#[tokio::test]
async fn an_image_is_pushed_and_pulled_with_true_progress() {
    on_each(|lease| async move {
        let Some(registry) = Registry::start(&lease, Access::Open) else {
            return;
        };
        let engine = client(&lease).await;
        let image = at(registry.host(), &lease, "way");
        // What does not shrink when it is packed.
        let mut noise = vec![0_u8; 3_000_000];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        noise.fill_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        });
        import(&engine, &lease, &image, &noise).await;
        let pushed = push(&engine, &image, &PushImage::default()).await.unwrap();
        // Podman counts no bytes, tells a digest of a push alone, and never whether an image is new.
        let podman = is_podman(&lease);
        assert!(
            (pushed.progress.current >= 3_000_000) != podman && pushed.is_new.is_none(),
            "{pushed:?}"
        );
        remove(&engine, &image).await;

        let transfer = engine.pull_image(&image, &PullImage::default()).await.unwrap();
        let events: Vec<_> = transfer.try_collect().await.unwrap();
        let fractions: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                TransferEvent::Progress(progress) => progress.fraction,
                _ => None,
            })
            .collect();
        assert!(
            fractions.is_sorted() && fractions.iter().all(|fraction| *fraction < 1.0),
            "{fractions:?}"
        );
        assert!(fractions.len() > 3 || podman, "{fractions:?}");
        let Some(TransferEvent::Done(done)) = events.last() else {
            panic!("{events:?}")
        };
        let told = |is_new| {
            if podman {
                (None, None)
            } else {
                (pushed.digest.clone(), Some(is_new))
            }
        };
        assert_eq!((done.digest.clone(), done.is_new), told(true));
        assert_eq!(done.progress.fraction, Some(1.0));
        assert!(pushed.digest.as_deref().unwrap().starts_with("sha256:"));

        let again = pull(&engine, &image, &PullImage::default()).await.unwrap();
        assert_eq!((again.digest, again.is_new), told(false));
        let pinned = format!("{}@{}", image.bare(), pushed.digest.unwrap());
        pull(&engine, &pinned.parse().unwrap(), &PullImage::default())
            .await
            .unwrap();
        remove(&engine, &image).await;
    })
    .await;
}

#[tokio::test]
async fn a_registry_that_asks_gets_what_is_right_and_refuses_the_rest() {
    on_each(|lease| async move {
        let Some(registry) = Registry::start(&lease, Access::Password) else {
            return;
        };
        let engine = client(&lease).await;
        let image = at(registry.host(), &lease, "asked");
        import(&engine, &lease, &image, b"secret").await;
        let with = |credentials| PushImage::default().credentials(credentials);
        for (options, hint) in [
            (PushImage::default(), "without credentials"),
            (with(Credentials::password(USER, "hunter2")), "did not take"),
        ] {
            let error = push(&engine, &image, &options).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Permission, "{error:?}");
            assert!(
                error.hint().unwrap().contains(hint) && !format!("{error:?}").contains("hunter2"),
                "{error:?}"
            );
        }
        push(&engine, &image, &with(right())).await.unwrap();
        remove(&engine, &image).await;

        let error = pull(&engine, &image, &PullImage::default()).await.unwrap_err();
        assert!(
            error.kind() == ErrorKind::Permission && error.hint().is_some(),
            "{error:?}"
        );
        let elsewhere = RegistryAuth::default()
            .with("127.0.0.1:1", right())
            .with("docker.io", right());
        let error = pull(
            &engine.with_registry_auth(elsewhere),
            &image,
            &PullImage::default(),
        )
        .await
        .unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Permission,
            "what is for others is not shown here"
        );

        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.json");
        let auth = base64(&format!("{USER}:{PASSWORD}"));
        std::fs::write(
            &config,
            serde_json::json!({"auths": {registry.host(): {"auth": auth}}}).to_string(),
        )
        .unwrap();
        let known = engine.with_registry_auth(RegistryAuth::default().config_file(&config));
        pull(&known, &image, &PullImage::default()).await.unwrap();
        remove(&engine, &image).await;

        std::fs::write(&config, r#"{"credsStore":"longshore-no-such"}"#).unwrap();
        let error = pull(&known, &image, &PullImage::default()).await.unwrap_err();
        assert!(
            error
                .hint()
                .unwrap()
                .contains("docker-credential-longshore-no-such is not on the PATH"),
            "{error:?}"
        );
    })
    .await;
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Issues what has gone stale, then what is right.
struct Stale(Arc<AtomicU32>);

impl CredentialProvider for Stale {
    async fn issue(&self, _: &str) -> Result<Option<Issued>, CredentialError> {
        let stale = self.0.fetch_add(1, Ordering::Relaxed) == 0;
        Ok(Some(Issued::new(if stale {
            Credentials::password(USER, "stale")
        } else {
            right()
        })))
    }
}

#[tokio::test]
async fn kept_credentials_that_are_refused_are_renewed_once() {
    on_each(|lease| async move {
        let Some(registry) = Registry::start(&lease, Access::Password) else {
            return;
        };
        let engine = client(&lease).await;
        let image = at(registry.host(), &lease, "renewed");
        import(&engine, &lease, &image, b"x").await;
        let asked = Arc::new(AtomicU32::new(0));
        let issued =
            || engine.with_registry_auth(RegistryAuth::default().provider(Stale(Arc::clone(&asked))));
        push(&issued(), &image, &PushImage::default()).await.unwrap();
        assert_eq!(asked.swap(0, Ordering::Relaxed), 2);
        remove(&engine, &image).await;
        let fresh = issued();
        pull(&fresh, &image, &PullImage::default()).await.unwrap();
        pull(&fresh, &image, &PullImage::default()).await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 2, "what is right is kept");
        remove(&engine, &image).await;
    })
    .await;
}

/// What a registry that misbehaves does with a request for a path.
#[derive(Clone, Copy)]
enum Bad {
    Status(u16, &'static str),
    /// The manifest ends in its middle.
    Cut,
    /// The layer comes, but never to its end.
    Slow,
}

const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json","config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":176,"digest":"sha256:5d396bac2d60a01d945e680eccc6dc5a044beacb5fa367540ed396353880f04b"},"layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":1000000000,"digest":"sha256:LAYER"}]}"#;

/// What the manifest names by its digest.
const CONFIG: &str = r#"{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:3333333333333333333333333333333333333333333333333333333333333333"]},"history":[]}"#;
const CONFIG_DIGEST: &str = "sha256:5d396bac2d60a01d945e680eccc6dc5a044beacb5fa367540ed396353880f04b";

/// A registry in the engine's network; dropping the tasks ends it.
struct BadRegistry {
    host: String,
    /// Layers that are being asked for now.
    open: watch::Sender<u32>,
    /// How often the manifest was asked for.
    asked: watch::Sender<u32>,
    _tasks: tokio::task::JoinSet<()>,
}

fn misbehaving(lease: &Lease, bad: Bad) -> BadRegistry {
    let listener = Network::of(lease.target()).unwrap().listen().unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let (open, asked) = (watch::Sender::new(0), watch::Sender::new(0));
    // An engine moves a layer once for all who pull it: another test's would be joined.
    let mut hasher = DefaultHasher::new();
    lease.run_id().hash(&mut hasher);
    let manifest = MANIFEST.replace("LAYER", &format!("{:064x}", hasher.finish()));
    let counted = (open.clone(), asked.clone());
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(answer(stream, bad, manifest.clone(), counted.clone()));
        }
    });
    BadRegistry {
        host,
        open,
        asked,
        _tasks: tasks,
    }
}

async fn answer(
    mut stream: tokio::net::TcpStream,
    bad: Bad,
    manifest: String,
    (open, asked): (watch::Sender<u32>, watch::Sender<u32>),
) {
    let mut request = vec![0; 16 * 1024];
    let read = stream.read(&mut request).await.unwrap_or(0);
    let head = String::from_utf8_lossy(&request[..read]).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    if path.contains("/manifests/") {
        asked.send_modify(|asked| *asked += 1);
    }
    let respond = |status: u16, kind: &str, length: usize, body: &str| {
        format!(
            "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
    };
    let json = "application/json";
    let text = match bad {
        _ if path == "/v2/" => respond(200, json, 2, "{}"),
        Bad::Status(status, body) => respond(status, json, body.len(), body),
        _ if path.contains("/manifests/") => {
            let kind = "application/vnd.docker.distribution.manifest.v2+json";
            let body = if matches!(bad, Bad::Cut) {
                &manifest[..100]
            } else {
                &manifest
            };
            let body = if head.starts_with("HEAD") { "" } else { body };
            respond(200, kind, manifest.len(), body)
        }
        _ if path.ends_with(CONFIG_DIGEST) => respond(200, json, CONFIG.len(), CONFIG),
        _ => respond(200, "application/octet-stream", 1_000_000_000, ""),
    };
    let _ = stream.write_all(text.as_bytes()).await;
    if path.contains("/blobs/") && !path.ends_with(CONFIG_DIGEST) {
        open.send_modify(|open| *open += 1);
        // Until the other side hangs up.
        while stream.write_all(&[7; 64 * 1024]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        open.send_modify(|open| *open -= 1);
    }
}

#[tokio::test]
async fn a_registry_that_misbehaves_is_an_error_and_never_a_success() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let unauthorized = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
        let slow_down = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#;
        let unknown = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
        for (bad, kinds) in [
            (
                Bad::Status(401, unauthorized),
                &[ErrorKind::Permission, ErrorKind::NotFound][..],
            ),
            (Bad::Status(404, unknown), &[ErrorKind::NotFound]),
            (
                Bad::Status(429, slow_down),
                &[ErrorKind::Status, ErrorKind::Failed],
            ),
            (Bad::Status(500, "{}"), &[ErrorKind::Status, ErrorKind::Failed]),
            (Bad::Cut, &[ErrorKind::Status, ErrorKind::Failed]),
        ] {
            let registry = misbehaving(&lease, bad);
            let image = at(&registry.host, &lease, "bad");
            if is_podman(&lease) && matches!(bad, Bad::Status(429, _)) {
                // It asks again and again, for minutes, before it says so.
                let (mut asked, options) = (registry.asked.subscribe(), PullImage::default());
                tokio::select! {
                    over = pull(&engine, &image, &options) => panic!("{over:?}"),
                    asked = asked.wait_for(|asked| *asked > 1) => drop(asked.unwrap()),
                }
                continue;
            }
            let error = pull(&engine, &image, &PullImage::default()).await.unwrap_err();
            assert!(
                kinds.contains(&error.kind()) && error.message().is_some(),
                "{error:?}"
            );
        }
        let nobody = at("127.0.0.1:1", &lease, "nobody");
        let error = pull(&engine, &nobody, &PullImage::default()).await.unwrap_err();
        assert!(
            error.message().unwrap().contains("connection refused"),
            "{error:?}"
        );
        let error = push(&engine, &nobody, &PushImage::default()).await.unwrap_err();
        assert!(error.is_not_found(), "nothing has that name: {error:?}");
    })
    .await;
}

#[tokio::test]
async fn a_pull_that_is_dropped_leaves_nothing_running() {
    on_each(|lease| async move {
        let engine = client(&lease).await;
        let registry = misbehaving(&lease, Bad::Slow);
        let image = at(&registry.host, &lease, "dropped");
        let mut pull = engine.pull_image(&image, &PullImage::default()).await.unwrap();
        // An engine that is told to stop notices it between two reads of a layer: bytes must move.
        loop {
            match pull.try_next().await.unwrap() {
                Some(TransferEvent::Progress(now)) if now.current > 0 => break,
                Some(TransferEvent::Progress(_)) => {}
                other => panic!("a pull without an end has ended: {other:?}"),
            }
        }
        let mut open = registry.open.subscribe();
        open.wait_for(|open| *open > 0).await.unwrap();
        drop(pull);
        open.wait_for(|open| *open == 0).await.unwrap();
        assert!(engine.ping().await.is_ok());
    })
    .await;
}
