//! A real sshd on 127.0.0.1 with keys of its own, for one test.
//!
//! Owns: starting and ending it, its keys, the `ssh_config` that leads to it, and what it has seen. Leaves to others: how
//! anything logs in, and what is forwarded. A machine without sshd is a loud skip, and a failure in CI.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::TcpSocket;

/// The variable that names the program; without it, the usual places are looked at. `none` is none on purpose.
pub const VARIABLE: &str = "LONGSHORE_SSHD";

/// The variable that names a docker command; without it, the search path is looked through.
pub const DOCKER: &str = "LONGSHORE_DOCKER";

const DEADLINE: Duration = Duration::from_secs(10);

/// A server that ends when it is dropped, with every session in it.
#[derive(Debug)]
pub struct Sshd {
    dir: TempDir,
    /// Bound and never listened on: nobody else is given its port, also while the server is down.
    _reserved: TcpSocket,
    port: u16,
    options: String,
    /// `None` after it was killed.
    server: Option<Child>,
}

impl Sshd {
    /// Starts a server with these lines of `sshd_config` on top; `None` on a laptop that has none.
    ///
    /// # Panics
    /// When it does not start, and when there is none while `CI` is `true`.
    #[expect(clippy::panic, reason = "a test that cannot begin is a failed test")]
    pub fn start(options: &str) -> Option<Self> {
        let Some(program) = program() else {
            return missing("sshd");
        };
        if program.as_os_str() == "none" {
            return None;
        }
        match Self::started(&program, options) {
            Ok(sshd) => Some(sshd),
            Err(error) => panic!("{}: {error}", program.display()),
        }
    }

