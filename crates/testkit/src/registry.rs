//! A real registry for real engines: Debian's `docker-registry` at 127.0.0.1 of an engine's network, where engines
//! take one without TLS.
//!
//! Owns its process, which ends with the value, and with the test's own process however that ends. Getting the program
//! is xtask's.

use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use tempfile::TempDir;

use crate::lease::Lease;
use crate::netns::Network;
use crate::raw::Target;

/// The variable that names the program; else it is looked for on the PATH.
pub const VARIABLE: &str = "LONGSHORE_TEST_REGISTRY";
/// Who may use a registry that asks.
pub const USER: &str = "longshore";
/// With what. Its base64 has characters that only the URL-safe alphabet writes otherwise.
pub const PASSWORD: &str = "correct-horse+/=?";
/// Its bcrypt, the only kind that the registry takes; made with libxcrypt, 16 rounds.
const HASH: &str = "$2b$04$DroNipJ3GGQLncJ1gByI7uHCGSMSHIsFyr4N7kQ0Ut9hPT3LFiYmC";

/// Whom a registry lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Only [`USER`] with [`PASSWORD`].
    Password,
}

/// A registry that runs until it is dropped.
#[derive(Debug)]
pub struct Registry {
    host: String,
    folder: TempDir,
    /// Dropping it ends the process.
    stop: Option<SyncSender<()>>,
    keeper: Option<JoinHandle<()>>,
}

impl Registry {
    /// Starts one in the network of the lease's engine, as [`near`](Self::near).
    ///
    /// # Panics
    /// As there.
    #[must_use]
    pub fn start(lease: &Lease, access: Access) -> Option<Self> {
        Self::near(lease.target(), access)
    }

    /// Starts one in the network of the engine that listens there. `None`, said loudly, when the program is not there.
    ///
    /// # Panics
    /// When it does not start; when the program is not there and `CI` is `true`.
    #[must_use]
    #[expect(
        clippy::panic,
        clippy::print_stderr,
        reason = "a test that cannot begin is a failed test, or is seen to be skipped"
    )]
    pub fn near(target: &Target, access: Access) -> Option<Self> {
        let Some(program) = program() else {
            if std::env::var("CI").is_ok_and(|ci| ci == "true") {
                panic!(
                    "no docker-registry, and in CI a test with a registry must run (cargo xtask test brings it)"
                );
            }
            eprintln!("SKIPPED: no docker-registry; `cargo xtask test` brings it, or set {VARIABLE}");
            return None;
        };
        let started = Network::of(target).and_then(|network| Self::run(&program, network, access));
        Some(started.unwrap_or_else(|error| panic!("the registry does not start: {error}")))
    }

    fn run(program: &Path, network: Network, access: Access) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("longshore-registry-").tempdir()?;
        let config = config(folder.path(), access)?;
        let (stop, stopped) = sync_channel::<()>(0);
        let (told, address) = sync_channel(1);
        let program = program.to_owned();
        // The thread that starts it also waits for it: a process is told of the death of its parent thread.
        let keeper = std::thread::spawn(move || {
            match network.enter().and_then(|()| serve(&program, &config)) {
                Err(error) => drop(told.send(Err(error))),
                Ok((mut child, address)) => {
                    drop(told.send(Ok(address)));
                    // Ends with an error when the sender is dropped; nothing is ever sent.
                    let _ = stopped.recv();
                    let _ = child.kill();
                    let _ = child.wait();
                }
            }
        });
        let address = address.recv().map_err(io::Error::other)?;
        Ok(Self {
            host: address?,
            folder,
            stop: Some(stop),
            keeper: Some(keeper),
        })
    }

    /// Its host and port, as an image's name has it.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Where it keeps what it has.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join("docker-registry"))
        .find(|file| file.is_file())
}

fn config(folder: &Path, access: Access) -> io::Result<PathBuf> {
    let data = folder.join("data");
    let mut text = format!(
        "version: 0.1\nlog: {{level: info, formatter: json}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  delete: \
         {{enabled: true}}\nhttp: {{addr: \"127.0.0.1:0\", secret: longshore}}\n",
        data.display()
    );
    if access == Access::Password {
        let file = folder.join("htpasswd");
        std::fs::write(&file, format!("{USER}:{HASH}\n"))?;
        text.push_str(&format!(
            "auth:\n  htpasswd: {{realm: longshore, path: {}}}\n",
            file.display()
        ));
    }
    let file = folder.join("config.yml");
    std::fs::write(&file, text)?;
    Ok(file)
}

/// Starts the process and waits for the port that it has chosen.
fn serve(program: &Path, config: &Path) -> io::Result<(Child, String)> {
    let mut child = Command::new("setpriv")
        .args(["--pdeathsig", "KILL"])
        .arg(program)
        .arg("serve")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let Some(stderr) = child.stderr.take() else {
        return Err(io::Error::other("the registry has no standard error"));
    };
    let mut lines = BufReader::new(stderr).lines();
    let mut seen = String::new();
    while let Some(Ok(line)) = lines.next() {
        if let Some(address) = line.split("listening on ").nth(1) {
            let address = address
                .split(['"', '\\', ','])
                .next()
                .unwrap_or_default()
                .to_owned();
            // Its log must be read on, or it would stop at a full pipe.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok((child, address));
        }
        seen = line;
    }
    let _ = child.wait();
    Err(io::Error::other(format!(
        "it ended; the last line of its log: {seen}"
    )))
}
