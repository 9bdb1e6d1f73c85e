//! `cargo xtask tidy`: what the repository promises about itself and no compiler checks.
//! This file gathers the files and the findings; the rules about crates are in `edges`, those about text in `text`.

mod edges;
mod text;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::places;
use crate::run::Cmd;

/// What a rule found: where, and what to do.
type Findings = Vec<String>;

/// A committed (or about to be committed) file that is text.
#[derive(Debug)]
struct TextFile {
    /// Seen from the checkout, with forward slashes.
    name: String,
    text: String,
}

/// Files that every checkout has.
const PRESENT: [&str; 9] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE-MIT",
    "LICENSE-APACHE",
    "Cargo.lock",
    "deny.toml",
    ".ci/run",
];

/// Checks every rule and prints what it found.
///
/// # Errors
/// When a rule found something, or a tool that they need does not run.
pub(crate) async fn check() -> Result<()> {
    let mut findings = edges::check(&metadata().await?)?;
    let names = names().await?;
    for wanted in PRESENT {
        if !names.iter().any(|name| name == wanted) {
            findings.push(format!("{wanted}: is missing"));
        }
    }
    findings.extend(text::names(&names));
    for name in names {
        let path: PathBuf = places::checkout().join(&name);
        // Deleted but not yet committed, or no text: nothing to read.
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        findings.extend(text::check(&TextFile { name, text }));
    }
    if findings.is_empty() {
        return Ok(());
    }
    for finding in &findings {
        eprintln!("  {finding}");
    }
    bail!("{} things are not tidy", findings.len())
}

async fn names() -> Result<Vec<String>> {
    let git = Cmd::new("git").args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = git.dir(places::checkout()).limit(60).read().await?;
    let mut names: Vec<String> = listed
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

async fn metadata() -> Result<serde_json::Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let metadata = Cmd::new(cargo).args(["metadata", "--format-version", "1", "--no-deps"]);
    let metadata = metadata.dir(places::checkout()).limit(120).read().await?;
    serde_json::from_str(&metadata).context("cargo metadata")
}
