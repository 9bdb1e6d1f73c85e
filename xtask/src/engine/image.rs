//! The sample image: Debian's busybox-static, a handful of files and no registry, through the engine's import call.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use tokio::io::AsyncRead;

use super::{Api, fetch};
use crate::run::Cmd;

/// Its name on every engine.
pub(crate) const REFERENCE: &str = "longshore/sample:latest";

const CHANGES: [&str; 3] = [
    r#"CMD%20%5B%22sh%22%5D"#,
    "LABEL%20io.longshore.managed%3Dtrue",
    "ENV%20PATH%3D%2Fusr%2Fbin%3A%2Fbin",
];

/// Puts the image on the engine unless it is there.
pub(crate) async fn ensure(cache: &Path, api: &Api) -> Result<()> {
    if api.get(&format!("/images/{REFERENCE}/json")).await?.status == 200 {
        return Ok(());
    }
    let busybox = fetch::busybox(cache).await?;
    let root = build(cache, &busybox).await?;
    let tar = pack(&root).limit(60).read_bytes().await;
    fs::remove_dir_all(&root).ok();
    let tar = tar?;
    import(api, "longshore%2Fsample", &CHANGES, &tar[..], tar.len() as u64)
        .await
        .context("the sample image")
}

/// Makes `repo` (escaped for a URL), tag `latest`, out of a tar of `length` bytes, with changes (escaped too) as a Dockerfile
/// has them.
pub(super) async fn import(
    api: &Api,
    repo: &str,
    changes: &[&str],
    tar: impl AsyncRead + Unpin,
    length: u64,
) -> Result<()> {
    let changes: String = changes
        .iter()
        .map(|change| format!("&changes={change}"))
        .collect();
    let path = format!("/images/create?fromSrc=-&repo={repo}&tag=latest{changes}");
    let answer = api
        .send("POST", &path, "application/x-tar", tar, length, 120)
        .await?
        .ok()?;
    // The call answers 200 before it begins; what went wrong afterwards stands in the stream.
    let said = String::from_utf8_lossy(&answer.body);
    if said.contains("\"error\"") {
        return Err(anyhow!("{}", said.trim())).context("the engine refused the image");
    }
    Ok(())
}

/// Writes a folder as a tar that is the same each time, to the standard output unless a file is named.
pub(super) fn pack(root: &Path) -> Cmd {
    Cmd::new("tar")
        .args([
            "--sort=name",
            "--owner=0",
            "--group=0",
            "--numeric-owner",
            "--mtime=@1600000000",
            "-C",
        ])
        .arg(root)
        .args(["-c", "."])
}

async fn build(cache: &Path, busybox: &Path) -> Result<PathBuf> {
    let root = cache.join(format!("sample.{}", std::process::id()));
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    for folder in ["bin", "etc", "home/app", "root", "tmp", "usr", "var", "www"] {
        fs::create_dir_all(root.join(folder))?;
    }
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777))?;
    fs::copy(busybox, root.join("bin/busybox"))?;
    let applets = Cmd::new(busybox).arg("--list").limit(20).read().await?;
    for applet in applets.lines().filter(|applet| *applet != "busybox") {
        symlink("busybox", root.join("bin").join(applet))?;
    }
    for link in ["usr/bin", "usr/sbin"] {
        symlink("../bin", root.join(link))?;
    }
    symlink("bin", root.join("sbin"))?;
    fs::write(
        root.join("etc/passwd"),
        "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    )?;
    fs::write(
        root.join("etc/group"),
        "root:x:0:\napp:x:1000:\nnogroup:x:65534:\n",
    )?;
    // A static libc falls over when it looks for the modules that the default names.
    fs::write(root.join("etc/nsswitch.conf"), "hosts: files\n")?;
    fs::write(root.join("www/index.html"), "hello from longshore/sample\n")?;
    Ok(root)
}
