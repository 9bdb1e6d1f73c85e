//! Which engine `up` shows: the one that DOCKER_HOST names, else one at a usual socket, else a private one.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::engine::{self, Api, Kind, Running};
use crate::places;

#[derive(Debug)]
pub(super) struct Found {
    pub(super) host: String,
    pub(super) version: String,
    pub(super) api: Api,
}

/// Finds an engine, or starts a private one and notes its kind in `started`.
///
/// # Errors
/// When none answers and this machine cannot have a private one; the text tells what to do.
pub(super) async fn engine(cache: &Path, started: &mut Option<Kind>) -> Result<Found> {
    if let Some(host) = std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()) {
        let api = api_of(&host)?;
        return described(host.clone(), api)
            .await
            .with_context(|| format!("DOCKER_HOST={host} does not answer"));
    }
    let sockets = sockets();
    for socket in sockets.iter().filter(|socket| socket.exists()) {
        match described(format!("unix://{}", socket.display()), Api::unix(socket)).await {
            Ok(found) => return Ok(found),
            Err(error) => eprintln!("{} does not answer: {error:#}", socket.display()),
        }
    }
    for kind in [Kind::Newest, Kind::Oldest] {
        if let Some(running) = engine::running(cache, kind).await {
            return Ok(private(&running));
        }
    }
    let looked: Vec<String> = sockets
        .iter()
        .map(|socket| socket.display().to_string())
        .collect();
    let looked = looked.join(", ");
    if places::on_path("apt-get").is_none() || !rustix::process::geteuid().is_root() {
        bail!(
            "no Docker engine answers here (looked at {looked}). Start one, or set DOCKER_HOST, or run this as root on \
             Debian or Ubuntu: it then gets one from the distribution's packages"
        );
    }
    eprintln!("no Docker engine answers here (looked at {looked})");
    eprintln!(
        "getting one from the distribution's packages into {}; nothing of it is installed",
        cache.display()
    );
    let mut first = None;
    for kind in [Kind::Newest, Kind::Oldest] {
        *started = Some(kind);
        match engine::up(cache, kind).await {
            Ok(running) => return Ok(private(&running)),
            Err(error) => {
                eprintln!("{error:#}");
                first.get_or_insert(error);
            }
        }
    }
    *started = None;
    Err(first
        .unwrap_or_else(|| anyhow!("no engine"))
        .context("no private engine either"))
}

fn private(running: &Running) -> Found {
    Found {
        host: running.docker_host(),
        version: format!("private {} engine {}", running.kind, running.version),
        api: Api::unix(&running.socket),
    }
}

async fn described(host: String, api: Api) -> Result<Found> {
    let version = api.get("/version").await?.ok()?.json()?;
    let version = version["Version"]
        .as_str()
        .unwrap_or("of unknown version")
        .to_owned();
    Ok(Found { host, version, api })
}

fn api_of(host: &str) -> Result<Api> {
    if let Some(path) = host.strip_prefix("unix://") {
        return Ok(Api::Unix(path.into()));
    }
    for scheme in ["tcp://", "http://"] {
        if let Some(address) = host.strip_prefix(scheme) {
            return Ok(Api::Tcp(address.trim_end_matches('/').to_owned()));
        }
    }
    bail!("DOCKER_HOST={host} is neither unix:///path nor tcp://host:port")
}

/// Where engines listen when nobody said otherwise: system, rootless, desktop, Podman.
fn sockets() -> Vec<PathBuf> {
    let folder = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let mut sockets = vec![PathBuf::from("/var/run/docker.sock")];
    if let Some(run) = folder("XDG_RUNTIME_DIR") {
        sockets.push(run.join("docker.sock"));
        sockets.push(run.join("podman/podman.sock"));
    }
    if let Some(home) = folder("HOME") {
        sockets.push(home.join(".docker/run/docker.sock"));
    }
    sockets.push(PathBuf::from("/run/podman/podman.sock"));
    sockets
}
