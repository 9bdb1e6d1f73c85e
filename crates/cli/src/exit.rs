//! The exit codes of `longshore`: one table, which the help and the command reference print.

use std::process::ExitCode;

macro_rules! exit_codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal),+ $(,)?) => {
        /// How the program ends. The numbers are a promise to scripts: none ever changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Exit { $($(#[doc = $doc])+ $name,)+ }

        impl Exit {
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)+];

            pub(crate) const fn code(self) -> u8 {
                match self { $(Self::$name => $code,)+ }
            }

            /// The meaning, in one line.
            pub(crate) const fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

exit_codes! {
    /// Success.
    Success = 0,
    /// A failure that has no number of its own.
    Failure = 1,
    /// The command line, the environment or a value in it is wrong.
    Usage = 2,
    /// No engine could be reached, or the connection to it broke.
    EngineUnreachable = 3,
    /// There is no such container or token.
    NotFound = 4,
    /// The name is ambiguous or taken, or the object's state forbids it.
    Conflict = 5,
    /// A time limit passed.
    Timeout = 6,
    /// Not permitted to open the engine's socket, or refused by the engine.
    Permission = 7,
    /// The data folder or the database in it cannot be used.
    Data = 8,
    /// The address cannot be listened on.
    Listen = 9,
    /// Ended by Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The table, a code a line.
pub(crate) fn table() -> String {
    let lines = Exit::ALL
        .iter()
        .map(|exit| format!("  {:>3}  {}\n", exit.code(), exit.meaning()));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_has_two_meanings() {
        let mut codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        codes.dedup();
        assert_eq!(codes.len(), Exit::ALL.len());
        assert!(codes.is_sorted());
        assert!(table().starts_with("    0  Success.\n    1  "));
    }
}
