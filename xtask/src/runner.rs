//! The program that runs inside containers (`docs/design/runner.md`): built static, and laid where the build script of
//! `longshore-runtime` finds it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::places;
use crate::tools::Tools;

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// The platform of the containers, as Rust names it; this machine's with GNU libc unless given.
    #[arg(long)]
    target: Option<String>,
}

/// Where the build script looks, when it builds for that platform; without one, for this machine's. No folder of a profile:
/// a plain `cargo build` puts nothing there.
fn place(target: Option<&str>) -> PathBuf {
    let folder = places::target();
    let folder = target.map_or(folder.clone(), |target| folder.join(target));
    folder.join("embed/longshore-runner")
}

/// Builds it, and says where it is and how large.
///
/// # Errors
/// When it does not build.
pub(crate) async fn run(args: &Args) -> Result<()> {
    let tools = Tools::new(&places::cache()?)?;
    let Some(program) = build(&tools, args).await? else {
        return Ok(());
    };
    let bytes = fs::metadata(&program)?.len();
    println!("{} ({} kB)", program.display(), bytes / 1000);
    Ok(())
}

/// Builds it for this machine's platform; `None` where that is not Linux and no other was asked for.
pub(crate) async fn build(tools: &Tools, args: &Args) -> Result<Option<PathBuf>> {
    let own = cfg!(target_os = "linux").then(|| format!("{}-unknown-linux-gnu", std::env::consts::ARCH));
    let Some(target) = args.target.clone().or(own) else {
        eprintln!("runner: left out, this machine is no Linux (see `cargo xtask runner --target`)");
        return Ok(None);
    };
    // Named even where it is this machine's own: only so the flags leave build scripts and macros alone.
    let build = [
        "build",
        "--locked",
        "-p",
        "longshore-runner",
        "--bin",
        "longshore-runner",
    ];
    let cargo = tools.cargo(&[&build[..], &["--profile", "runner", "--target", &target]].concat());
    cargo
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .run()
        .await?;
    let built = places::target().join(&target).join("runner/longshore-runner");
    let place = place(args.target.as_deref());
    lay(&built, &place).with_context(|| format!("cannot write {}", place.display()))?;
    Ok(Some(place))
}

/// Copies only what differs: a new date alone would have everything that embeds it built again.
fn lay(built: &Path, place: &Path) -> Result<()> {
    let new = fs::read(built)?;
    if fs::read(place).is_ok_and(|old| old == new) {
        return Ok(());
    }
    let folder = place.parent().context("no folder")?;
    fs::create_dir_all(folder)?;
    let beside = folder.join(format!(".longshore-runner.{}", std::process::id()));
    // Runnable as it is: tests start it where it lies.
    fs::copy(built, &beside)?;
    fs::rename(&beside, place)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_platforms_program_does_not_take_the_place_of_this_ones() {
        let (own, other) = (place(None), place(Some("aarch64-unknown-linux-musl")));
        assert!(own.ends_with("embed/longshore-runner"), "{own:?}");
        assert!(
            other.ends_with("aarch64-unknown-linux-musl/embed/longshore-runner"),
            "{other:?}"
        );
    }

    #[test]
    fn what_is_the_same_keeps_its_date() {
        let folder = std::env::temp_dir().join(format!("xtask-runner-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (built, place) = (folder.join("built"), folder.join("runner/placed"));
        fs::write(&built, "one").unwrap();
        lay(&built, &place).unwrap();
        let first = fs::metadata(&place).unwrap().modified().unwrap();
        lay(&built, &place).unwrap();
        assert_eq!(fs::metadata(&place).unwrap().modified().unwrap(), first);
        fs::write(&built, "two").unwrap();
        lay(&built, &place).unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"two");
        fs::remove_dir_all(folder).unwrap();
    }
}
