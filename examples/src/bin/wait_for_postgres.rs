//! Starts PostgreSQL, waits until it takes queries, and removes it again.
//!
//! `cargo run -p longshore-examples --bin wait_for_postgres [IMAGE]`
#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::time::Instant;

use longshore::prelude::*;
use longshore::runtime::services::postgres;

#[tokio::main]
async fn main() -> Result<(), DockerError> {
    let image = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "postgres:17".to_owned());

    let client = DockerClient::new().await?;
    client.images().ensure(&image).await?;
    // What to run and when it is ready, as a value that can be changed: here, the image.
    let service = postgres("app", "s3cret", "shop").image(image);

    let begun = Instant::now();
    // Removed when it does not become ready. Its image starts the server twice, and only the second start counts.
    let (guard, url) = client
        .containers()
        .start_service(&service, GuardConfig::default())
        .await?;
    println!("ready after {:?}: {url}", begun.elapsed());
    // `url.expose()` is the same with the password, for a client.

    guard.close().await?;
    println!("removed");
    Ok(())
}
