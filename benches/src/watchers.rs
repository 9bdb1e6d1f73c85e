//! Programs that people watch containers with, as peers of the sampler: what they cost while they do.
//!
//! Owns how each is started at a reading a second, with a terminal where it wants one, and which processes are it. What
//! cannot be had here is left out.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::{Result, sampling::parent, sampling::processes};

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Watcher {
    pub(crate) name: String,
    program: PathBuf,
    args: Vec<String>,
    wants_terminal: bool,
}

/// Those that are installed: `docker` on the search path, the others in the folder of peers.
pub(crate) async fn installed(host: &str, folder: Option<&Path>) -> Vec<Watcher> {
    let of = |text: &[&str]| text.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut docker = std::env::split_paths(&path).map(|folder| folder.join("docker"));
    let mut known = Vec::new();
    if let Some(file) = docker.find(|file| file.is_file()) {
        known.push((file, of(&["stats"]), false));
    }
    if let Some(folder) = folder {
        let glances = of(&["--stdout", "containers", "-t", "1", "--disable-check-update"]);
        known.push((folder.join("venv/bin/glances"), glances, false));
        known.push((
            folder.join("bin/oxker"),
            of(&["--host", host, "-d", "1000"]),
            true,
        ));
        known.push((folder.join("bin/dtop"), of(&["--host", host]), true));
    }
    let mut watchers = Vec::new();
    for (program, args, wants_terminal) in known {
        match version(&program).await {
            Ok(name) => watchers.push(Watcher {
                name,
                program,
                args,
                wants_terminal,
            }),
            Err(error) => eprintln!("left out: {}: {error}", program.display()),
        }
    }
    watchers
}

/// Its name and version, as it says itself.
async fn version(program: &Path) -> Result<String> {
    let out = Command::new(program).arg("--version").output().await?;
    let text = String::from_utf8_lossy(&out.stdout);
    let version = text
        .split_whitespace()
        .map(|word| word.trim_end_matches(','))
        .find(|word| {
            word.trim_start_matches('v')
                .starts_with(|c: char| c.is_ascii_digit())
        });
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let name = if name == "docker" {
        "docker stats".into()
    } else {
        name
    };
    Ok(format!(
        "{name} {}",
        version.ok_or("it does not say its version")?
    ))
}

/// One that runs, until it is dropped.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    pub(crate) fn start(watcher: &Watcher, host: &str) -> Result<Self> {
        let mut command = if watcher.wants_terminal {
            // The program takes the place of the shell, in a terminal of a size in which there is something to draw.
            let mut command = Command::new("script");
            command
                .args([
                    "-qefc",
                    "stty cols 200 rows 60; exec \"$PROGRAM\" $ARGS",
                    "/dev/null",
                ])
                .env("PROGRAM", &watcher.program)
                .env("ARGS", watcher.args.join(" "))
                .env("TERM", "xterm-256color");
            command
        } else {
            let mut command = Command::new(&watcher.program);
            command.args(&watcher.args);
            command
        };
        let child = command
            .env("DOCKER_HOST", host)
            // Open, and nothing in it: an end would be taken for a wish to leave.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { child })
    }

    /// Its processes now.
    ///
    /// # Errors
    /// When it has ended.
    pub(crate) fn processes(&mut self) -> Result<Vec<u32>> {
        if let Some(status) = self.child.try_wait()? {
            return Err(format!("it has ended: {status}").into());
        }
        let root = self.child.id().ok_or("it has ended")?;
        let parents: Vec<(u32, u32)> = processes().filter_map(|pid| Some((pid, parent(pid)?))).collect();
        let mut tree = vec![root];
        let mut at = 0;
        while let Some(of) = tree.get(at).copied() {
            tree.extend(
                parents
                    .iter()
                    .filter(|(_, parent)| *parent == of)
                    .map(|(pid, _)| *pid),
            );
            at += 1;
        }
        Ok(tree)
    }

    /// Ends it, and waits for that.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.child.start_kill()?;
        self.child.wait().await?;
        Ok(())
    }
}
