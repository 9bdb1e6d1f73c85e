//! Names against Docker's own grammar: its expressions, put together as its reference parser does.

use proptest::prelude::*;
use regex::Regex;

use super::*;
use crate::ImageRef;

/// Docker's way: `ParseNormalizedNamed` over the expressions of its reference grammar.
fn docker_takes(text: &str) -> bool {
    let component = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
    let domain = format!(r"(?:{component}(?:\.{component})*|\[(?:[a-fA-F0-9:]+)\])(?::[0-9]+)?");
    let path = r"[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*";
    let digest = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
    let whole = format!(
        r"^({domain})/({path}(?:/{path})*)(?::([0-9A-Za-z_][0-9A-Za-z_.-]{{0,127}}))?(?:@({digest}))?$"
    );
    if Regex::new("^[a-f0-9]{64}$").unwrap().is_match(text) {
        return false;
    }
    let (domain, mut remainder) = match text.split_once('/') {
        None => ("docker.io", text.to_owned()),
        Some(("index.docker.io", rest)) => ("docker.io", rest.to_owned()),
        Some((first, rest))
            if first == "localhost" || first.contains(['.', ':']) || first.to_lowercase() != first =>
        {
            (first, rest.to_owned())
        }
        Some(_) => ("docker.io", text.to_owned()),
    };
    // The `/` counts anywhere in what follows, also inside what would be the tag.
    if domain == "docker.io" && !remainder.contains('/') {
        remainder = format!("library/{remainder}");
    }
    let remote = remainder.split(':').next().unwrap();
    if remote.to_lowercase() != remote {
        return false;
    }
    let named = format!("{domain}/{remainder}");
    let Some(parts) = Regex::new(&whole).unwrap().captures(&named) else {
        return false;
    };
    let digest_holds = parts.get(4).is_none_or(|digest| {
        Regex::new("^(sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})$")
            .unwrap()
            .is_match(digest.as_str())
    });
    parts[2].len() <= 255 && digest_holds
}

fn hex(length: usize) -> String {
    "0123456789abcdef".chars().cycle().take(length).collect()
}

#[test]
fn names_are_completed_as_docker_does() {
    let read = |text: &str| {
        let name = ImageName::new(text).unwrap();
        (name.canonical(), name.to_string())
    };
    for (text, canonical, shown) in [
        ("nginx", "docker.io/library/nginx", "nginx"),
        ("nginx:1.29", "docker.io/library/nginx:1.29", "nginx:1.29"),
        ("me/app", "docker.io/me/app", "me/app"),
        ("docker.io/nginx", "docker.io/library/nginx", "nginx"),
        ("index.docker.io/nginx", "docker.io/library/nginx", "nginx"),
        ("docker.io/library/nginx", "docker.io/library/nginx", "nginx"),
        ("localhost/app", "localhost/app", "localhost/app"),
        (
            "127.0.0.1:5000/a/b:t",
            "127.0.0.1:5000/a/b:t",
            "127.0.0.1:5000/a/b:t",
        ),
        ("[::1]:5000/app", "[::1]:5000/app", "[::1]:5000/app"),
        ("HOST/app", "HOST/app", "HOST/app"),
        (
            "quay.io/org/a__b.c--d",
            "quay.io/org/a__b.c--d",
            "quay.io/org/a__b.c--d",
        ),
    ] {
        assert_eq!(read(text), (canonical.to_owned(), shown.to_owned()), "{text}");
    }
    let pinned = format!("nginx:1@sha256:{}", hex(64));
    let name = ImageName::new(&pinned).unwrap();
    assert_eq!(
        (name.tag(), name.digest()),
        (Some("1"), pinned.split_once('@').map(|(_, digest)| digest))
    );
    assert_eq!(
        ImageName::new("nginx").unwrap().or_latest().to_string(),
        "nginx:latest"
    );
    assert_eq!(name.clone().or_latest(), name);
    assert_eq!(name.with_tag("2").unwrap().to_string(), "nginx:2");
}

#[test]
fn what_docker_refuses_is_refused_with_the_reason() {
    for bad in [
        "",
        "Nginx",
        "a//b",
        "/a",
        "a/",
        "a:",
        "a:-b",
        "a@sha256:abc",
        "-a",
        "a_-b",
        "a..b",
        "a/../b",
        "../x",
        "a b",
        "http://a/b",
        "host:port/app",
        "a:b:c",
        "é",
        "a\0",
        "a%2fb",
        "a?x",
        "a#b",
        "[::1/a",
        "[]/a",
        ".a/b",
        "a.:5/b",
    ] {
        assert!(ImageName::new(bad).is_err(), "{bad:?} was taken");
        assert!(ImageRef::new(bad).is_err(), "{bad:?} was taken");
        assert!(!docker_takes(bad), "{bad:?}");
    }
    assert!(ImageName::new(&hex(64)).is_err() && ImageRef::new(&hex(64)).is_ok());
    let text = ImageName::new(&"/".repeat(100_000)).unwrap_err().to_string();
    assert!(text.len() < 300, "{} bytes", text.len());
}

#[test]
fn ids_and_their_beginnings_are_references() {
    for good in [
        "sha256:0",
        &format!("sha256:{}", hex(64)),
        "0123456789ab",
        "nginx@sha256:00",
    ] {
        assert_eq!(ImageRef::new(good).is_ok(), !good.contains('@'), "{good}");
    }
    assert_eq!(
        ImageRef::new("docker.io/library/nginx").unwrap().as_str(),
        "nginx"
    );
}

/// Pieces of which names are made, and pieces that spoil them.
fn almost_names() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z0-9]{1,4}", 1 => "[A-Z]{1,2}", 1 => "localhost|docker\\.io|index\\.docker\\.io|library|\\[::1\\]|127\\.0\\.0\\.1",
        3 => "[/:.@_-]{1,2}", 1 => Just(format!("@sha256:{}", hex(64))), 1 => Just(format!("sha512:{}", hex(128))),
        1 => "[^a-z]", 1 => "[a-z]{120,130}",
    ];
    prop::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn we_take_what_docker_takes_and_nothing_else(text in almost_names()) {
        prop_assert_eq!(ImageName::new(&text).is_ok(), docker_takes(&text), "{}", text);
    }

    #[test]
    fn both_written_forms_are_read_as_the_same_name(text in almost_names()) {
        if let Ok(name) = ImageName::new(&text) {
            prop_assert_eq!(&ImageName::new(&name.to_string()).unwrap(), &name);
            prop_assert_eq!(&ImageName::new(&name.canonical()).unwrap(), &name);
            let reference = ImageRef::from(&name);
            prop_assert!(reference.as_str().split('/').all(|part| !matches!(part, "" | "." | "..")));
        }
    }

    #[test]
    fn rubbish_never_panics(text in "\\PC*") {
        let _ = (ImageName::new(&text), ImageRef::new(&text));
    }
}
