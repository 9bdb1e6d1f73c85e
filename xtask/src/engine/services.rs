//! The services image: real Redis, PostgreSQL, nginx and MariaDB, for tests of service templates.
//!
//! Debian's packages with what they need, unpacked around nothing and never configured; the tests write what an
//! installation would have. Made once into a tar in the cache, whose name changes with this file.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::{Api, image, packages, state};
use crate::places;
use crate::run::Cmd;

/// Its name on the engines that have it.
const REFERENCE: &str = "longshore/services:latest";

/// The label that says which text of this file made it.
const RECIPE: &str = "io.longshore.recipe";

/// Every version of PostgreSQL has a folder of its own for its programs: this link leads there.
const POSTGRES: &str = "usr/lib/postgresql/bin";

const CHANGES: [&str; 2] = [
    "LABEL%20io.longshore.managed%3Dtrue",
    "ENV%20PATH%3D%2Fusr%2Flib%2Fpostgresql%2Fbin%3A%2Fusr%2Fsbin%3A%2Fusr%2Fbin%3A%2Fsbin%3A%2Fbin",
];

const PACKAGES: [&str; 11] = [
    "base-files",
    "coreutils",
    "dash",
    "grep",
    "libc-bin",
    "mariadb-client",
    "mariadb-server-core",
    "nginx-light",
    "postgresql",
    "redis-server",
    "sed",
];

/// What comes along and is only for installing, for PostgreSQL's just-in-time compiler, or for scripts in Perl: the
/// beginnings of packages' names.
const NOT_UNPACKED: [&str; 14] = [
    "adduser_",
    "debconf_",
    "dpkg_",
    "init-system-helpers_",
    "iproute2_",
    "libc-l10n_",
    "libllvm",
    "libperl",
    "libz3-",
    "locales_",
    "passwd_",
    "perl",
    "ucf_",
    "usrmerge_",
];

/// What no test needs of the rest.
const REMOVED: [&str; 8] = [
    "usr/share/doc",
    "usr/share/i18n",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/perl5",
    "var/cache",
];

/// MariaDB's programs of 5 MB each that the tests have no use for.
const REMOVED_PROGRAMS: [&str; 15] = [
    "innochecksum",
    "mariadb-binlog",
    "mariadb-check",
    "mariadb-conv",
    "mariadb-dump",
    "mariadb-import",
    "mariadb-plugin",
    "mariadb-show",
    "mariadb-slap",
    "mariadb-tzinfo-to-sql",
    "mariadb-upgrade",
    "mariadb-waitpid",
    "perror",
    "replace",
    "resolve_stack_dump",
];

/// Puts the image on the engine unless it is there, made by this recipe.
pub(super) async fn ensure(cache: &Path, api: &Api) -> Result<()> {
    let recipe = places::tag(include_bytes!("services.rs"));
    let there = api.get(&format!("/images/{REFERENCE}/json")).await?;
    if there.status == 200 && there.json()?["Config"]["Labels"][RECIPE] == recipe {
        return Ok(());
    }
    let tar = tar(cache, &recipe).await?;
    let begun = std::time::Instant::now();
    let file = tokio::fs::File::open(&tar).await?;
    let length = file.metadata().await?.len();
    let label = format!("LABEL%20{RECIPE}%3D{recipe}");
    let changes = [&CHANGES[..], &[&label]].concat();
    image::import(api, "longshore%2Fservices", &changes, file, length).await?;
    eprintln!("{REFERENCE}: there after {:.1} s", begun.elapsed().as_secs_f64());
    Ok(())
}

/// The image's tar, which is made when it is not in the cache.
async fn tar(cache: &Path, recipe: &str) -> Result<PathBuf> {
    let folder = cache.join("services");
    // Another recipe is another file: what an older checkout made is not taken for ours.
    let tar = folder.join(format!("{recipe}.tar"));
    let _lock = state::take_file(&folder.join("lock")).await?;
    if tar.is_file() {
        return Ok(tar);
    }
    let work = folder.join("work");
    fs::remove_dir_all(&work).ok();
    let built = build(&work, &tar).await;
    fs::remove_dir_all(&work).ok();
    built.map(|()| tar)
}

