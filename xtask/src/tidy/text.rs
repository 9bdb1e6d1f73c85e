//! What every text of the repository keeps to: a head that says what a file owns, a length that one can read, and
//! nothing about the machine that it was written on.

use super::{Findings, TextFile};

/// A longer file is asked why. What follows `#[cfg(test)]` at its end does not count.
const LONGEST: usize = 400;
/// A file of tests alone, or with its tests, may be so long.
const LONGEST_TESTS: usize = 600;

/// Files that may be longer, and why.
const LONG: [(&str, &str); 0] = [];

/// Addresses of package registries and paths of a machine, in two parts so that this file does not hold them.
const FOREIGN: [(&str, &str); 10] = [
    ("deb.debian", ".org"),
    ("security.debian", ".org"),
    ("registry.npm", "js.org"),
    ("static.crates", ".io"),
    ("index.crates", ".io"),
    ("files.python", "hosted.org"),
    ("pypi", ".org/simple"),
    ("/work", "/main"),
    ("/work", "/shared"),
    ("/root", "/."),
];

/// Rules about the names of files.
pub(super) fn names(names: &[String]) -> Findings {
    let scripts = names.iter().filter(|name| name.ends_with(".sh"));
    let mut findings: Findings = scripts
        .map(|name| format!("{name}: automation is Rust, in xtask"))
        .collect();
    for (name, _) in LONG {
        if !names.iter().any(|known| known == name) {
            findings.push(format!(
                "{name}: listed as long in xtask/src/tidy/text.rs, but not there"
            ));
        }
    }
    findings
}

/// Rules about one file.
pub(super) fn check(file: &TextFile) -> Findings {
    let TextFile { name, text } = file;
    let mut findings = Findings::new();
    for (line, content) in text.lines().enumerate() {
        for (head, tail) in FOREIGN {
            if content.contains(&format!("{head}{tail}")) {
                findings.push(format!(
                    "{name}:{}: names {head}{tail}, which only this machine knows",
                    line + 1
                ));
            }
        }
    }
    if !name.ends_with(".rs") {
        return findings;
    }
    if !text.starts_with("//!") {
        findings.push(format!(
            "{name}: must open with //! and say what it owns and what it leaves to others"
        ));
    }
    let whole = text.lines().count();
    let code = text
        .split("\n#[cfg(test)]\nmod ")
        .next()
        .unwrap_or_default()
        .lines()
        .count();
    let long = whole > LONGEST_TESTS || (code > LONGEST && !is_test(name));
    if long && !LONG.iter().any(|(known, _)| known == name) {
        findings.push(format!(
            "{name}: {code} lines and {whole} with tests; split it by concept"
        ));
    }
    findings
}

/// Files that only tests are built from.
fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.ends_with("/tests.rs") || name.ends_with("/model.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str) -> Findings {
        check(&TextFile {
            name: name.to_owned(),
            text: text.to_owned(),
        })
    }

    #[test]
    fn a_good_file_is_silent() {
        assert!(found("src/lib.rs", "//! Owns this.\n").is_empty());
        assert!(found("README.md", "anything").is_empty());
    }

    #[test]
    fn every_rule_finds_its_own() {
        assert_eq!(found("src/lib.rs", "fn main() {}\n").len(), 1, "no head");
        assert_eq!(
            found("src/lib.rs", &"//! x\n".repeat(LONGEST + 1)).len(),
            1,
            "too long"
        );
        let code = "//! x\n".repeat(LONGEST);
        assert!(
            found("src/lib.rs", &format!("{code}\n#[cfg(test)]\nmod tests {{}}\n")).is_empty(),
            "tests do not count"
        );
        let [(head, tail), ..] = FOREIGN;
        assert_eq!(
            found("web/package-lock.json", &format!("https://{head}{tail}/x")).len(),
            1,
            "a registry"
        );
        assert_eq!(names(&["tools/x.sh".to_owned()]).len(), 1, "a script");
    }
}
