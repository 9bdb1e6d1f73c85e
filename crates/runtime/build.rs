//! Finds the program that feature `runner` embeds and lays it beside the build; without the feature it does nothing.
//! Building the program is `cargo xtask runner`'s. Where it was not built there is nothing to embed, which is warned of
//! and no failure: a plain `cargo build` always works.
#![allow(clippy::print_stdout, reason = "how a build script speaks to cargo")]

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

const NAME: &str = "longshore-runner";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rustc-check-cfg=cfg(runner_program)");
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_RUNNER").is_none() {
        return Ok(());
    }
    println!("cargo::rerun-if-env-changed=LONGSHORE_RUNNER");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    let given = env::var_os("LONGSHORE_RUNNER").filter(|value| !value.is_empty());
    let places: Vec<PathBuf> = match &given {
        Some(given) => vec![given.into()],
        None => beside_the_build(&out),
    };
    for place in &places {
        // One that is not there yet is looked for again at the next build.
        println!("cargo::rerun-if-changed={}", place.display());
    }
    match places.iter().find(|place| place.is_file()) {
        Some(found) => {
            fs::copy(found, out.join(NAME))?;
            println!("cargo::rustc-cfg=runner_program");
        }
        None if given.is_some() => return Err("LONGSHORE_RUNNER names no file".into()),
        None => println!(
            "cargo::warning=no runner to embed: a timeout of an exec cannot end its process tree; \
             `cargo xtask runner` builds it, LONGSHORE_RUNNER names one"
        ),
    }
    Ok(())
}

/// `OUT_DIR` is `<target>/<profile>/build/<package>/out`, or the same below `<target>/<platform>`.
fn beside_the_build(out: &Path) -> Vec<PathBuf> {
    let folders = out.ancestors().skip(4).take(2);
    let places = folders.map(|folder| folder.join("embed").join(NAME));
    let mut found: Vec<PathBuf> = places.collect();
    if let Some(there) = found.iter().position(|place| place.is_file()) {
        found = vec![found.swap_remove(there)];
    } else {
        found.truncate(1);
    }
    found
}
