//! Who may use whom: the crates among themselves, and the dependencies that have one importer each.
//! ARCHITECTURE.md says why.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Findings;

/// A crate and the crates of ours that it may use. Tests may use `testkit` and what the crate may use besides.
const EDGES: [(&str, &[&str]); 16] = [
    ("core", &[]),
    ("engine", &["core"]),
    ("runtime", &["core", "engine", "runner"]),
    ("compose", &["core"]),
    ("longshore", &["core", "engine", "runtime", "compose"]),
    ("store", &["core"]),
    ("fleet", &["core", "engine", "runtime", "compose", "store"]),
    ("api", &[]),
    ("server", &["core", "api", "fleet", "store"]),
    // The last three for `serve`.
    (
        "cli",
        &[
            "core", "engine", "runtime", "compose", "api", "fleet", "store", "server",
        ],
    ),
    ("runner", &[]),
    ("testkit", &["core"]),
    ("xtask", &["testkit"]),
    ("e2e", ANYTHING),
    ("benches", ANYTHING),
    // What a program that adds the library has.
    ("examples", &["longshore"]),
];

const ANYTHING: &[&str] = &[
    "core",
    "engine",
    "runtime",
    "compose",
    "longshore",
    "store",
    "fleet",
    "api",
    "server",
    "cli",
    "testkit",
];

/// A dependency and the only crates that may have it, tests aside.
const IMPORTERS: [(&str, &[&str]); 12] = [
    ("axum", &["server"]),
    ("bollard", &["benches"]),
    ("clap", &["cli", "xtask", "benches", "testkit"]),
    ("comfy-table", &["cli"]),
    ("crossterm", &["cli"]),
    ("hyper", &["engine", "server", "e2e", "benches"]),
    ("ratatui", &["cli"]),
    ("rust-embed", &["server"]),
    ("sqlx", &["store"]),
    ("tower-http", &["server"]),
    ("tracing-subscriber", &["cli"]),
    ("utoipa-axum", &["server"]),
];

/// Crates that know no runtime, no input or output and no clock.
const PURE: [&str; 3] = ["core", "compose", "api"];
const IMPURE: [&str; 6] = ["tokio", "tokio-util", "hyper", "hyper-util", "rustix", "tempfile"];

pub(super) fn check(metadata: &Value) -> Result<Findings> {
    let packages = metadata["packages"]
        .as_array()
        .context("cargo metadata has no packages")?;
    let mut findings = Findings::new();
    for package in packages {
        let name = short(package["name"].as_str().unwrap_or_default());
        let Some((_, allowed)) = EDGES.iter().find(|(known, _)| *known == name) else {
            findings.push(format!(
                "crate {name}: not in xtask's table of crates; add it with what it may use"
            ));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let whole = dependency["name"].as_str().unwrap_or_default();
            let test_only = dependency["kind"].as_str() == Some("dev");
            findings.extend(edge(name, allowed, whole, test_only));
        }
    }
    Ok(findings)
}

fn edge(from: &str, allowed: &[&str], dependency: &str, test_only: bool) -> Option<String> {
    let to = short(dependency);
    let ours = to != dependency || dependency == "longshore";
    if ours {
        let may = allowed.contains(&to) || (test_only && to == "testkit");
        return (!may).then(|| format!("crate {from}: may not use {to} (ARCHITECTURE.md, who may use whom)"));
    }
    if test_only {
        return None;
    }
    if PURE.contains(&from) && IMPURE.contains(&dependency) {
        return Some(format!("crate {from}: is pure and may not use {dependency}"));
    }
    let (_, importers) = IMPORTERS.iter().find(|(known, _)| *known == dependency)?;
    (!importers.contains(&from)).then(|| {
        format!(
            "crate {from}: may not use {dependency}; only {} may",
            importers.join(", ")
        )
    })
}

fn short(name: &str) -> &str {
    name.strip_prefix("longshore-").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(from: &str, dependency: &str, kind: Option<&str>) -> Findings {
        let package = json!({ "name": from, "dependencies": [{ "name": dependency, "kind": kind }] });
        check(&json!({ "packages": [package] })).unwrap()
    }

    #[test]
    fn the_allowed_way_is_silent() {
        assert!(found("longshore-engine", "longshore-core", None).is_empty());
        assert!(found("longshore-engine", "longshore-testkit", Some("dev")).is_empty());
        assert!(found("longshore-store", "sqlx", None).is_empty());
        assert!(found("longshore-core", "tokio", Some("dev")).is_empty());
    }

    #[test]
    fn every_wrong_way_is_found() {
        assert_eq!(found("longshore-core", "longshore-engine", None).len(), 1);
        assert_eq!(found("longshore-core", "longshore-engine", Some("dev")).len(), 1);
        assert_eq!(found("longshore-engine", "longshore-testkit", None).len(), 1);
        assert_eq!(found("longshore-core", "tokio", None).len(), 1);
        assert_eq!(found("longshore-cli", "sqlx", None).len(), 1);
        assert_eq!(found("longshore-new", "serde", None).len(), 1);
    }
}
