//! What has to end and when: commands that do not want to, under a limit, and pulls beside `docker pull`.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use longshore_core::{ContainerSpec, ImageName, ImageRef, ObjectRef, Verb};
use longshore_engine::{Engine, EngineConfig, ImportImage, PullImage, PushImage, RemoveImage, Upload};
use longshore_runtime::exec::{Command, Ended, Executor, Way};
use longshore_testkit::registry::{Access, Registry};

use crate::{Result, figures::Figures, op::Subject};

/// The limit that each command is given.
const LIMIT: Duration = Duration::from_millis(500);
/// Of each tree, after one that warms up.
const TIMES: usize = 9;
/// Interleaved pairs of pulls.
const PULLS: usize = 9;
/// The larger image, of bytes that do not compress.
const LARGE: usize = 64 << 20;

const TREES: [(&str, &str); 3] = [
    ("TERM ignored", "trap '' TERM; while :; do sleep 1; done"),
    (
        "double fork with setsid",
        "(setsid sh -c 'setsid sleep 600 & setsid sleep 601 &' &) ; sleep 602",
    ),
    (
        "fork bomb at 64 processes",
        "bomb() { bomb | bomb & }; bomb; sleep 600",
    ),
];

/// Seconds from the call to the error that says that all has ended.
pub(crate) struct Endings {
    /// By the runner: name and times of each tree.
    pub(crate) trees: Vec<(&'static str, Figures)>,
    /// Without a runner and without a shell: the container is ended.
    pub(crate) container: Figures,
}

pub(crate) async fn commands(host: &str, subject: &Subject) -> Result<Endings> {
    let engine = Engine::connect(host.parse()?, EngineConfig::default()).await?;
    let mut spec = ContainerSpec::new(&subject.image)
        .cmd(["sleep", "86400"])
        .label(&subject.label.0, &subject.label.1);
    spec.network_mode = Some("none".to_owned());
    spec.init = true;
    spec.resources.pids_limit = Some(64);
    let id = ObjectRef::from(&engine.create_container(&spec).await?.id);
    engine.act(&id, &Verb::Start).await?;
    let executor = Executor::new(engine.clone()).program(runner()?);
    let mut trees = Vec::new();
    for (name, script) in TREES {
        let command = Command::new(["sh", "-c", script]).timeout(LIMIT).limit(16);
        let mut took = Vec::new();
        for time in 0..=TIMES {
            let ended = ended(&executor, &id, &command, Ended::Tree).await?;
            // The first brings the runner in.
            if time > 0 {
                took.push(ended);
            }
        }
        trees.push((name, Figures::of(took)));
    }
    let plain = executor.at_most(Way::Plain);
    let command = Command::new(["sleep", "600"]).timeout(LIMIT).end_container(true);
    let mut took = Vec::new();
    for _ in 0..TIMES {
        took.push(ended(&plain, &id, &command, Ended::Container).await?);
        engine.act(&id, &Verb::Start).await?;
    }
    Ok(Endings {
        trees,
        container: Figures::of(took),
    })
}

/// Microseconds until the command's timeout is told with the proof that is expected.
async fn ended(executor: &Executor, id: &ObjectRef, command: &Command, proof: Ended) -> Result<f64> {
    let began = Instant::now();
    match executor.run(id, command).await {
        Err(error) if error.is_timeout() && error.ended() == proof => Ok(began.elapsed().as_secs_f64() * 1e6),
        Err(error) => Err(error.into()),
        Ok(_) => Err("a command that never ends has ended".into()),
    }
}

/// The program that `cargo xtask runner` has built into the folder that this one was built into.
fn runner() -> Result<Vec<u8>> {
    let own = std::env::current_exe()?;
    let target = own
        .ancestors()
        .find(|folder| folder.join(".rustc_info.json").exists());
    let path = target.ok_or("no build folder")?.join("embed/longshore-runner");
    std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// Microseconds of pulls: the image's size in MB, ours, and `docker pull`.
pub(crate) struct Pulls(pub(crate) Vec<(&'static str, Figures, Figures)>);

/// `None` where there is no registry or no docker command line.
pub(crate) async fn pulls(host: &str, subject: &Subject) -> Result<Option<Pulls>> {
    let engine = Engine::connect(host.parse()?, EngineConfig::default()).await?;
    let Some(registry) = Registry::near(&host.parse()?, Access::Open) else {
        return Ok(None);
    };
    let small: ImageName = format!("{}/bench/small:1", registry.host()).parse()?;
    engine.tag_image(&subject.image.parse()?, &small).await?;
    let large: ImageName = format!("{}/bench/large:1", registry.host()).parse()?;
    import(&engine, &large).await?;
    let mut rows = Vec::new();
    for (what, image) in [("2 MB", &small), ("67 MB that do not compress", &large)] {
        engine
            .push_image(image, &PushImage::default())
            .await?
            .finish()
            .await?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for turn in 0..2 * (PULLS + 1) {
            gone(&engine, image).await?;
            let began = Instant::now();
            if turn % 2 == 0 {
                let pull = engine.pull_image(image, &PullImage::default()).await?;
                pull.finish().await?;
            } else if !docker_pull(host, image).await? {
                return Ok(None);
            }
            let took = began.elapsed().as_secs_f64() * 1e6;
            // The first of each warms up.
            match turn {
                0 | 1 => {}
                _ if turn % 2 == 0 => ours.push(took),
                _ => theirs.push(took),
            }
        }
        gone(&engine, image).await?;
        rows.push((what, Figures::of(ours), Figures::of(theirs)));
    }
    Ok(Some(Pulls(rows)))
}

async fn gone(engine: &Engine, image: &ImageName) -> Result<()> {
    match engine
        .remove_image(&ImageRef::from(image), RemoveImage::default())
        .await
    {
        Err(error) if !error.is_not_found() => Err(error.into()),
        _ => Ok(()),
    }
}

/// `false` where there is no such program.
async fn docker_pull(host: &str, image: &ImageName) -> Result<bool> {
    let mut docker = tokio::process::Command::new("docker");
    docker
        .args(["pull", "--quiet", &image.to_string()])
        .env("DOCKER_HOST", host)
        .env_remove("DOCKER_CONTEXT")
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true);
    match docker.status().await {
        Ok(status) if status.success() => Ok(true),
        Ok(status) => Err(format!("docker pull {image}: {status}").into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Makes an image of one file of [`LARGE`] bytes.
async fn import(engine: &Engine, name: &ImageName) -> Result<()> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        // Xorshift: it need not be good, only not compress.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(LARGE / 8)
    .flatten()
    .collect();
    let head = crate::transfer::tar_head(b"noise.bin", LARGE as u64);
    let tar = [
        Ok(Bytes::copy_from_slice(&head)),
        Ok(Bytes::from(noise)),
        Ok(Bytes::from_static(&[0; 1024])),
    ];
    let options = ImportImage {
        name: Some(name.clone()),
        ..ImportImage::default()
    };
    engine
        .import_image(Upload::from_stream(stream::iter(tar)), &options)
        .await?;
    Ok(())
}