    /// [`start`](Self::start) with a docker command on the path of its sessions: the one that [`DOCKER`] names, or the
    /// machine's; `None` on a laptop that has none.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with_docker(options: &str) -> Option<Self> {
        let named = std::env::var_os(DOCKER).filter(|path| !path.is_empty());
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut places = std::env::split_paths(&path).map(|folder| folder.join("docker"));
        let docker = named
            .map(PathBuf::from)
            .or_else(|| places.find(|file| file.is_file()));
        let Some(docker) = docker else {
            return missing("docker command");
        };
        let folder = docker.parent().unwrap_or(Path::new("/")).display();
        Self::start(&format!("{options}\nSetEnv PATH={folder}:/usr/bin:/bin\n"))
    }

    fn started(program: &Path, options: &str) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("longshore-sshd-").tempdir()?;
        for key in ["host", "id", "stranger"] {
            key_pair(&dir.path().join(key), "longshore-test")?;
        }
        std::fs::copy(dir.path().join("id.pub"), dir.path().join("authorized"))?;
        // Where an unprivileged child of root's sshd is shut in.
        if rustix::process::geteuid().is_root() {
            std::fs::create_dir_all("/run/sshd")?;
        }
        let reserved = TcpSocket::new_v4()?;
        reserved.set_reuseaddr(true)?;
        reserved.bind(([127, 0, 0, 1], 0).into())?;
        let port = reserved.local_addr()?.port();
        let mut sshd = Self {
            server: Some(serve(program, dir.path(), port, options)?),
            dir,
            _reserved: reserved,
            port,
            options: options.to_owned(),
        };
        sshd.write_configs()?;
        sshd.listens()?;
        Ok(sshd)
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// An `ssh_config` with the hosts `engine`, `far` (the same server, with `engine` as its jump host), `stranger` (with
    /// a key that is not authorized), `unknown` (no host key is known) and `changed` (another host key is known).
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.dir.path().join("config")
    }

    /// The file with the private key that may log in.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.dir.path().join("id")
    }

    /// How many logins have succeeded.
    #[must_use]
    pub fn logins(&self) -> usize {
        self.log().matches("Accepted publickey").count()
    }

    /// How many connections have come.
    #[must_use]
    pub fn attempts(&self) -> usize {
        self.log().matches("Connection from").count()
    }

    /// What the server wrote.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Kills the server and every session in it.
    pub fn kill(&mut self) {
        let Some(mut server) = self.server.take() else {
            return;
        };
        let own = server.id();
        let mut all = descendants(own);
        all.push(own);
        for pid in all {
            if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
                // What has ended meanwhile is fine.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let _ = server.wait();
    }

    /// Starts it again after [`kill`](Self::kill), on the same port and with the same keys.
    ///
    /// # Errors
    /// Those of starting a process.
    pub fn restart(&mut self) -> io::Result<()> {
        let program = program().ok_or_else(|| io::Error::other("no sshd"))?;
        self.server = Some(serve(&program, self.dir.path(), self.port, &self.options)?);
        self.listens()
    }

    /// Waits until it listens, or has ended.
    fn listens(&mut self) -> io::Result<()> {
        let (port, log) = (self.port, self.log_file());
        let Some(server) = &mut self.server else {
            return Err(io::Error::other("it was killed"));
        };
        wait_for("sshd listens", || match server.try_wait() {
            Ok(None) => connects(port).ok().map(Ok),
            _ => {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                Some(Err(io::Error::other(format!("it has ended: {said}"))))
            }
        })
    }

    fn log_file(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    fn write_configs(&self) -> io::Result<()> {
        let dir = self.dir.path();
        let public = |key: &str| std::fs::read_to_string(dir.join(format!("{key}.pub")));
        let known = |key: &str| Ok::<_, io::Error>(format!("[127.0.0.1]:{} {}", self.port, public(key)?));
        std::fs::write(dir.join("known"), known("host")?)?;
        std::fs::write(dir.join("changed"), known("stranger")?)?;
        std::fs::write(dir.join("none"), "")?;
        let here = dir.display();
        let mut config = String::new();
        for (host, key, known, more) in [
            ("engine", "id", "known", ""),
            ("far", "id", "known", "ProxyJump engine"),
            ("stranger", "stranger", "known", ""),
            ("unknown", "id", "none", ""),
            ("changed", "id", "changed", ""),
        ] {
            config.push_str(&format!(
                "Host {host}\n  HostName 127.0.0.1\n  Port {}\n  IdentityFile {here}/{key}\n  IdentitiesOnly yes\n  \
                 IdentityAgent none\n  UserKnownHostsFile {here}/{known}\n  GlobalKnownHostsFile /dev/null\n  {more}\n",
                self.port,
            ));
        }
        std::fs::write(self.config(), config)
    }
}

/// Nothing to test with.
#[expect(
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot begin is a failed test, and a skipped one must be seen"
)]
pub(crate) fn missing<T>(what: &str) -> Option<T> {
    if std::env::var("CI").is_ok_and(|ci| ci == "true") {
        panic!("there is no {what}, and in CI a test with a real one must run (cargo xtask test brings it)");
    }
    eprintln!("SKIPPED: no {what}; `cargo xtask test` brings one");
    None
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Looks every few milliseconds until there is something, on this thread: a server starts in some twenty of them.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing else of the test goes on meanwhile"
)]
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<io::Result<T>>) -> io::Result<T> {
    let since = Instant::now();
    while since.elapsed() < DEADLINE {
        if let Some(result) = look() {
            return result;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(io::Error::other(format!("{what}: not within {DEADLINE:?}")))
}

/// The command line of every process here that has the path of this `ssh_config` in it.
#[must_use]
pub fn clients_of(config: &Path) -> Vec<String> {
    let config = config.display().to_string();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|entry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).replace('\0', " "))
    });
    lines.filter(|line| line.contains(&config)).collect()
}

fn connects(port: u16) -> io::Result<()> {
    std::net::TcpStream::connect(("127.0.0.1", port)).map(drop)
}

fn serve(program: &Path, dir: &Path, port: u16, options: &str) -> io::Result<Child> {
    let here = dir.display();
    let config = format!(
        "{options}\nListenAddress 127.0.0.1\nPort {port}\nHostKey {here}/host\nAuthorizedKeysFile {here}/authorized\n\
         StrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nLogLevel VERBOSE\nMaxStartups 200\n"
    );
    let file = dir.join("sshd_config");
    std::fs::write(&file, config)?;
    Command::new(program)
        .args(["-D", "-f"])
        .arg(&file)
        .arg("-E")
        .arg(dir.join("log"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

pub(crate) fn key_pair(file: &Path, comment: &str) -> io::Result<()> {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"])
        .arg(file)
        .output()?;
    if made.status.success() {
        return Ok(());
    }
    Err(io::Error::other(
        String::from_utf8_lossy(&made.stderr).into_owned(),
    ))
}

fn program() -> Option<PathBuf> {
    let named = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
    if let Some(named) = named {
        return Some(named.into());
    }
    ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.is_file())
}

/// Every process below this one.
fn descendants(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let after_name = stat.get(stat.rfind(')')? + 1..)?;
            let parent = after_name.split_ascii_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(
            parents
                .iter()
                .filter(|(_, of)| *of == parent)
                .map(|(pid, _)| *pid),
        );
        next += 1;
    }
    found.split_off(1)
}
