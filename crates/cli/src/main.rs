//! The binary `longshore`: from what was typed to an exit code. What a command does is in `work`, `serve` and
//! `tokens`; how it looks is in `output`.

mod args;
mod data;
mod exit;
mod failure;
mod logging;
mod output;
#[cfg(test)]
mod reference;
mod serve;
mod tokens;
mod when;
mod work;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{CommandFactory as _, Parser as _};
use longshore_engine::Environment;

use crate::{
    args::{Cli, Command},
    exit::Exit,
    failure::Failure,
    output::{Item, Output},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Success
            };
            // Whoever asked for help and closed the pipe has seen enough.
            let _ = error.print();
            return exit.into();
        }
    };
    let exit = match run(cli) {
        Ok(()) => Exit::Success,
        Err(failure) => {
            // When stderr is gone too, the exit code still tells.
            let _ = io::stderr().write_all(failure.text().as_bytes());
            failure.exit()
        }
    };
    exit.into()
}

fn run(cli: Cli) -> Result<(), Failure> {
    let environment = Environment {
        host: cli.host,
        context: cli.context,
        ..Environment::of_process()
    };
    match cli.command {
        Command::Ps(args) => work::run(&environment, Output::choose(args.json), work::Task::Ps(args)),
        Command::Logs(args) => work::run(&environment, Output::choose(args.json), work::Task::Logs(args)),
        Command::Deaths(args) => work::run(&environment, Output::choose(args.json), work::Task::Deaths(args)),
        Command::Events(args) => work::run(&environment, Output::choose(args.json), work::Task::Events(args)),
        Command::Stats(args) => work::run(&environment, Output::choose(args.json), work::Task::Stats(args)),
        Command::Serve(args) => serve::run(&environment, args),
        Command::Token(command) => tokens::run(command),
        Command::Completions { shell } => completions(shell),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "longshore", &mut script);
    let mut output = Output::human();
    output.show(&Item::Text(
        String::from_utf8_lossy(&script).trim_end().to_owned(),
    ))?;
    Ok(output.finish()?)
}
