//! `cargo xtask`: the automation of this repository, in Rust so that there is one language to read.
//! This file owns the command line and what happens on Ctrl-C; every command lives in a module of its own.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for people: progress goes to standard error, results to standard output"
)]

mod engine;
mod places;
mod run;

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
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = tokio::select! {
        outcome = dispatch(args.command) => outcome,
        signal = run::interrupted() => Err(anyhow::anyhow!("interrupted by {signal}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(command: Command) -> Result<()> {
    match command {
        Command::Engine { command } => engine::run(command).await,
    }
}
