//! An engine's programs out of Debian's packages: downloaded and unpacked into the cache, never installed.
//! A newer suite is read through a private apt configuration: the mirror is the machine's own, and the machine's
//! keyring verifies it. No address is written down here.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};

use super::{Kind, packages};
use crate::places;
use crate::run::Cmd;

/// The folders that hold an engine's programs, first one first.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) path: Vec<PathBuf>,
}

const ENGINE: [&str; 3] = ["docker.io", "containerd", "runc"];
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Makes sure that the programs for this kind of engine are in the cache.
pub(super) async fn programs(cache: &Path, kind: Kind) -> Result<Programs> {
    let suite = match kind {
        Kind::Podman => {
            let runc = unpacked(cache, Suite::Machine, "runc", &["runc"]).await?;
            let path = vec![init(cache).await?, runc.join("usr/sbin")];
            return Ok(Programs { path });
        }
        Kind::Oldest | Kind::SwarmOldest => Suite::Machine,
        Kind::Stable => Suite::Named("trixie"),
        Kind::Newest | Kind::SwarmNewest => Suite::Named("sid"),
    };
    let root = unpacked(cache, suite, "engine", &ENGINE).await?;
    let mut path = vec![root.join("usr/sbin"), root.join("usr/bin")];
    for program in ["dockerd", "containerd"] {
        works(&path, program)
            .await
            .with_context(|| format!("the {kind} engine does not run on this machine"))?;
    }
    if works(&path, "runc").await.is_err() {
        // Sid's wants a newer libc than Debian 12 has; any runc serves any of these engines.
        let runc = unpacked(cache, Suite::Machine, "runc", &["runc"]).await?;
        path.insert(0, runc.join("usr/sbin"));
        works(&path, "runc")
            .await
            .context("no runc that runs on this machine")?;
    }
    path.insert(
        0,
        init(cache)
            .await
            .context("no docker-init for containers with `Init`")?,
    );
    Ok(Programs { path })
}

/// The docker command line: the machine's, else that of its suite.
pub(crate) async fn docker_client(cache: &Path) -> Result<PathBuf> {
    if let Some(own) = places::on_path("docker") {
        return Ok(own);
    }
    let client = unpacked(cache, Suite::Machine, "engine", &ENGINE)
        .await?
        .join("usr/bin/docker");
    if client.is_file() {
        return Ok(client);
    }
    // Newer suites have it in a package of its own.
    let root = unpacked(cache, Suite::Machine, "client", &["docker-cli"]).await?;
    Ok(root.join("usr/bin/docker"))
}

/// A folder with `docker-init`: docker.io has only a link to a static tini, whose package the suites name differently.
async fn init(cache: &Path) -> Result<PathBuf> {
    let mut last = None;
    for package in ["tini", "tini-static"] {
        match unpacked(cache, Suite::Machine, package, &[package]).await {
            Ok(root) if root.join("usr/bin/tini-static").is_file() => {
                let link = root.join("usr/bin/docker-init");
                if !link.exists() {
                    std::os::unix::fs::symlink("tini-static", &link)?;
                }
                return Ok(root.join("usr/bin"));
            }
            Ok(root) => last = Some(anyhow!("no static tini in {}", root.display())),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| anyhow!("no package")))
}

/// The static busybox of the machine's suite.
pub(super) async fn busybox(cache: &Path) -> Result<PathBuf> {
    let root = unpacked(cache, Suite::Machine, "busybox", &["busybox-static"]).await?;
    // Merged-usr suites have it under usr/.
    ["bin/busybox", "usr/bin/busybox"]
        .into_iter()
        .map(|file| root.join(file))
        .find(|file| file.is_file())
        .context("busybox-static brought no busybox")
}

/// A registry, for tests of pull and push.
pub(crate) async fn registry(cache: &Path) -> Result<PathBuf> {
    let root = unpacked(cache, Suite::Machine, "registry", &["docker-registry"]).await?;
    Ok(root.join("usr/bin/docker-registry"))
}

async fn works(path: &[PathBuf], program: &str) -> Result<()> {
    let file = path
        .iter()
        .map(|folder| folder.join(program))
        .find(|file| file.is_file());
    let file = file.with_context(|| format!("the packages brought no {program}"))?;
    Cmd::new(file).arg("--version").limit(20).read().await.map(drop)
}

