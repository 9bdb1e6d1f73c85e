//! The page: its checks, its tests, and the build whose output is committed inside crates/server.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};

use crate::places;
use crate::report::{Counts, Failed, counts_in};
use crate::tools::Tools;

/// Where the built page is committed, seen from the checkout.
const BUILT: &str = "crates/server/assets";

fn web() -> PathBuf {
    places::checkout().join("web")
}

/// `cargo xtask ui`: builds the page into crates/server/assets.
pub(crate) async fn build() -> Result<()> {
    let mut tools = Tools::new(&places::cache()?)?;
    tools.node().await?;
    tools.npm_ci("web").await?;
    tools.cmd("npm").args(["run", "build"]).dir(web()).run().await
}

pub(crate) async fn check(tools: &Tools) -> Result<Counts, Failed> {
    tools.cmd("npm").args(["run", "check"]).dir(web()).run().await?;
    Ok(Counts::ONE)
}

pub(crate) async fn unit_tests(tools: &Tools) -> Result<Counts, Failed> {
    let (output, ended) = tools.cmd("npm").args(["test"]).dir(web()).tee().await?;
    let counts = counts_in(&output);
    ended.map(|()| counts).map_err(|error| Failed { counts, error })
}

/// Builds the page into a folder of its own and compares it with what is committed, byte by byte.
pub(crate) async fn is_fresh(tools: &Tools, cache: &Path) -> Result<Counts, Failed> {
    let fresh = cache.join(format!("page.{}", std::process::id()));
    let vite = web().join("node_modules/.bin/vite").display().to_string();
    let build = tools
        .cmd(&vite)
        .args(["build", "--emptyOutDir", "--outDir"])
        .arg(&fresh)
        .dir(web());
    let outcome = async {
        build.run().await?;
        let (built, committed) = (tree(&fresh)?, tree(&places::checkout().join(BUILT))?);
        let differing: Vec<String> = built
            .iter()
            .filter(|(name, bytes)| committed.get(*name) != Some(bytes))
            .map(|(name, _)| name.display().to_string())
            .chain(
                committed
                    .keys()
                    .filter(|name| !built.contains_key(*name))
                    .map(|name| name.display().to_string()),
            )
            .collect();
        if differing.is_empty() {
            return Ok(Counts::ONE);
        }
        bail!(
            "{BUILT} is not what web/ builds ({}): run `cargo xtask ui` and commit",
            differing.join(", ")
        )
    };
    let outcome: Result<Counts> = outcome.await;
    fs::remove_dir_all(&fresh).ok();
    Ok(outcome?)
}

fn tree(root: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path
                    .strip_prefix(root)
                    .map_err(|_| anyhow!("{} is elsewhere", path.display()))?;
                files.insert(name.to_path_buf(), fs::read(&path)?);
            }
        }
    }
    Ok(files)
}
