//! Rules about the text of source files: documentation, length, layering, unfinished work, and what no file may mention.

use super::strip::{Language, code_only};
use super::{Finding, TextFile};

/// Longest source file, in lines.
const MOST_LINES: usize = 600;

/// A file with this comment near its top may be longer.
const TABLE: &str = "// tidy: table";

/// Where `unsafe` may be written.
const UNSAFE_ROOMS: [&str; 2] = ["crates/clr/", "crates/process/src/sys"];

/// What the pure crate must not reach for.
const IMPURE: [&str; 10] = [
    "std::fs",
    "std::env",
    "TcpStream",
    "ToSocketAddrs",
    "std::process",
    "std::thread",
    "std::io::std",
    "Instant::now",
    "SystemTime::now",
    "tokio",
];

/// Unfinished or forgotten, in code. Split like `FORBIDDEN`.
const UNFINISHED: [(&str, &str); 6] = [
    (concat!("to", "do!("), "finish it"),
    (concat!("unimple", "mented!("), "finish it"),
    (concat!("d", "bg!("), "remove it"),
    ("#[ignore", "a test runs or does not exist"),
    (concat!("NotImple", "mentedException"), "finish it"),
    ("[Skip", "a test runs or does not exist"),
];

/// In code, comments and prose alike. Split, so that this file does not break its own rule.
const FORBIDDEN: [(&str, &str); 8] = [
    (concat!("/ro", "ot/"), "a path of somebody's machine"),
    (concat!("/wo", "rk/"), "a path of somebody's machine"),
    (concat!("/tmp", "/kit"), "a path of somebody's machine"),
    (concat!("npmjs", ".org"), "a download host: name the package, its client knows the host"),
    (concat!("nuget", ".org"), "a download host: name the package, its client knows the host"),
    (concat!("crates", ".io/api"), "a download host: name the package, its client knows the host"),
    (concat!("dotnetcli", "."), "a download host: name the package, its client knows the host"),
    (concat!("releases", "/download"), "a download host: name the package, its client knows the host"),
];

/// Marks of work put off, in comments.
const PUT_OFF: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// All findings in one file.
pub(super) fn check(file: &TextFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |line: usize, rule: String| findings.push(Finding { file: file.path.clone(), line, rule });
    mentions(file, &mut add);
    let language = match file.extension() {
        "rs" => Language::Rust,
        "cs" => Language::CSharp,
        _ => return findings,
    };
    if language == Language::Rust && !file.text.starts_with("//!") {
        add(1, "does not begin with `//!`: say what the file is, and what it is not".to_owned());
    }
    let lines = file.text.lines().count();
    if lines > MOST_LINES && !file.text.lines().take(40).any(|line| line.trim() == TABLE) {
        let rule = format!("{lines} lines: split it ({MOST_LINES} at most; a table says `{TABLE}`)");
        add(0, rule);
    }
    let code = code_only(&file.text, language);
    for (number, line) in code.lines().enumerate() {
        for (word, cure) in UNFINISHED {
            if line.contains(word) {
                add(number + 1, format!("`{word}`: {cure}"));
            }
        }
    }
    if language == Language::Rust {
        rust_layers(file, &code, &mut add);
    }
    findings
}

