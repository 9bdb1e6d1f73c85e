//! What is installed on the machine itself: the system's tools for namespaces and firewall rules, through apt-get.
//! Engines are never installed here; they are unpacked by `fetch`.

use anyhow::{Context as _, Result, bail};

use super::{Kind, state};
use crate::places;
use crate::run::Cmd;

/// Program and the Debian package that brings it.
const TOOLS: [(&str, &str); 6] = [
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("nsenter", "util-linux"),
    ("mount", "mount"),
    ("tar", "tar"),
    ("setsid", "util-linux"),
];

/// Makes sure that the tools which an engine of this kind needs are there.
pub(super) async fn ensure_tools(kind: Kind) -> Result<()> {
    let mut wanted: Vec<(&str, &str)> = TOOLS.to_vec();
    if kind == Kind::Podman {
        wanted.extend([("podman", "podman"), ("conmon", "conmon")]);
    }
    ensure(&wanted).await
}

/// Installs the package of each `(program, package)` whose program is missing.
///
/// # Errors
/// When something is missing and this is no machine where we may install it.
pub(crate) async fn ensure(wanted: &[(&str, &str)]) -> Result<()> {
    let mut missing: Vec<&str> = wanted
        .iter()
        .filter(|(program, _)| places::on_path(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if places::on_path("apt-get").is_none() || !rustix::process::geteuid().is_root() {
        bail!("missing: {names}; install it (only root on Debian or Ubuntu gets it by itself)");
    }
    eprintln!("installing {names}");
    let _lock = apt_lock().await?;
    let install = || {
        Cmd::new("apt-get")
            .args([
                "-q",
                "-y",
                "-o",
                "DPkg::Lock::Timeout=300",
                "-o",
                "Acquire::Retries=3",
            ])
            .args(["install", "--no-install-recommends"])
            .args(&missing)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .limit(900)
    };
    // Lists may be absent or old: what fails with them is tried once more after an update.
    if let Err(first) = install().read().await {
        update().await?;
        install()
            .read()
            .await
            .with_context(|| format!("apt-get install {names} (first try: {first})"))?;
    }
    Ok(())
}

/// `apt-get update` of the machine's own lists.
pub(super) async fn update() -> Result<()> {
    Cmd::new("apt-get")
        .args(["-q", "-o", "Acquire::Retries=3", "update"])
        .limit(300)
        .read()
        .await
        .map(drop)
}

/// One of us at a time uses apt: its list lock does not wait.
pub(super) async fn apt_lock() -> Result<std::fs::File> {
    state::take_file(&places::cache()?.join("apt.lock")).await
}
