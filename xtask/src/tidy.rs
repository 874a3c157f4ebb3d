//! `cargo xtask tidy`: the rules of this repository that no compiler checks. Each finding names file, line and rule.

mod links;
mod manifests;
mod source;
mod strip;

use crate::paths;
use anyhow::{Context as _, Result, bail};
use std::fmt;
use std::path::Path;

/// A broken rule.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// As seen from the root.
    file: String,
    /// Counted from 1; 0 for the whole file.
    line: usize,
    rule: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.rule),
            line => write!(f, "{}:{line}: {}", self.file, self.rule),
        }
    }
}

/// A text file of the repository.
struct TextFile {
    /// As seen from the root, with `/`.
    path: String,
    text: String,
}

impl TextFile {
    fn extension(&self) -> &str {
        Path::new(&self.path).extension().and_then(|extension| extension.to_str()).unwrap_or_default()
    }
}

/// What holds nothing of ours; `.git` is a file where the folder is a work tree.
const SKIPPED: [&str; 3] = ["target", ".git", "node_modules"];
/// What .NET's tools write, below `managed`.
const SKIPPED_MANAGED: [&str; 2] = ["bin", "obj"];
/// What fuzzing writes.
const SKIPPED_FUZZ: [&str; 3] = ["fuzz/artifacts", "fuzz/corpus", "fuzz/coverage"];

/// Checks everything.
///
/// # Errors
/// A rule is broken; every finding has been printed.
pub(crate) fn task() -> Result<()> {
    let root = paths::root();
    let mut files = Vec::new();
    collect(&root, &root, &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut findings = Vec::new();
    if !files.iter().any(|file| file.path == "Cargo.lock") {
        let rule = "is missing: builds must be reproducible; run `cargo build` and commit it".to_owned();
        findings.push(Finding { file: "Cargo.lock".to_owned(), line: 0, rule });
    }
    for file in &files {
        findings.extend(source::check(file));
        findings.extend(manifests::check(file));
        findings.extend(links::check(file, &root));
    }
    for finding in &findings {
        eprintln!("{finding}");
    }
    if !findings.is_empty() {
        bail!("tidy: {} broken rules, listed above", findings.len());
    }
    eprintln!("xtask: tidy: {} files follow the rules", files.len());
    Ok(())
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<TextFile>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
        let path = entry.path();
        let kind = entry.file_type().with_context(|| format!("cannot look at {}", path.display()))?;
        let inside = path.strip_prefix(root).unwrap_or(&path);
        if is_skipped(inside) {
            continue;
        }
        if kind.is_dir() {
            collect(root, &path, files)?;
        } else if kind.is_file() {
            let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            // What is not UTF-8 is an image or a certificate: no rule is about it.
            let Ok(text) = String::from_utf8(bytes) else { continue };
            files.push(TextFile { path: inside.to_string_lossy().into_owned(), text });
        }
    }
    Ok(())
}

fn is_skipped(path: &Path) -> bool {
    let is_one_of =
        |names: &[&str]| path.file_name().is_some_and(|name| names.iter().any(|other| name == *other));
    is_one_of(&SKIPPED)
        || (path.starts_with("managed") && is_one_of(&SKIPPED_MANAGED))
        || SKIPPED_FUZZ.iter().any(|skipped| path == Path::new(skipped))
}

#[cfg(test)]
fn file(path: &str, text: &str) -> TextFile {
    TextFile { path: path.to_owned(), text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_ours_are_not_skipped() {
        assert!(
            ["managed/apps/bin", "managed/obj", "fuzz/target", "fuzz/corpus", ".git"]
                .iter()
                .all(|path| is_skipped(Path::new(path)))
        );
        assert!(
            ["tests/src/bin", "docs/obj", "managed/apps", "crates/model/tests/corpus"]
                .iter()
                .all(|path| !is_skipped(Path::new(path)))
        );
    }
}
