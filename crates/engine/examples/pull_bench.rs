//! How long a pull takes here beside `docker pull`, interleaved: `pull_bench DOCKER_HOST IMAGE [ROUNDS]`.
//! The image must be at a registry that the engine reaches; it is removed from the engine again and again.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a program for people"
)]

use std::process::Stdio;
use std::time::{Duration, Instant};

use longshore_core::{ImageName, ImageRef};
use longshore_engine::{Engine, EngineConfig, PullImage, RemoveImage};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut args = std::env::args().skip(1);
    let host = args.next().expect("DOCKER_HOST");
    let image: ImageName = args.next().expect("IMAGE").parse().unwrap();
    let rounds: usize = args.next().map_or(9, |rounds| rounds.parse().unwrap());
    let engine = Engine::connect(host.parse().unwrap(), EngineConfig::default())
        .await
        .unwrap();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..2 * rounds {
        // Gone already is as good.
        let _ = engine
            .remove_image(&ImageRef::from(&image), RemoveImage::default())
            .await;
        let began = Instant::now();
        if round % 2 == 0 {
            let pull = engine.pull_image(&image, &PullImage::default()).await.unwrap();
            pull.finish().await.unwrap();
            ours.push(began.elapsed());
        } else {
            let mut docker = tokio::process::Command::new("docker");
            docker
                .args(["pull", "--quiet", &image.to_string()])
                .env("DOCKER_HOST", &host)
                .stdout(Stdio::null());
            assert!(docker.status().await.unwrap().success());
            theirs.push(began.elapsed());
        }
    }
    println!(
        "ours {:?}, docker pull {:?} (medians of {rounds})",
        median(&mut ours),
        median(&mut theirs)
    );
}

fn median(all: &mut [Duration]) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}