async fn build(work: &Path, tar: &Path) -> Result<()> {
    let begun = std::time::Instant::now();
    let root = work.join("root");
    fs::create_dir_all(&root)?;
    for deb in download(&work.join("debs"), work).await? {
        Cmd::new("dpkg")
            .arg("-x")
            .arg(deb)
            .arg(&root)
            .limit(120)
            .read()
            .await?;
    }
    prune(&root)?;
    furnish(&root)?;
    let part = work.join("tar");
    image::pack(&root).arg("-f").arg(&part).limit(120).read().await?;
    for old in fs::read_dir(tar.parent().unwrap_or(work))?.flatten() {
        if old.path().extension().is_some_and(|extension| extension == "tar") {
            fs::remove_file(old.path())?;
        }
    }
    fs::rename(&part, tar)?;
    eprintln!(
        "made the services image, {} MB, in {:.1} s",
        fs::metadata(tar)?.len() / 1_000_000,
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

/// The packages, and those that they need, that are to be unpacked.
async fn download(debs: &Path, work: &Path) -> Result<Vec<PathBuf>> {
    if places::on_path("apt-get").is_none() || places::on_path("dpkg").is_none() {
        bail!("this machine has no apt-get: the services come from Debian's packages");
    }
    fs::create_dir_all(debs.join("partial"))?;
    // As on a machine that has nothing installed, so that all that they need is got too.
    let nothing = work.join("status");
    fs::write(&nothing, "")?;
    let _lock = packages::apt_lock().await?;
    eprintln!("getting {}", PACKAGES.join(" "));
    let download = || {
        Cmd::new("apt-get")
            .args(["-q", "-y", "--no-install-recommends", "--download-only"])
            .args(["-o", "Acquire::Retries=3", "-o", "APT::Sandbox::User=root", "-o"])
            .arg(format!("Dir::State::status={}", nothing.display()))
            .arg("-o")
            .arg(format!("Dir::Cache::archives={}", debs.display()))
            .arg("install")
            .args(PACKAGES)
            .limit(600)
    };
    // Lists may be absent or old: what fails with them is tried once more after an update.
    if let Err(first) = download().read().await {
        packages::update().await?;
        let again = download().read().await;
        again.with_context(|| format!("cannot get the services (first try: {first:#})"))?;
    }
    let mut wanted = Vec::new();
    for entry in fs::read_dir(debs)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_left_out = NOT_UNPACKED.iter().any(|start| name.starts_with(start)) || name.contains("-perl_");
        if name.ends_with(".deb") && !is_left_out {
            wanted.push(path);
        }
    }
    Ok(wanted)
}

/// Removes what is not needed, and makes PostgreSQL's programs known by a path without their version.
fn prune(root: &Path) -> Result<()> {
    for folder in REMOVED {
        remove(&root.join(folder))?;
    }
    for program in REMOVED_PROGRAMS {
        remove(&root.join("usr/bin").join(program))?;
    }
    let versions = root.join("usr/lib/postgresql");
    let version = fs::read_dir(&versions)
        .context("no PostgreSQL")?
        .next()
        .context("no PostgreSQL")??
        .file_name();
    remove(&versions.join(&version).join("lib/bitcode"))?;
    symlink(Path::new(&version).join("bin"), root.join(POSTGRES))?;
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        // Suites differ in what they have.
        Err(_) => return Ok(()),
    };
    removed.with_context(|| format!("cannot remove {}", path.display()))
}

/// What the installation of packages would have made.
fn furnish(root: &Path) -> Result<()> {
    fs::write(
        root.join("etc/passwd"),
        "root:x:0:0:root:/root:/bin/sh\nservice:x:1000:1000:service:/tmp:/bin/sh\n\
         www-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    )?;
    fs::write(
        root.join("etc/group"),
        "root:x:0:\nadm:x:4:\nwww-data:x:33:\nservice:x:1000:\nnogroup:x:65534:\n",
    )?;
    fs::create_dir_all(root.join("tmp"))?;
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777))?;
    let shells = ["bin/sh", "usr/bin/sh"].map(|shell| root.join(shell));
    if !shells.iter().any(|shell| shell.symlink_metadata().is_ok()) {
        fs::create_dir_all(root.join("bin"))?;
        symlink("dash", root.join("bin/sh"))?;
    }
    Ok(())
}
