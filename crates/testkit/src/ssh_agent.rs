//! A real ssh-agent with a key of its own, for one test.
//!
//! Owns: starting and ending it, its key, and `ssh-add` in a form that runs in a container without any library. A machine
//! without OpenSSH's client is a loud skip, and a failure in CI, as for [`sshd`](crate::sshd).

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::sshd::{key_pair, missing, wait_for};

/// An agent that ends when it is dropped.
#[derive(Debug)]
pub struct SshAgent {
    dir: TempDir,
    agent: Child,
}

impl SshAgent {
    /// Starts an agent that has one key, with this comment; `None` on a laptop that has none.
    ///
    /// # Panics
    /// When it does not start, and when there is none while `CI` is `true`.
    #[expect(clippy::panic, reason = "a test that cannot begin is a failed test")]
    #[must_use]
    pub fn start(comment: &str) -> Option<Self> {
        match Self::started(comment) {
            Ok(agent) => Some(agent),
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing("ssh-agent"),
            Err(error) => panic!("ssh-agent: {error}"),
        }
    }

    fn started(comment: &str) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("longshore-agent-").tempdir()?;
        let key = dir.path().join("key");
        key_pair(&key, comment)?;
        let agent = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(dir.path().join("socket"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let started = Self { dir, agent };
        let path = started.socket();
        // Its socket is there a moment before anybody listens.
        wait_for("ssh-agent listens", || UnixStream::connect(&path).ok().map(Ok))?;
        let added = started.ssh_add(&[key.as_os_str().to_str().unwrap_or_default()])?;
        if !added.status.success() {
            return Err(io::Error::other(
                String::from_utf8_lossy(&added.stderr).into_owned(),
            ));
        }
        Ok(started)
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    /// Runs `ssh-add` with it.
    ///
    /// # Errors
    /// Those of starting a process.
    pub fn ssh_add(&self, arguments: &[&str]) -> io::Result<Output> {
        Command::new("ssh-add")
            .args(arguments)
            .env("SSH_AUTH_SOCK", self.socket())
            .output()
    }

    /// Ends it; its socket stays.
    pub fn kill(&mut self) {
        // What has ended meanwhile is fine.
        let _ = self.agent.kill();
        let _ = self.agent.wait();
    }

    /// Puts `ssh-add` with all its libraries into a folder, and says how it is begun there: `folder` is where that folder
    /// will be.
    ///
    /// # Errors
    /// When its libraries are not found, or not copied.
    pub fn copy_ssh_add(into: &Path, folder: &str) -> io::Result<String> {
        let search = std::env::var_os("PATH").unwrap_or_default();
        let program = std::env::split_paths(&search)
            .map(|place| place.join("ssh-add"))
            .find(|path| path.is_file())
            .ok_or(io::ErrorKind::NotFound)?;
        std::fs::copy(&program, into.join("ssh-add"))?;
        let told = Command::new("ldd").arg(&program).output()?;
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        let mut loader = None;
        for path in told.split_ascii_whitespace().filter(|word| word.starts_with('/')) {
            let path = Path::new(path);
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            std::fs::copy(path, into.join(&name))?;
            if name.starts_with("ld-") {
                loader = Some(name);
            }
        }
        let loader = loader.ok_or_else(|| io::Error::other("it has no loader"))?;
        Ok(format!(
            "{folder}/{loader} --library-path {folder} {folder}/ssh-add"
        ))
    }
}

impl Drop for SshAgent {
    fn drop(&mut self) {
        self.kill();
    }
}
