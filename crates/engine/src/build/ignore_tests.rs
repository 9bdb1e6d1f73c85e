//! The table of Docker's own matcher, and what its documentation promises.

use proptest::prelude::*;

use super::*;

/// Whether the file's text ignores the path, folder by folder as a walk meets it.
fn ignores(text: &str, path: &str) -> bool {
    let ignore = Ignore::read(text.as_bytes()).unwrap();
    let (mut ignored, mut matched) = (false, Matched::default());
    for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
        (ignored, matched) = ignore.matches(&path[..end], &matched);
    }
    ignored
}

#[test]
fn patterns_match_as_in_dockers_own_table() {
    for (pattern, path, expected) in [
        ("**", "file", true),
        ("**", "file/", true),
        ("**/", "file", true),
        ("**", "/", true),
        ("**", "dir/file", true),
        ("**/", "dir/file", true),
        ("**/**", "dir/file", true),
        ("dir/**", "dir/file", true),
        ("dir/**", "dir/dir2/file", true),
        ("dir/**", "dirx/file", false),
        ("**/dir", "dir", true),
        ("**/dir", "dir/file", true),
        ("**/dir2/*", "dir/dir2/file", true),
        ("**/dir2/**", "dir/dir2/dir2/file", true),
        ("**file", "file", true),
        ("**file", "dir/file", true),
        ("**/file", "dir/file", true),
        ("**file", "dir/dir/file", true),
        ("**/file*", "dir/dir/file.txt", true),
        ("**/file*txt", "dir/dir/file.txt", true),
        ("**/file*.txt*", "dir/dir/file.txt", true),
        ("**/**/*.txt", "dir/dir/file.txt", true),
        ("**/**/*.txt2", "dir/dir/file.txt", false),
        ("**/*.txt", "file.txt", true),
        ("**/**/*.txt", "file.txt", true),
        ("a**/*.txt", "a/file.txt", true),
        ("a**/*.txt", "a/dir/file.txt", true),
        ("a**/*.txt", "a/dir/dir/file.txt", true),
        ("a/*.txt", "a/dir/file.txt", false),
        ("a/*.txt", "a/file.txt", true),
        ("a/*.txt**", "a/file.txt", true),
        ("a[b-d]e", "ae", false),
        ("a[b-d]e", "ace", true),
        ("a[b-d]e", "aae", false),
        ("a[^b-d]e", "aze", true),
        (".*", ".foo", true),
        (".*", "foo", false),
        ("abc.def", "abcdef", false),
        ("abc.def", "abc.def", true),
        ("abc.def", "abcZdef", false),
        ("abc?def", "abcZdef", true),
        ("abc?def", "abcdef", false),
        ("a\\\\", "a\\", true),
        ("**/foo/bar", "foo/bar", true),
        ("**/foo/bar", "dir/foo/bar", true),
        ("**/foo/bar", "dir/dir2/foo/bar", true),
        ("abc/**", "abc", false),
        ("abc/**", "abc/def", true),
        ("abc/**", "abc/def/ghi", true),
        ("**/.foo", ".foo", true),
        ("**/.foo", "bar.foo", false),
        ("a(b)c/def", "a(b)c/def", true),
        ("a(b)c/def", "a(b)c/xyz", false),
        ("a.|)$(}+{bc", "a.|)$(}+{bc", true),
        (
            "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl",
            "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl",
            true,
        ),
        (
            "dist/*.whl",
            "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl",
            true,
        ),
        ("*a", "a", true),
        ("*", "a/b", true),
        ("dir", "dir/sub/file", true),
        ("a\\*b", "a*b", true),
        ("a\\*b", "axb", false),
        ("[&&x]", "&", true),
        ("[[a]b", "[b", true),
        ("ä?", "äö", true),
    ] {
        let path = path.trim_end_matches('/');
        let path = if path.is_empty() { "/" } else { path };
        assert_eq!(ignores(pattern, path), expected, "{pattern} {path}");
    }
}

#[test]
fn the_last_pattern_that_matches_decides() {
    for (text, path, expected) in [
        ("*.md\n!README.md", "README.md", false),
        ("*.md\n!README*.md\nREADME-secret.md", "README-secret.md", true),
        ("*.md\nREADME-secret.md\n!README*.md", "README-secret.md", false),
        ("docs\n!docs/README.md", "docs/README.md", false),
        ("docs\n!docs/README.md", "docs/other", true),
        ("docs/README.md", "docs/README.md", true),
        ("!README.md\n*.md", "README.md", true),
        ("dir\n!dir/a\ndir/a/b", "dir/a/b", true),
        ("dir\n!dir/a\ndir/a/b", "dir/a/c", false),
        ("**\n!**/*.go", "a/b/c.go", false),
        ("**\n!a/b", "a/b/c", false),
        // The folder was ignored before `dir` was asked, so `dir` does not count in it: Docker's own oddity.
        ("*\n!*/*\ndir", "dir/x", false),
        (
            "util/docker/web\n!util/docker/web/foo",
            "util/docker/web/foo",
            false,
        ),
    ] {
        assert_eq!(ignores(text, path), expected, "{text:?} {path}");
    }
}

#[test]
fn the_file_is_read_as_docker_reads_it() {
    let read = |text: &str| {
        let ignore = Ignore::read(text.as_bytes()).unwrap();
        let shown = |one: &Pattern| format!("{}{}", if one.is_exception { "!" } else { "" }, one.text);
        ignore.0.iter().map(shown).collect::<Vec<_>>()
    };
    let text = "\u{feff}# comment\n\n  spaced  \r\n #not\n/rooted\n! /no \n!  ../up\na/./b//c/../d/\n.\n/\n!/x/\n\t\n#last";
    assert_eq!(
        read(text),
        [
            "spaced", "#not", "rooted", "!no", "!../up", "a/b/d", ".", "/", "!x"
        ]
    );
    assert_eq!(read("\u{feff}"), [""; 0]);
    for bad in [
        "!", "! ", "[", "a[", "[]a]", "[-]", "[x-]", "[a", "a\\", "\\", "[a-", "[\\", "![",
    ] {
        assert!(Ignore::read(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn an_ignored_folder_is_walked_only_where_an_exception_may_lie() {
    let may = |text: &str, folder: &str| Ignore::read(text.as_bytes()).unwrap().may_except_in(folder);
    assert!(!may("dir", "dir"));
    assert!(may("dir\n!dir/a/b", "dir") && may("dir\n!dir/a/b", "dir/a") && !may("dir\n!dir/a/b", "dir/c"));
    assert!(may("dir\n!dir/**", "dir") && !may("dir\n!dir/*", "di"));
    assert!(may("dir\n!**/x", "dir/a/b/c"), "a wildcard may match anywhere");
}

proptest! {
    #[test]
    fn no_file_and_no_path_makes_it_panic(text in "\\PC{0,40}", path in "[^/]{1,6}(/[^/]{1,6}){0,3}") {
        if Ignore::read(text.as_bytes()).is_ok() {
            ignores(&text, &path);
        }
    }

    #[test]
    fn almost_patterns_do_not_either(text in "[]\\[*?a-c!/\\\\^.&~#\n-]{0,16}", path in "[a-c]{1,3}(/[a-c]{1,3}){0,3}") {
        if Ignore::read(text.as_bytes()).is_ok() {
            ignores(&text, &path);
        }
    }
}
