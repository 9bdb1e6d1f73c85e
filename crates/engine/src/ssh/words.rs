//! What `ssh`, sshd and the remote shell mean by their words.
//!
//! `ssh` has one exit code for all that goes wrong, so its words decide. They have been the same for a decade; what is not
//! known is passed on as it is. Only the last 4 KiB are read, and no key or password is ever among them.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::Endpoint;
use crate::error::{Distrust, Error, ErrorKind};
use crate::transport::failure;

const MAX_READ: i64 = 4096;
const MAX_SHOWN: usize = 400;

/// Why something did not work, to be told to each who waited for it.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    kind: ErrorKind,
    message: &'static str,
    hint: &'static str,
    /// What was said, bounded.
    said: String,
}

impl Refusal {
    fn new(kind: ErrorKind, message: &'static str, hint: &'static str, said: &str) -> Self {
        let lines = said.lines().map(str::trim).filter(|line| !is_decoration(line));
        let mut kept: Vec<&str> = Vec::new();
        let mut length = 0;
        for line in lines.rev().take_while(|line| {
            length += line.len() + 2;
            length <= MAX_SHOWN
        }) {
            kept.insert(0, line);
        }
        Self {
            kind,
            message,
            hint,
            said: kept.join("; "),
        }
    }

    /// A local failure before anything was said.
    pub(super) fn local(error: &io::Error) -> Self {
        Self::new(
            ErrorKind::Connect,
            "ssh could not be started",
            "install OpenSSH's client, and check that the temporary folder can be written",
            &error.to_string(),
        )
    }

    pub(super) fn error(self, endpoint: &Endpoint) -> Error {
        let error = failure(endpoint, self.kind)
            .with_message(self.message)
            .with_hint(self.hint);
        if self.said.is_empty() {
            return error;
        }
        error.with_source(io::Error::other(self.said))
    }
}

/// The frames around the warnings of `ssh`.
fn is_decoration(line: &str) -> bool {
    line.is_empty() || line.starts_with('@')
}

/// Why a login ended before it served.
pub(super) fn of_login(said: &str) -> Refusal {
    let has = |words: &str| said.contains(words);
    let (kind, message, hint) = if has("REMOTE HOST IDENTIFICATION HAS CHANGED")
        || has("has changed and you have requested")
    {
        (
            ErrorKind::Untrusted(Distrust::ChangedHostKey),
            "the host key of the SSH server is another than the one that is known",
            "find out whether the server was set up anew; if so, remove the old key with ssh-keygen -R",
        )
    } else if has("Host key verification failed") {
        (
            ErrorKind::Untrusted(Distrust::UnknownHostKey),
            "the host key of the SSH server is not known here",
            "log in once with ssh and compare the key, or put it into known_hosts",
        )
    } else if has("Permission denied") || has("Too many authentication failures") {
        (
            ErrorKind::Permission,
            "the SSH login was refused",
            "ssh must be able to log in without asking: check the user, and that the key is in the agent or named in \
             ssh_config",
        )
    } else if has("Could not resolve hostname") {
        (
            ErrorKind::Connect,
            "the SSH host has no address",
            "check the host's name, and whether ssh_config knows it",
        )
    } else if has("Connection refused")
        || has("timed out")
        || has("No route to host")
        || has("Network is unreachable")
    {
        (
            ErrorKind::Connect,
            "the SSH server cannot be reached",
            "check host and port, and that sshd runs there",
        )
    } else if has("ssh: not found") || has("ssh: command not found") {
        (
            ErrorKind::Connect,
            "there is no ssh program",
            "install OpenSSH's client",
        )
    } else if has("onfiguration option") || has("onfig file") {
        (
            ErrorKind::BadInput,
            "ssh does not accept its configuration",
            "correct ssh_config: `ssh -G` shows what it makes of it",
        )
    } else {
        (
            ErrorKind::Connect,
            "the SSH login did not succeed",
            "try the same login with ssh",
        )
    };
    Refusal::new(kind, message, hint, said)
}

