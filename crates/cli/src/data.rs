//! The server's data folder: where it is, and how its failures end a command.

use std::{ffi::OsString, path::PathBuf};

use longshore_store::{ErrorKind, Store, StoreError};

use crate::{
    args,
    exit::Exit,
    failure::{Failure, chain},
};

/// Opens the database of the folder that was named, else of the user's own.
pub(crate) async fn open(args: args::Data) -> Result<Store, Failure> {
    Ok(Store::open(folder(args)?).await?)
}

/// The folder that was named, else the user's own.
pub(crate) fn folder(args: args::Data) -> Result<PathBuf, Failure> {
    folder_in(args.data, |name| std::env::var_os(name))
}

fn folder_in(named: Option<PathBuf>, env: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Failure> {
    if let Some(named) = named {
        return Ok(named);
    }
    // A relative path there is to be ignored: the XDG Base Directory Specification says so.
    let absolute = |name| env(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|base| base.join("longshore"))
        .ok_or_else(|| {
            Failure::new(
                Exit::Data,
                "there is no place for the data: neither XDG_DATA_HOME nor HOME is set",
            )
            .hint("name a folder with --data DIR")
        })
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let exit = match error.kind() {
            ErrorKind::Invalid => Exit::Usage,
            ErrorKind::Exists => Exit::Conflict,
            _ => Exit::Data,
        };
        let failure = Self::new(exit, chain(&error));
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(named: Option<&str>, xdg: Option<&str>, home: Option<&str>) -> Result<PathBuf, Exit> {
        let env = |name: &str| match name {
            "XDG_DATA_HOME" => xdg.map(OsString::from),
            "HOME" => home.map(OsString::from),
            _ => None,
        };
        folder_in(named.map(PathBuf::from), env).map_err(|failure| failure.exit())
    }

    #[test]
    fn a_named_folder_wins_and_a_relative_variable_does_not_count() {
        let path = |text: &str| Ok(PathBuf::from(text));
        assert_eq!(found(Some("here"), Some("/x"), Some("/h")), path("here"));
        assert_eq!(found(None, Some("/x"), Some("/h")), path("/x/longshore"));
        assert_eq!(
            found(None, Some("x"), Some("/h")),
            path("/h/.local/share/longshore")
        );
        assert_eq!(found(None, None, None), Err(Exit::Data));
    }
}
