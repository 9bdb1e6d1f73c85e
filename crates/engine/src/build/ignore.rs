//! `.dockerignore`, as Docker reads it.
//!
//! Owns the rules of its two halves: how the file is read (moby's `ignorefile`) and how a path is matched (moby's
//! `patternmatcher`, as BuildKit uses it: the last pattern that matches decides, and what matched a folder matches all
//! under it). Walking the folder is `context`'s.

use std::fmt;

use regex::Regex;

/// A pattern that Docker does not take either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadPattern(String);

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no pattern",
            self.0.chars().take(100).collect::<String>()
        )
    }
}

impl std::error::Error for BadPattern {}

/// The patterns of a file, in their order. None at all ignores nothing.
#[derive(Debug, Default)]
pub(crate) struct Ignore(Vec<Pattern>);

#[derive(Debug)]
struct Pattern {
    /// As it was cleaned, without the `!`.
    text: String,
    /// What matches is not ignored after all.
    is_exception: bool,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Exact,
    /// The pattern but for a `**` at its end.
    Prefix,
    /// The pattern but for a `**` at its beginning.
    Suffix,
    Regex(Regex),
}

/// Which patterns matched a folder: they match all that is in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Matched(Vec<bool>);

impl Ignore {
    /// Reads the file's text.
    pub(crate) fn read(text: &[u8]) -> Result<Self, BadPattern> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let text = String::from_utf8_lossy(text);
        let mut patterns = Vec::new();
        for line in text.split('\n') {
            // Only at the very beginning: ` # x` is a pattern.
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            patterns.push(Pattern::read(line.trim())?);
        }
        Ok(Self(patterns))
    }

    /// Whether `path` (with slashes, not beginning with one) is ignored, where `parent` matched its folder.
    pub(crate) fn matches(&self, path: &str, parent: &Matched) -> (bool, Matched) {
        let mut ignored = false;
        let mut matched = vec![false; self.0.len()];
        for (index, pattern) in self.0.iter().enumerate() {
            let inherited = parent.0.get(index).copied().unwrap_or(false);
            // A pattern that could change nothing is not tried: as in Docker, it then does not count below either.
            if !inherited && pattern.is_exception != ignored {
                continue;
            }
            if inherited || pattern.matches(path) {
                if let Some(matched) = matched.get_mut(index) {
                    *matched = true;
                }
                ignored = !pattern.is_exception;
            }
        }
        (ignored, Matched(matched))
    }

    /// Whether something in the ignored folder may not be ignored.
    pub(crate) fn may_except_in(&self, folder: &str) -> bool {
        let mut exceptions = self.0.iter().filter(|pattern| pattern.is_exception);
        exceptions.any(|pattern| {
            let start = pattern.text.strip_suffix("/**").unwrap_or(&pattern.text);
            let start = start.strip_suffix("/*").unwrap_or(start);
            let is_plain = !start.contains(['*', '[', ']', '?', '^', '\\']);
            // Patterns with wildcards may match anywhere: no guess is better than looking.
            !is_plain
                || start == folder
                || start
                    .strip_prefix(folder)
                    .is_some_and(|rest| rest.starts_with('/'))
        })
    }
}

impl Pattern {
    fn read(line: &str) -> Result<Self, BadPattern> {
        let bad = || BadPattern(line.to_owned());
        let (is_exception, text) = match line.strip_prefix('!') {
            Some(rest) => (true, rest.trim()),
            None => (false, line),
        };
        if text.is_empty() {
            return Err(bad());
        }
        let text = clean(text);
        let text = match text.strip_prefix('/') {
            Some(rest) if !rest.is_empty() => rest.to_owned(),
            _ => text,
        };
        if !is_well_formed(&text) {
            return Err(bad());
        }
        let form = Form::of(&text).ok_or_else(bad)?;
        Ok(Self {
            text,
            is_exception,
            form,
        })
    }

    fn matches(&self, path: &str) -> bool {
        match &self.form {
            Form::Exact => path == self.text,
            Form::Prefix => path.starts_with(self.text.strip_suffix("**").unwrap_or(&self.text)),
            Form::Suffix => {
                let suffix = self.text.strip_prefix("**").unwrap_or(&self.text);
                // `**/x` is also `x` itself.
                path.ends_with(suffix) || suffix.strip_prefix('/') == Some(path)
            }
            Form::Regex(regex) => regex.is_match(path),
        }
    }
}

