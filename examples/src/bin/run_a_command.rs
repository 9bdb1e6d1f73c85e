//! Runs a command in a container of its own and gets its output.
//!
//! `cargo run -p longshore-examples --bin run_a_command [IMAGE [COMMAND…]]`
#![expect(clippy::print_stdout, reason = "a program that prints")]

use longshore::prelude::*;

#[tokio::main]
async fn main() -> Result<(), DockerError> {
    let mut args = std::env::args().skip(1);
    let image = args.next().unwrap_or_else(|| "alpine".to_owned());
    let mut command: Vec<String> = args.collect();
    if command.is_empty() {
        command = ["uname", "-a"].map(str::to_owned).to_vec();
    }

    let client = DockerClient::new().await?;
    client.images().ensure(&image).await?;
    let spec = ContainerBuilder::new(&image).cmd(command).memory_limit("64m");
    // Its output from the first byte on; the container is gone afterwards.
    let done = client
        .containers()
        .run_and_wait(&spec, &RunOptions::default())
        .await?;

    print!("{}", String::from_utf8_lossy(&done.stdout));
    println!("exit code {} after {:?}", done.exit_code, done.duration);
    if !done.stderr.is_empty() {
        println!("it complained: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(())
}