fn rust_layers(file: &TextFile, code: &str, add: &mut impl FnMut(usize, String)) {
    let may_be_unsafe = UNSAFE_ROOMS.iter().any(|room| file.path.starts_with(room));
    let is_model = file.path.starts_with("crates/model/src/") && !is_test_file(&file.path);
    for (number, line) in code.lines().enumerate() {
        if !may_be_unsafe && uses_unsafe(line) {
            add(number + 1, format!("`unsafe` lives only in {}", UNSAFE_ROOMS.join(" and ")));
        }
    }
    if !is_model {
        return;
    }
    // Tests stand at the end of a file and may read what they compare with.
    let product = code.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    for (number, line) in product.enumerate() {
        for word in IMPURE {
            if line.contains(word) {
                add(
                    number + 1,
                    format!("`{word}` in crates/model, which has no I/O and no clock: pass the value in"),
                );
            }
        }
    }
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// `unsafe` as a keyword; not in `unsafe_code` and its like, and not where a lint is set.
fn uses_unsafe(line: &str) -> bool {
    line.match_indices("unsafe").any(|(at, word)| {
        let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
        !line[..at].ends_with(part_of_word) && !line[at + word.len()..].starts_with(part_of_word)
    })
}

fn mentions(file: &TextFile, add: &mut impl FnMut(usize, String)) {
    // A lock file names where things came from; that is its purpose.
    if file.path == "Cargo.lock" {
        return;
    }
    for (number, line) in file.text.lines().enumerate() {
        for (word, why) in FORBIDDEN {
            let found =
                line.match_indices(word).any(|(at, _)| !word.starts_with('/') || begins_path(&line[..at]));
            if found {
                add(number + 1, format!("mentions {word:?}: {why}"));
            }
        }
        for word in PUT_OFF {
            if line.split(|c: char| !c.is_alphanumeric()).any(|part| part == word) {
                add(number + 1, format!("`{word}`: do it, or describe the limit as a fact"));
            }
        }
    }
}

/// Whether what follows `before` is the start of an absolute path, not the middle of another.
fn begins_path(before: &str) -> bool {
    !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | ')' | '*' | '~'))
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn rules(path: &str, text: &str) -> Vec<(usize, String)> {
        check(&file(path, text)).into_iter().map(|finding| (finding.line, finding.rule)).collect()
    }

    #[track_caller]
    fn one(path: &str, text: &str, line: usize, part: &str) {
        let found = rules(path, text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].0 == line && found[0].1.contains(part), "{found:?}");
    }

    #[test]
    fn files_begin_with_their_documentation() {
        one("crates/server/src/a.rs", "fn f() {}\n", 1, "//!");
        assert!(rules("crates/server/src/a.rs", "//! A.\nfn f() {}\n").is_empty());
        assert!(rules("managed/a.cs", "class A {}\n").is_empty());
    }

    #[test]
    fn long_files_are_refused_but_for_tables() {
        let long = "//! A.\n".repeat(MOST_LINES + 1);
        one("xtask/src/a.rs", &long, 0, "601 lines");
        assert!(rules("xtask/src/a.rs", &format!("//! A.\n\n{TABLE}\n{long}")).is_empty());
    }

    #[test]
    fn unsafe_has_its_rooms() {
        one("crates/host/src/a.rs", "//! A.\n\nunsafe { f() }\n", 3, "`unsafe` lives only in");
        one("crates/process/src/a.rs", "//! A.\nunsafe fn f() {}\n", 2, "`unsafe` lives only in");
        assert!(rules("crates/clr/src/a.rs", "//! A.\nunsafe { f() }\n").is_empty());
        assert!(rules("crates/host/src/a.rs", "//! unsafe\n#![deny(unsafe_code)] // unsafe\n").is_empty());
    }

    #[test]
    fn the_model_is_pure_outside_its_tests() {
        let impure = "//! A.\nfn f() { std::fs::read(p); }\n";
        one("crates/model/src/a.rs", impure, 2, "`std::fs` in crates/model");
        assert!(rules("crates/server/src/a.rs", impure).is_empty());
        assert!(rules("crates/model/src/a/tests.rs", impure).is_empty());
        assert!(rules("crates/model/src/a.rs", "//! A.\n#[cfg(test)]\nuse std::fs;\n").is_empty());
    }

    #[test]
    fn unfinished_code_is_found_but_not_in_prose() {
        let call = concat!("//! A.\nfn f() { to", "do!() }\n");
        one("crates/host/src/a.rs", call, 2, "finish it");
        one("tests/src/a.rs", concat!("//! A.\n#[ig", "nore = \"x\"]\n"), 2, "a test runs");
        one("managed/a.cs", concat!("throw new NotImple", "mentedException();"), 1, "finish it");
        assert!(rules("crates/host/src/a.rs", concat!("//! No d", "bg!(x) here.\n")).is_empty());
    }

    #[test]
    fn machines_and_hosts_are_not_mentioned() {
        one("docs/a.md", concat!("see `/wo", "rk/x`"), 1, "somebody's machine");
        one("docs/a.md", concat!("\n\nfrom registry.npmjs", ".org"), 3, "download host");
        assert!(
            rules("docs/a.md", concat!("crates/host/src/wo", "rk/mod.rs, in target/wo", "rk/x")).is_empty()
        );
        one("a.toml", concat!("# TO", "DO: x"), 1, "describe the limit");
    }
}
