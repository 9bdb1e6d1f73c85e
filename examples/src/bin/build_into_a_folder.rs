//! Builds what a Dockerfile says and writes the files of its last stage into a folder: no image, no container. Its steps may
//! read a file as `RUN --mount=type=secret,id=token`, which stays in no layer.
//!
//! `cargo run -p longshore-examples --bin build_into_a_folder FOLDER INTO [SECRET]`
#![expect(clippy::print_stdout, reason = "a program that prints")]

use longshore::prelude::*;

#[tokio::main]
async fn main() -> Result<(), DockerError> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().unwrap_or_else(|| ".".to_owned());
    let into = args.next().unwrap_or_else(|| "dist".to_owned());

    let client = DockerClient::new().await?;
    let mut options = BuildImage::default().builder(Builder::BuildKit);
    if let Some(secret) = args.next() {
        options = options.secret("token", SecretSource::file(secret));
    }
    let build = client
        .images()
        .build_to(BuildContext::folder(folder), &options, BuildOutput::folder(&into))
        .await?;
    let written = build.finish().await?;
    println!("{} things, {} bytes in {into}", written.entries, written.bytes);
    Ok(())
}
