//! Gets the peers in other languages: docker-py into a private virtual environment, dockerode into a node
//! folder, both in the cache folder and nowhere else.
//!
//! What cannot be had here (no Python, no Node, no registry) is left out of the tables, and said.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::Result;

/// The versions measured; newer ones are taken by hand, so that two runs compare the same.
const DOCKER_PY: &str = "docker==7.2.0";
const DOCKERODE: &str = "dockerode@5.0.1";
/// Programs that watch containers. The two in Rust are built here, once, in some minutes.
const GLANCES: &str = "glances[containers]==4.5.8";
const BUILT: [(&str, &str); 2] = [("oxker", "0.13.4"), ("dtop", "0.10.2")];

/// `LONGSHORE_CACHE`, else `$XDG_CACHE_HOME/longshore`, else `~/.cache/longshore`, as xtask has it.
pub(crate) fn folder() -> Option<PathBuf> {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let cache = set("LONGSHORE_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("longshore")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/longshore")))?;
    Some(cache.join("bench-peers"))
}

/// Installs what is missing in `folder`.
pub(crate) async fn peers(folder: &Path) {
    if let Err(error) = python(folder).await {
        eprintln!("docker-py could not be had: {error}");
    }
    if let Err(error) = node(folder).await {
        eprintln!("dockerode could not be had: {error}");
    }
}

/// Installs the programs that watch containers, those that are missing.
pub(crate) async fn watchers(folder: &Path) {
    if let Err(error) = glances(folder).await {
        eprintln!("glances could not be had: {error}");
    }
    for (name, version) in BUILT {
        if let Err(error) = built(folder, name, version).await {
            eprintln!("{name} could not be had: {error}");
        }
    }
}

async fn glances(folder: &Path) -> Result<()> {
    if folder.join("venv/bin/glances").exists() {
        return Ok(());
    }
    python(folder).await?;
    pip(folder, GLANCES).await
}

/// Installs a package into the virtual environment.
async fn pip(folder: &Path, package: &str) -> Result<()> {
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        package,
    ];
    run(Command::new(folder.join("venv/bin/python")).args(install)).await
}

async fn built(folder: &Path, name: &str, version: &str) -> Result<()> {
    if folder.join("bin").join(name).exists() {
        return Ok(());
    }
    let install = [
        "install",
        "--quiet",
        "--locked",
        name,
        "--version",
        version,
        "--root",
    ];
    run(Command::new("cargo").args(install).arg(folder)).await
}

async fn python(folder: &Path) -> Result<()> {
    if folder.join(format!("venv/{DOCKER_PY}")).exists() {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    let venv = folder.join("venv");
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv)).await?;
    pip(folder, DOCKER_PY).await?;
    Ok(std::fs::write(venv.join(DOCKER_PY), "")?)
}

async fn node(folder: &Path) -> Result<()> {
    if folder.join(format!("node_modules/{DOCKERODE}")).exists() {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    let install = [
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--no-save",
        "--prefix",
    ];
    run(Command::new("npm").args(install).arg(folder).arg(DOCKERODE)).await?;
    Ok(std::fs::write(folder.join("node_modules").join(DOCKERODE), "")?)
}

async fn run(command: &mut Command) -> Result<()> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let out = command
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| format!("{program}: {error}"))?;
    if out.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&out.stderr);
    Err(format!(
        "{program}: {}",
        said.trim().lines().last().unwrap_or("failed in silence")
    )
    .into())
}
