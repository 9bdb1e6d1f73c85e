//! Named pipes of Windows: their names, and connecting to one whose instances are all in use.
//!
//! The name and what *busy* means are the same everywhere and tested everywhere; only opening one needs Windows.

use std::fmt;
#[cfg(any(windows, test))]
use std::io;

use crate::endpoint::bad;
use crate::error::Error;

/// What Windows says when every instance of a pipe is taken (`ERROR_PIPE_BUSY`). A server makes the next one at once.
#[cfg(any(windows, test))]
const PIPE_BUSY: i32 = 231;

/// The name of a pipe, such as `\\.\pipe\docker_engine`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PipeName {
    machine: String,
    name: String,
}

impl PipeName {
    /// Reads what follows `npipe://`: `//./pipe/docker_engine`, or the same with backslashes.
    pub(crate) fn parse(rest: &str) -> Result<Self, Error> {
        let wrong = || bad("it is no name of a pipe").with_hint("write npipe:////./pipe/docker_engine");
        let rest = rest.replace('\\', "/");
        let (machine, path) = rest
            .strip_prefix("//")
            .and_then(|rest| rest.split_once('/'))
            .ok_or_else(wrong)?;
        let name = path.strip_prefix("pipe/").ok_or_else(wrong)?;
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if machine.is_empty() || name.is_empty() || !machine.chars().chain(name.chars()).all(known) {
            return Err(wrong());
        }
        Ok(Self {
            machine: machine.to_owned(),
            name: name.to_owned(),
        })
    }

    /// As Windows wants it.
    #[must_use]
    pub fn path(&self) -> String {
        format!(r"\\{}\pipe\{}", self.machine, self.name)
    }
}

impl fmt::Display for PipeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "npipe:////{}/pipe/{}", self.machine, self.name)
    }
}

/// Whether opening the pipe is worth another try: it is there, and somebody else was faster.
#[cfg(any(windows, test))]
pub(crate) fn is_busy(error: &io::Error) -> bool {
    error.raw_os_error() == Some(PIPE_BUSY)
}

#[cfg(windows)]
pub(crate) async fn connect(name: &PipeName) -> io::Result<tokio::net::windows::named_pipe::NamedPipeClient> {
    let path = name.path();
    let open = || std::future::ready(tokio::net::windows::named_pipe::ClientOptions::new().open(&path));
    crate::transport::while_busy(open, is_busy).await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_name_is_the_same_with_either_slash() {
        let name = PipeName::parse(r"\\.\pipe\docker_engine").unwrap();
        assert_eq!(name, PipeName::parse("//./pipe/docker_engine").unwrap());
        assert_eq!(name.path(), r"\\.\pipe\docker_engine");
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_pipe_is_tried_again_and_another_failure_is_not() {
        let mut tries = 0;
        let open = || {
            tries += 1;
            std::future::ready(if tries < 20 {
                Err(io::Error::from_raw_os_error(PIPE_BUSY))
            } else {
                Ok(tries)
            })
        };
        assert_eq!(crate::transport::while_busy(open, is_busy).await.unwrap(), 20);
        let gone = || std::future::ready(Err::<(), _>(io::Error::from(io::ErrorKind::NotFound)));
        assert!(crate::transport::while_busy(gone, is_busy).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pipe_that_stays_busy_is_given_up_by_the_callers_limit() {
        let busy = || std::future::ready(Err::<(), _>(io::Error::from_raw_os_error(PIPE_BUSY)));
        let limit = Duration::from_secs(30);
        let waiting = crate::transport::while_busy(busy, is_busy);
        assert!(tokio::time::timeout(limit, waiting).await.is_err());
    }
}
