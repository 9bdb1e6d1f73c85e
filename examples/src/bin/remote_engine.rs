//! Talks to an engine elsewhere: its version and its containers.
//!
//! `cargo run -p longshore-examples --bin remote_engine [ssh://user@host | tcp://host:2375 | https://host | unix:///path]`
#![expect(clippy::print_stdout, reason = "a program that prints")]

use longshore::prelude::*;

#[tokio::main]
async fn main() -> Result<(), DockerError> {
    let client = match std::env::args().nth(1) {
        Some(endpoint) => DockerClient::connect(endpoint.parse()?, DockerConfig::default()).await?,
        // As the docker command line finds it: DOCKER_HOST, the active context, the usual sockets.
        None => DockerClient::new().await?,
    };

    let version = client.system().version().await?;
    println!("engine {} on {}/{}", version.version, version.os, version.arch);
    for container in client.containers().list(&ListContainers::all()).await? {
        println!(
            "{:<30} {:<10} {}",
            container.name, container.state, container.image
        );
    }
    Ok(())
}
