//! Rules for single texts of a spec, each error with the field's name in front and no more of the text than fits a line.

use super::InvalidSpec;

type Check = Result<(), InvalidSpec>;

pub(super) fn bad(field: &str, why: impl std::fmt::Display) -> Check {
    Err(InvalidSpec::new(format!("{field}: {why}")))
}

/// A text as an error shows it.
pub(super) fn shown(text: &str) -> String {
    format!("{:?}", text.chars().take(64).collect::<String>())
}

/// One line with something in it.
pub(super) fn line(field: &str, text: &str) -> Check {
    if text.trim().is_empty() || text.contains(char::is_control) {
        return bad(field, format!("{} is empty or more than a line", shown(text)));
    }
    Ok(())
}

/// One word.
pub(super) fn word(field: &str, text: &str) -> Check {
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return bad(field, format!("{} is no word", shown(text)));
    }
    Ok(())
}

/// An absolute path, as Linux or Windows write it, and more than the root.
pub(super) fn path(field: &str, text: &str) -> Check {
    let windows =
        matches!(text.as_bytes(), [drive, b':', b'\\' | b'/', _, ..] if drive.is_ascii_alphabetic());
    let linux = text.starts_with('/') && text.bytes().any(|byte| byte != b'/');
    if !(windows || linux) || text.contains(char::is_control) {
        return bad(
            field,
            format!("{} is not an absolute path below the root", shown(text)),
        );
    }
    Ok(())
}

/// Arguments of a program.
pub(super) fn argv(field: &str, words: &[String]) -> Check {
    match words.iter().position(|word| word.contains('\0')) {
        Some(position) => bad(field, format!("word {} holds a NUL", position + 1)),
        None => Ok(()),
    }
}

/// Numbers and ranges: `0-2,7`.
pub(super) fn ranges(field: &str, text: &str) -> Check {
    let number = |text: &str| text.parse::<u16>().ok().filter(|_| !text.starts_with('+'));
    let fits = text.split(',').all(|part| match part.split_once('-') {
        Some((from, to)) => number(from).zip(number(to)).is_some_and(|(from, to)| from <= to),
        None => number(part).is_some(),
    });
    if !fits {
        return bad(field, format!("{} is no list such as 0-2,7", shown(text)));
    }
    Ok(())
}