/// Why no engine answers through a login that works: neither on the forwarded socket nor through a session.
pub(super) fn of_session(said: &str) -> Refusal {
    let lower = said.to_ascii_lowercase();
    let has = |words: &str| lower.contains(words);
    let (kind, message, hint) = if has("docker: command not found") || has("docker: not found") {
        (
            ErrorKind::NotInstalled,
            "the login works, but no engine answers on its socket there, or the socket may not be forwarded; and without a \
             docker command there is no other way to it",
            "start the engine there; name its socket where it is another, as in ssh://host/run/user/1000/docker.sock; or \
             allow AllowStreamLocalForwarding in sshd_config",
        )
    } else if has("permission denied") {
        (
            ErrorKind::Permission,
            "the login works, but its user may not open the engine's socket",
            "add that user to the socket's group there (usually `docker`)",
        )
    } else if has("administratively prohibited")
        || has("session open refused")
        || has("open failed: unknown channel")
    {
        (
            ErrorKind::Permission,
            "the login works, but it may neither forward a socket nor run a command",
            "allow AllowStreamLocalForwarding in sshd_config, or `docker system dial-stdio` as a command",
        )
    } else {
        (
            ErrorKind::NotInstalled,
            "the login works, but no engine answers there",
            "start the engine there, or name its socket where it is another, as in ssh://host/run/user/1000/docker.sock",
        )
    };
    Refusal::new(kind, message, hint, said)
}

/// No engine answers on the forwarded socket, on which one has answered before.
pub(super) fn of_forward(said: &str) -> Refusal {
    Refusal::new(
        ErrorKind::NotInstalled,
        "the login works, but no engine answers on its socket there",
        "start the engine there",
        said,
    )
}

/// What was said since it was last taken: the end of it.
pub(super) fn take(log: &Path) -> String {
    let taken = || -> io::Result<String> {
        let mut file = File::options().read(true).write(true).open(log)?;
        let length = i64::try_from(file.metadata()?.len()).unwrap_or(i64::MAX);
        file.seek(SeekFrom::End(-length.min(MAX_READ)))?;
        let mut said = Vec::new();
        // Others may still write.
        file.by_ref()
            .take(MAX_READ.unsigned_abs())
            .read_to_end(&mut said)?;
        file.set_len(0)?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    };
    taken().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded from OpenSSH 9.2, and from 8.9 where it differs.
    #[test]
    fn what_ssh_says_has_one_meaning_each() {
        let cases = [
            ("root@h: Permission denied (publickey).", ErrorKind::Permission),
            (
                "Received disconnect from h port 22:2: Too many authentication failures",
                ErrorKind::Permission,
            ),
            (
                "No ED25519 host key is known for h and you have requested strict checking.\r\nHost key verification failed.",
                ErrorKind::Untrusted(Distrust::UnknownHostKey),
            ),
            (
                "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\r\nHost key verification failed.",
                ErrorKind::Untrusted(Distrust::ChangedHostKey),
            ),
            (
                "ssh: Could not resolve hostname x: Name or service not known",
                ErrorKind::Connect,
            ),
            (
                "ssh: connect to host h port 1: Connection refused",
                ErrorKind::Connect,
            ),
            (
                "ssh: connect to host h port 22: Connection timed out",
                ErrorKind::Connect,
            ),
            ("sh: 1: ssh: not found", ErrorKind::Connect),
            ("/x: line 1: Bad configuration option: foo", ErrorKind::BadInput),
            (
                "Can't open user config file /x: No such file or directory",
                ErrorKind::BadInput,
            ),
            ("", ErrorKind::Connect),
        ];
        for (said, kind) in cases {
            assert_eq!(of_login(said).kind, kind, "{said}");
        }
        for (said, kind) in [
            ("bash: line 1: docker: command not found", ErrorKind::NotInstalled),
            (
                "permission denied while trying to connect to the Docker daemon socket",
                ErrorKind::Permission,
            ),
            ("Session open refused by peer", ErrorKind::Permission),
            (
                "failed to open the raw stream connection: dial unix /nowhere: no such file",
                ErrorKind::NotInstalled,
            ),
        ] {
            assert_eq!(of_session(said).kind, kind, "{said}");
        }
    }

    #[test]
    fn what_is_shown_is_the_end_and_bounded() {
        let said = format!("@@@@\r\n{}\r\nthe last line\r\n", "x".repeat(1_000));
        let refusal = of_login(&said);
        assert_eq!(refusal.said, "the last line");
        let many = "a line of some length\n".repeat(1_000);
        assert!(of_login(&many).said.len() <= MAX_SHOWN);
    }

    #[test]
    fn a_log_is_read_from_its_end_and_emptied() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        std::fs::write(&log, format!("{}\nthe end", "x".repeat(100_000))).unwrap();
        let said = take(&log);
        assert!(said.len() == 4096 && said.ends_with("the end"));
        assert_eq!(take(&log), "");
        assert_eq!(std::fs::metadata(&log).unwrap().len(), 0);
        assert_eq!(take(Path::new("/nowhere/log")), "");
    }
}