#[derive(Debug, Clone, Copy)]
enum Suite {
    Machine,
    Named(&'static str),
}

/// Downloads and unpacks `names` of `suite` once, into `<cache>/packages/<suite>-<label>`.
async fn unpacked(cache: &Path, suite: Suite, label: &str, names: &[&str]) -> Result<PathBuf> {
    let suite_name = match suite {
        Suite::Machine => "machine",
        Suite::Named(name) => name,
    };
    let root = cache.join("packages").join(format!("{suite_name}-{label}"));
    if root.is_dir() {
        return Ok(root);
    }
    if places::on_path("apt-get").is_none() || places::on_path("dpkg").is_none() {
        bail!("this machine has no apt-get: engines come from Debian's packages");
    }
    let _lock = packages::apt_lock().await?;
    if root.is_dir() {
        return Ok(root);
    }
    eprintln!("getting {} ({suite_name})", names.join(" "));
    let work = root.with_extension("part");
    fs::remove_dir_all(&work).ok();
    let debs = work.join("debs");
    fs::create_dir_all(&debs)?;
    let config = match suite {
        Suite::Machine => None,
        Suite::Named(name) => Some(private_config(cache, name).await?),
    };
    let download = || {
        let cmd = Cmd::new("apt-get")
            .args([
                "-q",
                "-o",
                "Acquire::Retries=3",
                "-o",
                "APT::Sandbox::User=root",
                "download",
            ])
            .args(names)
            .dir(&debs)
            .limit(600);
        with_config(cmd, config.as_deref())
    };
    if let Err(first) = download().read().await {
        let update = Cmd::new("apt-get")
            .args(["-q", "-o", "Acquire::Retries=3", "update"])
            .limit(300);
        with_config(update, config.as_deref()).read().await?;
        download()
            .read()
            .await
            .with_context(|| format!("cannot get {} (first try: {first:#})", names.join(" ")))?;
    }
    let unpacked = work.join("root");
    for deb in fs::read_dir(&debs)? {
        Cmd::new("dpkg")
            .arg("-x")
            .arg(deb?.path())
            .arg(&unpacked)
            .limit(120)
            .read()
            .await?;
    }
    fs::rename(&unpacked, &root)?;
    fs::remove_dir_all(&work).ok();
    Ok(root)
}

fn with_config(cmd: Cmd, config: Option<&Path>) -> Cmd {
    match config {
        Some(config) => cmd.env("APT_CONFIG", config),
        None => cmd,
    }
}

/// Writes an apt configuration of our own for one suite. It comes on top of the machine's, so that proxies and the
/// like still hold, and replaces its sources and lists.
async fn private_config(cache: &Path, suite: &str) -> Result<PathBuf> {
    let mirror = mirror().await?;
    if !Path::new(KEYRING).is_file() {
        bail!(
            "{KEYRING} is missing (package debian-archive-keyring): nothing could verify the suite {suite}"
        );
    }
    let dir = cache.join("apt").join(suite);
    for folder in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(dir.join(folder))?;
    }
    let sources = dir.join("sources.list");
    fs::write(
        &sources,
        format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n"),
    )?;
    let config = dir.join("apt.conf");
    fs::write(
        &config,
        format!(
            "Dir::Etc::sourcelist \"{}\";\nDir::Etc::sourceparts \"/dev/null\";\nDir::State::lists \"{}\";\n\
             Dir::Cache \"{}\";\nAcquire::Languages \"none\";\nAPT::Sandbox::User \"root\";\n\
             Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n",
            sources.display(),
            dir.join("lists").display(),
            dir.join("cache").display()
        ),
    )?;
    Ok(config)
}

/// The mirror that the machine itself takes its Debian suite from.
async fn mirror() -> Result<String> {
    let release = fs::read_to_string("/etc/os-release").context("/etc/os-release")?;
    let field = |name: &str| {
        let line = release
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.map(|value| value.trim_matches('"').to_owned())
    };
    let id = field("ID").unwrap_or_default();
    if id != "debian" {
        return Err(anyhow!(
            "only Debian's own mirror has the newer suites; this machine is {id}"
        ))
        .context("use `engine up oldest`, which takes the machine's own docker.io");
    }
    let codename = field("VERSION_CODENAME").context("/etc/os-release names no suite")?;
    // apt itself reads both formats of its sources.
    let targets = Cmd::new("apt-get")
        .args([
            "indextargets",
            "--format",
            "$(REPO_URI) $(RELEASE) $(COMPONENT)",
            "Created-By: Packages",
        ])
        .limit(60)
        .read()
        .await?;
    let mirror = targets.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (uri, suite, component) = (fields.next()?, fields.next()?, fields.next()?);
        ((suite == codename || suite == "stable") && component == "main").then(|| uri.to_owned())
    });
    mirror.with_context(|| format!("the machine's sources name no mirror of {codename}"))
}
