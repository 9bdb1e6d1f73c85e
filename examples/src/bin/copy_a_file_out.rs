//! Copies a file or a folder out of an image, by a container that never runs.
//!
//! `cargo run -p longshore-examples --bin copy_a_file_out [IMAGE [PATH [TO]]]`
#![expect(clippy::print_stdout, reason = "a program that prints")]

use longshore::prelude::*;

#[tokio::main]
async fn main() -> Result<(), DockerError> {
    let mut args = std::env::args().skip(1);
    let image = args.next().unwrap_or_else(|| "alpine".to_owned());
    let path = args.next().unwrap_or_else(|| "/etc/passwd".to_owned());
    let to = args.next().unwrap_or_else(|| ".".to_owned());

    let client = DockerClient::new().await?;
    client.images().ensure(&image).await?;
    let spec = ContainerBuilder::new(&image).cmd(["true"]);
    let made = client.containers().create(&spec).await?;

    // Removed whether or not the copy succeeded: only then is the copy's own error passed on.
    let copied = client.containers().copy_from(made.id.as_str(), &path, &to).await;
    client.containers().remove(made.id.as_str(), true).await?;
    let copied = copied?;
    println!(
        "{path} of {image} to {to}: {} entries, {} bytes",
        copied.entries, copied.bytes
    );
    Ok(())
}
