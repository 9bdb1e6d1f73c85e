//! `cargo xtask`: the automation of this repository, in Rust so that there is one language to read.
//! This file owns the command line and what happens on Ctrl-C; every command lives in a module of its own.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for people: progress goes to standard error, results to standard output"
)]

mod engine;
mod measure;
mod places;
mod report;
mod run;
mod runner;
mod test;
mod tidy;
mod tools;
mod up;
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
    /// A live page on a real engine: finds or gets the engine, builds, starts the server and prints its address.
    Up(up::Args),
    /// Everything: format, lints, tests on real engines and in a browser, documentation. Gets what is missing.
    Test(test::Args),
    /// The proofs at their full sizes, on newest and oldest: long, by hand.
    Soak(measure::Soak),
    /// Our client beside its peers on one engine; writes docs/benchmarks.md.
    Bench(measure::Bench),
    /// What the repository promises about itself: crate edges, module heads, file lengths.
    Tidy,
    /// Builds the page into crates/server/assets.
    Ui,
    /// Builds the static program for the inside of containers.
    Runner(runner::Args),
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
        Command::Up(args) => up::run(&args).await,
        Command::Test(args) => test::run(&args).await,
        Command::Soak(args) => measure::soak(&args).await,
        Command::Bench(args) => measure::bench(&args).await,
        Command::Tidy => run::or_interrupted(tidy::check()).await,
        Command::Ui => run::or_interrupted(web::build()).await,
        Command::Runner(args) => run::or_interrupted(runner::run(&args)).await,
    }
}
