//! The daemon process: started in its namespaces, watched until it answers, ended with all that it started.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use super::fetch::Programs;
use super::netns::Net;
use super::state::{Place, Running, start_of};
use super::{Api, Kind, podman};
use crate::run::Cmd;

/// How long an engine may take until it answers; here it takes one second, on a cold disk some more.
const READY: Duration = Duration::from_secs(90);
/// How long an engine may take to end by itself.
const GONE: Duration = Duration::from_secs(15);

/// The daemon's mounts are its own: they end with it. `/run/containerd` and `/etc/docker` are fixed paths in engine
/// and containerd, so each engine gets its own there, and an engine already on the machine is left alone.
const INSIDE: &str = "mkdir -p /run/containerd /etc/docker && mount -t tmpfs tmpfs /run/containerd \
                      && mount --bind \"$0\" /etc/docker && exec \"$@\"";

pub(super) async fn start(kind: Kind, place: &Place, programs: &Programs, net: Net) -> Result<Running> {
    let dir = &place.dir;
    let socket = dir.join("docker.sock");
    let etc = dir.join("etc");
    fs::create_dir_all(&etc)?;
    fs::write(etc.join("daemon.json"), "{}\n")?;
    let log = File::create(dir.join("log"))?;
    let mut command = Command::new("setsid");
    command.arg("nsenter").arg(joined("--net=", &net.file));
    command
        .args(["unshare", "--mount", "--propagation", "slave", "sh", "-c", INSIDE])
        .arg(&etc);
    if kind == Kind::Podman {
        podman::service(&mut command, dir, &socket, programs)?;
    } else {
        dockerd(&mut command, dir, &socket);
    }
    let own = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(Into::into);
    let path = programs
        .path
        .iter()
        .cloned()
        .chain(std::env::split_paths(&own))
        .chain(system);
    command.env("PATH", std::env::join_paths(path).context("PATH")?);
    for name in [
        "DOCKER_HOST",
        "DOCKER_TMPDIR",
        "DOCKER_CONFIG",
        "NOTIFY_SOCKET",
        "LISTEN_FDS",
    ] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let mut child = command.spawn().context("cannot start the daemon")?;
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .context("the daemon has no process id")?;
    let started = start_of(pid).context("the daemon ended at once")?;
    let mut running = Running {
        kind,
        version: String::new(),
        api_version: String::new(),
        socket,
        address: net.address,
        pid,
        started,
    };
    // Written before it answers: a start that is interrupted can be ended all the same.
    place.write(&running)?;
    let begun = Instant::now();
    let api = Api::unix(&running.socket);
    loop {
        if let Some(status) = child.try_wait()? {
            bail!(
                "the daemon ended ({status}); the end of its log:\n{}",
                log_end(dir)
            );
        }
        if api.ping().await.is_ok() {
            break;
        }
        if begun.elapsed() > READY {
            bail!(
                "no answer within {} s; the end of its log:\n{}",
                READY.as_secs(),
                log_end(dir)
            );
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let version = api.get("/version").await?.ok()?.json()?;
    let text = |name: &str| version[name].as_str().unwrap_or("unknown").to_owned();
    running.version = text("Version");
    running.api_version = text("ApiVersion");
    Ok(running)
}

pub(super) fn joined(prefix: &str, path: &Path) -> OsString {
    let mut text = OsString::from(prefix);
    text.push(path);
    text
}

fn dockerd(command: &mut Command, dir: &Path, socket: &Path) {
    command.arg("dockerd").arg("-H").arg(joined("unix://", socket));
    command.arg("--config-file").arg(dir.join("etc/daemon.json"));
    command
        .arg("--data-root")
        .arg(dir.join("data"))
        .arg("--exec-root")
        .arg(dir.join("exec"));
    command.arg("-p").arg(dir.join("pid"));
}

fn log_end(dir: &Path) -> String {
    let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

/// Ends the engine at this place and every process that it started, and returns when they are gone.
pub(super) async fn stop(place: &Place) -> Result<()> {
    let mut family = Family::default();
    family.gather(&place.dir);
    if let Some(running) = place.read().filter(Running::is_alive) {
        family.add(running.pid);
        family.gather(&place.dir);
        // Containers first: an engine waits ten seconds for each that ignores SIGTERM.
        kill_containers(&Api::unix(&running.socket)).await.ok();
        signal(running.pid, Signal::TERM);
        let begun = Instant::now();
        while running.is_alive() && begun.elapsed() < GONE {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let begun = Instant::now();
    loop {
        family.gather(&place.dir);
        let left = family.alive();
        if left.is_empty() {
            return Ok(());
        }
        if begun.elapsed() > GONE {
            bail!("these processes of {} do not end: {left:?}", place.dir.display());
        }
        for pid in left {
            signal(pid, Signal::KILL);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn kill_containers(api: &Api) -> Result<()> {
    let list = api
        .call("GET", "/containers/json", "text/plain", b"", 5)
        .await?
        .ok()?
        .json()?;
    for id in list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|container| container["Id"].as_str())
    {
        api.call("POST", &format!("/containers/{id}/kill"), "text/plain", b"", 5)
            .await
            .ok();
    }
    Ok(())
}

fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // It may have ended by itself.
        kill_process(pid, signal).ok();
    }
}

/// The processes of one engine, each known by pid and start so that a reused pid is never hit.
#[derive(Debug, Default)]
struct Family(HashSet<(i32, u64)>);

impl Family {
    fn add(&mut self, pid: i32) {
        if let Some(start) = start_of(pid) {
            self.0.insert((pid, start));
        }
    }

    /// Adds every engine program whose command line names this engine's folder, and all descendants of the family.
    fn gather(&mut self, dir: &Path) {
        let mut needle = dir.as_os_str().as_encoded_bytes().to_vec();
        needle.push(b'/');
        let mut parents = Vec::new();
        for pid in pids() {
            let Some(parent) = parent_of(pid) else { continue };
            parents.push((pid, parent));
            let cmdline = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let program = cmdline.split(|byte| *byte == 0).next().unwrap_or_default();
            let program = program.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            let ours = ["dockerd", "containerd", "podman", "conmon", "docker-proxy"];
            if ours.iter().any(|name| program.starts_with(name.as_bytes()))
                && cmdline.windows(needle.len()).any(|window| window == needle)
            {
                self.add(pid);
            }
        }
        loop {
            let known: HashSet<i32> = self.alive().into_iter().collect();
            let next: Vec<i32> = parents
                .iter()
                .filter(|(pid, parent)| {
                    known.contains(parent) && !known.contains(pid) && start_of(*pid).is_some()
                })
                .map(|(pid, _)| *pid)
                .collect();
            if next.is_empty() {
                return;
            }
            next.into_iter().for_each(|pid| self.add(pid));
        }
    }

    fn alive(&self) -> Vec<i32> {
        self.0
            .iter()
            .filter(|(pid, start)| start_of(*pid) == Some(*start))
            .map(|(pid, _)| *pid)
            .collect()
    }
}

fn pids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.get(stat.rfind(')')? + 1..)?
        .split_ascii_whitespace()
        .nth(1)?
        .parse()
        .ok()
}

/// Unmounts what an engine left under `dir` in our own mount namespace (Podman, or an engine killed half-way).
pub(super) async fn unmount(dir: &Path) -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").context("/proc/self/mountinfo")?;
    let mut under: Vec<&str> = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .filter(|point| Path::new(point).starts_with(dir))
        .collect();
    under.sort_unstable_by_key(|point| std::cmp::Reverse(point.len()));
    for point in under {
        Cmd::new("umount").args(["-l", point]).limit(20).read().await?;
    }
    Ok(())
}
