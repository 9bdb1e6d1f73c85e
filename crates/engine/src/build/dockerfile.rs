//! What a Dockerfile says of the images that it needs: just enough to know whose credentials a build wants.

use std::collections::{BTreeMap, BTreeSet};

use longshore_core::ImageName;

/// The registries of the images that `text` names, with `args` for its variables. What cannot be known before the build
/// (a variable without a value) is left out.
pub(super) fn registries(text: &str, args: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut known = BTreeMap::new();
    let mut stages = BTreeSet::new();
    let mut found = BTreeSet::new();
    for line in lines(text) {
        let mut words = line.split_ascii_whitespace();
        let Some(instruction) = words.next() else { continue };
        let mut image = None;
        match instruction.to_ascii_uppercase().as_str() {
            "ARG" => {
                for (name, default) in words.filter_map(|word| word.split_once('=')) {
                    let value = args.get(name).cloned();
                    let value = value.or_else(|| filled(default.trim_matches(['"', '\'']), &known));
                    known.extend(value.map(|value| (name.to_owned(), value)));
                }
            }
            "FROM" => {
                let mut rest = words.skip_while(|word| word.starts_with("--"));
                image = rest.next().map(str::to_owned);
                let is_named = rest.next().is_some_and(|word| word.eq_ignore_ascii_case("as"));
                if let Some(stage) = rest.next().filter(|_| is_named) {
                    // It can be named from the next line on, which the same name in this line is not.
                    found.extend(image.take().and_then(|image| registry(&image, &known, &stages)));
                    stages.insert(stage.to_ascii_lowercase());
                }
            }
            "COPY" | "ADD" => {
                let mut flags = words.take_while(|word| word.starts_with("--"));
                image = flags
                    .find_map(|word| word.strip_prefix("--from="))
                    .map(str::to_owned);
            }
            "RUN" => {
                for mount in words
                    .take_while(|word| word.starts_with("--"))
                    .filter_map(|word| word.strip_prefix("--mount="))
                {
                    let from = mount.split(',').find_map(|option| option.strip_prefix("from="));
                    found.extend(from.and_then(|image| registry(image, &known, &stages)));
                }
            }
            _ => {}
        }
        found.extend(image.and_then(|image| registry(&image, &known, &stages)));
    }
    found
}

fn registry(image: &str, known: &BTreeMap<String, String>, stages: &BTreeSet<String>) -> Option<String> {
    let image = filled(image, known)?;
    let is_stage =
        stages.contains(&image.to_ascii_lowercase()) || image.bytes().all(|byte| byte.is_ascii_digit());
    if is_stage || image == "scratch" {
        return None;
    }
    Some(ImageName::new(&image).ok()?.registry().to_owned())
}

/// Instructions, each in one line; comments left out.
fn lines(text: &str) -> impl Iterator<Item = String> {
    let mut lines = text.lines();
    std::iter::from_fn(move || {
        let mut whole = String::new();
        for line in lines.by_ref() {
            let line = line.trim();
            if line.starts_with('#') {
                continue;
            }
            match line.strip_suffix('\\') {
                Some(part) => {
                    whole.push_str(part);
                    whole.push(' ');
                }
                None => {
                    whole.push_str(line);
                    return Some(whole);
                }
            }
        }
        (!whole.is_empty()).then_some(whole)
    })
}

/// The text with its variables replaced; `None` when one is not known.
fn filled(text: &str, known: &BTreeMap<String, String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (value, after) = if let Some(inner) = after.strip_prefix('{') {
            let (inner, after) = inner.split_once('}')?;
            let (name, default) = match inner.split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (inner, None),
            };
            (known.get(name).map(String::as_str).or(default)?, after)
        } else {
            let end = after
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            (known.get(name)?.as_str(), after)
        };
        out.push_str(value);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registries_of_all_images_that_are_named_and_can_be_known() {
        let text = "# FROM no.example.com/x\nARG HOST=a.example.com\nARG TAG\nfrom --platform=linux/amd64 ${HOST}/base:1 AS Base\n\
                    FROM base AS two\nRUN --mount=type=bind,from=b.example.com/tool,target=/t \\\n  make\n\
                    COPY --chown=1 --from=c.example.com/x /a /b\nCOPY --from=0 /a /b\nCOPY --from=two /a /b\n\
                    FROM scratch\nFROM $GIVEN/app:${TAG:-1}\nFROM $UNKNOWN/app\nFROM nginx";
        let args = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()
        };
        let expected = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(
            registries(text, &args(&[])),
            expected(&["a.example.com", "b.example.com", "c.example.com", "docker.io"])
        );
        let text = format!("ARG GIVEN=\n{text}");
        let given = args(&[("GIVEN", "d.example.com"), ("HOST", "e.example.com")]);
        assert_eq!(
            registries(&text, &given),
            expected(&[
                "b.example.com",
                "c.example.com",
                "d.example.com",
                "docker.io",
                "e.example.com"
            ])
        );
    }

    #[test]
    fn rubbish_names_nothing() {
        for text in [
            "",
            "FROM",
            "FROM ${",
            "COPY --from=",
            "\\",
            "ARG =",
            "FROM $",
            "RUN --mount=from",
        ] {
            assert!(registries(text, &BTreeMap::new()).is_empty(), "{text}");
        }
    }
}
