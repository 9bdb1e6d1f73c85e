//! `longshore-runner`: runs commands for the client at the other end of its stdin and stdout, and ends their whole process
//! trees. `docs/design/runner.md` has the states, the promises and why it is made of two kinds of processes.
//!
//! * `runner`: the frames, and all commands; `command`: the pipes of one
//! * `keeper`: one command's process of its own; `launch`: what happens before exec; `tree`, `walk`: the ending
//! * `sys`: the system's calls

#[cfg(target_os = "linux")]
mod command;
#[cfg(target_os = "linux")]
mod keeper;
#[cfg(target_os = "linux")]
mod launch;
#[cfg(target_os = "linux")]
mod runner;
#[cfg(target_os = "linux")]
mod sys;
#[cfg(target_os = "linux")]
mod tree;
#[cfg(target_os = "linux")]
mod walk;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let ended = runner::Runner::start().and_then(runner::Runner::run);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write as _;
            // The last word, if anybody listens.
            writeln!(std::io::stderr(), "longshore-runner: {error}").ok();
            ExitCode::from(2)
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    use std::io::Write as _;
    writeln!(std::io::stderr(), "longshore-runner runs on Linux: in containers").ok();
    ExitCode::from(2)
}
