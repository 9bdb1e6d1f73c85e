//! `cargo xtask`: the automation of this repository, in Rust so that there is one language to read.
//! This file owns the command line and what happens on Ctrl-C; every command lives in a module of its own.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for people: progress goes to standard error, results to standard output"
)]

mod engine;
mod places;
mod report;
mod run;
mod test;
mod tidy;
mod tools;
mod web;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    about = "Automation of the Longshore repository",
    disable_version_flag = true
)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Private container engines for tests, in a cache folder outside the checkout.
    Engine {
        #[command(subcommand)]
        command: engine::Command,
    },
    /// Everything: format, lints, tests on real engines and in a browser, documentation. Gets what is missing.
    Test(test::Args),
    /// What the repository promises about itself: crate edges, module heads, file lengths.
    Tidy,
    /// Builds the page into crates/server/assets.
    Ui,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    match dispatch(args.command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(command: Command) -> Result<()> {
    match command {
        Command::Engine { command } => run::or_interrupted(engine::run(command)).await,
        Command::Test(args) => test::run(&args).await,
        Command::Tidy => run::or_interrupted(tidy::check()).await,
        Command::Ui => run::or_interrupted(web::build()).await,
    }
}
