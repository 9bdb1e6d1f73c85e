//! `docs/cli.md`, made from the definition of the command line. It is committed, and the test here fails when it is
//! not what the definition makes; `LONGSHORE_UPDATE=1 cargo test -p longshore-cli reference` writes it anew.

use std::{fmt::Write as _, path::Path};

use clap::{Command, CommandFactory as _};

use crate::{args::Cli, exit::Exit};

const INTRO: &str = "\
# The command line

Generated from the definition in `crates/cli`: do not edit by hand.

`ps`, `logs`, `events`, `deaths` and `stats` talk to an engine directly. They find it as `docker` does: by `-H` or `--context`, by
`DOCKER_HOST`, by `DOCKER_CONTEXT` or the current context, or in the usual places of a socket. With `--json` they print one JSON object a line, in snake case; what is not known is `null`, times
are RFC 3339 in UTC, and `time_nano` of an event is an integer. A log goes where the container wrote it: its standard
output to ours, its standard error to ours, byte for byte, unless ours is a terminal: there nothing passes that would act
on it. Colours are shown on a terminal only, and never with `NO_COLOR`.

`serve` takes a value from its flag, else from the environment, else its default.

## Exit codes

An error is one line on standard error that says what happened, and one that says what to do (`hint: …`). A pipe that
nobody reads any more ends a command quietly with success.

| code | meaning |
|---:|---|
";

fn document() -> String {
    let mut out = INTRO.to_owned();
    for exit in Exit::ALL {
        let _ = writeln!(out, "| {} | {} |", exit.code(), exit.meaning());
    }
    let mut root = Cli::command().after_long_help("").term_width(100);
    root.build();
    section(&mut root, "longshore", &mut out);
    out
}

fn section(command: &mut Command, path: &str, out: &mut String) {
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(
        out,
        "\n## `{path}`\n\n```text\n{}\n```\n",
        lines.join("\n").trim_end()
    );
    for sub in command
        .get_subcommands_mut()
        .filter(|sub| sub.get_name() != "help")
    {
        let path = format!("{path} {}", sub.get_name());
        section(sub, &path, out);
    }
}

#[test]
fn the_committed_reference_is_what_the_definition_makes() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let made = document();
    if std::env::var_os("LONGSHORE_UPDATE").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == made,
        "docs/cli.md is old: LONGSHORE_UPDATE=1 cargo test -p longshore-cli reference"
    );
}