impl Form {
    /// What a pattern becomes; `None` when it is none.
    fn of(pattern: &str) -> Option<Self> {
        #[derive(PartialEq)]
        enum Kind {
            Exact,
            Prefix,
            Suffix,
            Regex,
        }
        let mut kind = Kind::Exact;
        let mut regex = String::from("^");
        let mut in_class = false;
        let mut chars = pattern.chars().peekable();
        let mut is_first = true;
        while let Some(c) = chars.next() {
            match c {
                '*' if chars.next_if_eq(&'*').is_some() => {
                    let _ = chars.next_if_eq(&'/');
                    if chars.peek().is_some() {
                        // Any number of folders, also none.
                        regex.push_str("(.*/)?");
                        kind = Kind::Regex;
                    } else if kind == Kind::Exact {
                        kind = Kind::Prefix;
                    } else {
                        regex.push_str(".*");
                        kind = Kind::Regex;
                    }
                    if is_first {
                        kind = Kind::Suffix;
                    }
                }
                '*' => {
                    regex.push_str("[^/]*");
                    kind = Kind::Regex;
                }
                '?' => {
                    regex.push_str("[^/]");
                    kind = Kind::Regex;
                }
                '.' | '+' | '(' | ')' | '|' | '{' | '}' | '$' => {
                    regex.push('\\');
                    regex.push(c);
                }
                '\\' => match chars.next() {
                    // Docker hands it to the expression as it is, where some letters have a meaning.
                    Some(next) if next.is_ascii_alphanumeric() => {
                        regex.push_str(&format!("(?-u:\\{next})"));
                        kind = Kind::Regex;
                    }
                    Some(next) => {
                        regex.push_str(&regex::escape(next.encode_utf8(&mut [0; 4])));
                        kind = Kind::Regex;
                    }
                    None => regex.push_str("\\\\"),
                },
                '[' | ']' => {
                    // Within a class Go takes it as itself; a class has no operators there.
                    if c == '[' && in_class {
                        regex.push('\\');
                    }
                    in_class = c == '[';
                    regex.push(c);
                    kind = Kind::Regex;
                }
                '&' | '~' | '#' => {
                    regex.push('\\');
                    regex.push(c);
                }
                c => regex.push(c),
            }
            is_first = false;
        }
        Some(match kind {
            Kind::Exact => Self::Exact,
            Kind::Prefix => Self::Prefix,
            Kind::Suffix => Self::Suffix,
            Kind::Regex => {
                regex.push('$');
                Self::Regex(Regex::new(&regex).ok()?)
            }
        })
    }
}

/// Go's `filepath.Clean` for paths with slashes.
fn clean(path: &str) -> String {
    let is_rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if is_rooted => {}
            part => parts.push(part),
        }
    }
    let text = parts.join("/");
    match (is_rooted, text.as_str()) {
        (true, _) => format!("/{text}"),
        (false, "") => ".".to_owned(),
        (false, _) => text,
    }
}

/// Whether Go's `filepath.Match` takes it: classes closed and not empty, nothing missing after a backslash.
fn is_well_formed(pattern: &str) -> bool {
    let mut chars = pattern.chars().peekable();
    let escaped = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| match chars.next() {
        None | Some('-' | ']') => false,
        Some('\\') => chars.next().is_some() && chars.peek().is_some(),
        Some(_) => chars.peek().is_some(),
    };
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.next().is_none() => return false,
            '[' => {
                let _ = chars.next_if_eq(&'^');
                let mut ranges = 0;
                while ranges == 0 || chars.next_if_eq(&']').is_none() {
                    if !escaped(&mut chars) || (chars.next_if_eq(&'-').is_some() && !escaped(&mut chars)) {
                        return false;
                    }
                    ranges += 1;
                }
            }
            _ => {}
        }
    }
    true
}

#[cfg(test)]
#[path = "ignore_tests.rs"]
mod tests;
