//! Builds an image from a folder and tells each step.
//!
//! `cargo run -p longshore-examples --bin build_with_progress [FOLDER [NAME]]`
#![expect(clippy::print_stdout, reason = "a program that prints")]

use longshore::prelude::*;

#[tokio::main]
async fn main() -> Result<(), DockerError> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().unwrap_or_else(|| ".".to_owned());
    let name = args.next().unwrap_or_else(|| "built-by-longshore".to_owned());

    let client = DockerClient::new().await?;
    let options = BuildImage::default().tag(name.parse()?);
    let built = client
        .images()
        .build_with_progress(BuildContext::folder(folder), &options, tell)
        .await?;
    println!("{name} is {}", built.id);
    Ok(())
}

/// Steps and what they write; a bar would be drawn from `Progress` and `Pull`.
fn tell(event: &BuildEvent) {
    match event {
        BuildEvent::Step(step) => match &step.state {
            StepState::Started => println!("{:>3} {}", step.number, step.name),
            StepState::Cached => println!("{:>3} known already", step.number),
            StepState::Failed(reason) => println!("{:>3} failed: {reason}", step.number),
            _ => println!("{:>3} done", step.number),
        },
        BuildEvent::Output { step, bytes, .. } => {
            for line in String::from_utf8_lossy(bytes).lines() {
                println!("{step:>3} | {line}");
            }
        }
        BuildEvent::Warning(text) => println!("warning: {text}"),
        _ => {}
    }
}
