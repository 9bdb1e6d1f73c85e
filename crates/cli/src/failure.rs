//! What a command may end with besides success: a line that says what, a line that says what to do, an exit code.

use std::{error::Error, fmt::Write as _, io};

use longshore_engine::ErrorKind;

use crate::{exit::Exit, output::text};

/// The end of a command that did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Said on stderr.
    Told {
        exit: Exit,
        message: String,
        hint: Option<String>,
    },
    /// Nothing to say: the reader of our output has gone, or a person pressed Ctrl-C.
    Quiet(Exit),
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self::Told {
            exit,
            message: message.into(),
            hint: None,
        }
    }

    /// With the line that says what to do.
    #[must_use]
    pub(crate) fn hint(mut self, text: impl Into<String>) -> Self {
        if let Self::Told { hint, .. } = &mut self {
            *hint = Some(text.into());
        }
        self
    }

    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Told { exit, .. } | Self::Quiet(exit) => *exit,
        }
    }

    /// What goes to stderr; empty when there is nothing to say. One line for what, one for what to do, whatever
    /// line breaks or control characters an engine or a path brought along.
    pub(crate) fn text(&self) -> String {
        let Self::Told { message, hint, .. } = self else {
            return String::new();
        };
        let mut out = format!("error: {}\n", text::neutral(message));
        if let Some(hint) = hint {
            let _ = writeln!(out, "hint: {}", text::neutral(hint));
        }
        out
    }
}

/// A message with all its causes, each once.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut out = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !out.contains(&text) {
            let _ = write!(out, ": {text}");
        }
        cause = error.source();
    }
    out
}

impl From<longshore_engine::Error> for Failure {
    fn from(error: longshore_engine::Error) -> Self {
        // Engines have no status of its own for a prefix that several ids share: 500, 400 or 404, by version.
        let ambiguous = error
            .message()
            .is_some_and(|text| text.to_lowercase().contains("multiple ids found"));
        let (exit, fallback) = match error.kind() {
            _ if ambiguous => (Exit::Conflict, "give more of the id, or the name"),
            ErrorKind::Connect | ErrorKind::NotInstalled => (
                Exit::EngineUnreachable,
                "start the engine, or name another with -H or DOCKER_HOST",
            ),
            ErrorKind::Untrusted(_) => (
                Exit::EngineUnreachable,
                "find out who answers there before you go on",
            ),
            ErrorKind::Interrupted => (
                Exit::EngineUnreachable,
                "the engine may have been stopped; run the command again when it is back",
            ),
            ErrorKind::Permission => (
                Exit::Permission,
                "run it as a user who may open the engine's socket",
            ),
            ErrorKind::Timeout(_) => (
                Exit::Timeout,
                "the engine is busy or frozen; its own log says more",
            ),
            ErrorKind::NotFound => (Exit::NotFound, "`longshore ps -a` lists the ids and names"),
            ErrorKind::Conflict => (Exit::Conflict, "`longshore ps -a` shows the state of each"),
            ErrorKind::BadInput => (Exit::Usage, "`longshore help` shows what may be given"),
            _ => (Exit::Failure, "the engine's own log says more"),
        };
        let hint = if ambiguous { None } else { error.hint() };
        Self::new(exit, chain(&error)).hint(hint.unwrap_or(fallback))
    }
}

impl From<longshore_core::InvalidRef> for Failure {
    fn from(error: longshore_core::InvalidRef) -> Self {
        Self::new(Exit::Usage, error.to_string()).hint("`longshore ps -a` lists the ids and names")
    }
}

/// Writing the output failed. A pipe that nobody reads any more is no failure: `longshore logs x | head`.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Quiet(Exit::Success),
            _ => Self::new(Exit::Failure, format!("cannot write the output: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_two_lines_whatever_it_holds() {
        let failure = Failure::new(Exit::NotFound, "no\nsuch \x1b[31mthing").hint("look\nelsewhere");
        assert_eq!(
            failure.text(),
            "error: no␊such ␛[31mthing\nhint: look␊elsewhere\n"
        );
    }

    #[test]
    fn a_pipe_that_nobody_reads_is_a_quiet_success() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((failure.exit(), failure.text()), (Exit::Success, String::new()));
    }
}
