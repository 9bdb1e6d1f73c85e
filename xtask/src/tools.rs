//! Programs that the steps need beside cargo: nextest, cargo-deny, Node, Chromium, sshd. What is missing is got, each from
//! its ordinary registry, into the cache where it can be, so that a fresh machine needs no list of things to install.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::engine;
use crate::places;
use crate::run::Cmd;

/// The oldest Node that the page's build runs on.
const NODE: (u32, u32) = (20, 19);
/// npm 10 leaves out the build's native parts.
const NPM: (u32, u32) = (11, 0);

/// A search path with our own tools in front.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    cache: PathBuf,
    path: OsString,
}

impl Tools {
    pub(crate) fn new(cache: &Path) -> Result<Self> {
        let mut tools = Self {
            cache: cache.to_path_buf(),
            path: std::env::var_os("PATH").unwrap_or_default(),
        };
        tools.prepend(cache.join("tools/bin"))?;
        Ok(tools)
    }

    fn prepend(&mut self, folder: PathBuf) -> Result<()> {
        let folders = std::iter::once(folder).chain(std::env::split_paths(&self.path));
        self.path = std::env::join_paths(folders).context("PATH")?;
        Ok(())
    }

    /// A program on this path, run in the checkout.
    pub(crate) fn cmd(&self, program: &str) -> Cmd {
        // The program itself is looked for on our path too, not on the one that xtask was started with.
        let found = std::env::split_paths(&self.path)
            .map(|folder| folder.join(program))
            .find(|file| file.is_file());
        let found = found.unwrap_or_else(|| PathBuf::from(program));
        Cmd::new(found).dir(places::checkout()).env("PATH", &self.path)
    }

    pub(crate) fn cargo(&self, args: &[&str]) -> Cmd {
        let own = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
        Cmd::new(own)
            .args(args)
            .dir(places::checkout())
            .env("PATH", &self.path)
            .limit(3_000)
    }

    pub(crate) async fn nextest(&self) -> Result<()> {
        self.cargo_tool("cargo-nextest", &["nextest", "--version"], &[])
            .await
    }

    pub(crate) async fn deny(&self) -> Result<()> {
        // Without the features and the optimiser it compiles in a minute on two cores, and checks in a second.
        self.cargo_tool(
            "cargo-deny",
            &["deny", "--version"],
            &["--no-default-features", "--profile", "dev"],
        )
        .await
    }

    async fn cargo_tool(&self, name: &str, probe: &[&str], extra: &[&str]) -> Result<()> {
        if self.cargo(probe).limit(30).read().await.is_ok() {
            return Ok(());
        }
        eprintln!("compiling {name} into the cache (once)");
        let root = self.cache.join("tools");
        let install = self
            .cargo(&["install", "--locked", "--root"])
            .arg(root)
            .args(extra)
            .arg(name);
        install.dir(&self.cache).run().await
    }

    /// Debian's Chromium, unless one is there.
    pub(crate) async fn chromium(&self) -> Result<()> {
        if places::on_path("chromium").is_some() || std::env::var_os("LONGSHORE_CHROMIUM").is_some() {
            return Ok(());
        }
        engine::ensure_packages(&[("chromium", "chromium")]).await
    }

    /// Debian's sshd, which tests start for themselves, and the programs of its client.
    pub(crate) async fn sshd(&self) -> Result<()> {
        let wanted = [
            ("sshd", "openssh-server"),
            ("ssh", "openssh-client"),
            ("ssh-keygen", "openssh-client"),
        ];
        engine::ensure_packages(&wanted).await
    }

    /// A Node and npm that are new enough: the machine's, else those of npm's `node` and `npm` packages.
    pub(crate) async fn node(&mut self) -> Result<()> {
        let own = self.cache.join("tools/node");
        let bins = own.join("node_modules/.bin");
        if bins.join("npm").exists() {
            self.prepend(bins.clone())?;
        }
        if self.at_least("node", NODE).await && self.at_least("npm", NPM).await {
            return Ok(());
        }
        if places::on_path("npm").is_none() {
            engine::ensure_packages(&[("npm", "npm")]).await?;
        }
        eprintln!("getting Node from npm's packages");
        fs::create_dir_all(&own)?;
        let install = Cmd::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--no-save", "--prefix"])
            .arg(&own);
        install
            .args(["node@22", "npm@11"])
            .dir(&own)
            .limit(600)
            .read()
            .await?;
        self.prepend(bins)?;
        if !(self.at_least("node", NODE).await && self.at_least("npm", NPM).await) {
            bail!(
                "no Node of {}.{} or newer with an npm of {} or newer",
                NODE.0,
                NODE.1,
                NPM.0
            );
        }
        Ok(())
    }

    async fn at_least(&self, program: &str, wanted: (u32, u32)) -> bool {
        let Ok(said) = self.cmd(program).arg("--version").limit(30).read().await else {
            return false;
        };
        let mut numbers = said
            .trim()
            .trim_start_matches('v')
            .split('.')
            .map(|part| part.parse::<u32>().unwrap_or(0));
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= wanted
    }

    /// `npm ci` in a folder of the checkout, unless what is installed is what its lock file says.
    pub(crate) async fn npm_ci(&self, folder: &str) -> Result<()> {
        let folder = places::checkout().join(folder);
        let lock = fs::read(folder.join("package-lock.json"))
            .with_context(|| format!("{}/package-lock.json", folder.display()))?;
        let mark = folder.join("node_modules/.longshore-lock.json");
        if fs::read(&mark).is_ok_and(|installed| installed == lock) {
            return Ok(());
        }
        let install = self
            .cmd("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .dir(&folder)
            .limit(600);
        install.run().await?;
        fs::write(mark, lock).context("node_modules")
    }
}
