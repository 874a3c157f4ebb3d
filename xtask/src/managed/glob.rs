//! MSBuild's file patterns: `*`, `?` and `**`, with either slash. Folders that no project means (`bin`, `obj`, hidden ones) are never entered.

use anyhow::{Context as _, Result};
use std::path::{Component, Path, PathBuf};

/// The files that `pattern` means, seen from `folder`, in alphabetical order. Without a wildcard: that file, if it exists.
///
/// # Errors
/// A folder cannot be read.
pub(crate) fn expand(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>> {
    let pattern = pattern.replace('\\', "/");
    let segments: Vec<&str> =
        pattern.split('/').filter(|segment| !segment.is_empty() && *segment != ".").collect();
    let fixed = segments.iter().take_while(|segment| !segment.contains(['*', '?'])).count();
    let base = normal(&folder.join(segments[..fixed].join("/")));
    let rest = &segments[fixed..];
    if rest.is_empty() {
        return Ok(if base.is_file() { vec![base] } else { Vec::new() });
    }
    let mut found = Vec::new();
    if base.is_dir() {
        walk(&base, &mut |file| {
            let relative = file.strip_prefix(&base).unwrap_or(file).to_string_lossy().into_owned();
            let parts: Vec<&str> = relative.split('/').collect();
            if matches(rest, &parts) {
                found.push(file.to_path_buf());
            }
        })?;
    }
    found.sort();
    Ok(found)
}

/// A path without `.` and `..`, as far as names tell.
pub(crate) fn normal(path: &Path) -> PathBuf {
    let mut result = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                result.pop();
            }
            Component::CurDir => {}
            other => result.push(other),
        }
    }
    result
}

fn walk(folder: &Path, each: &mut impl FnMut(&Path)) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
        let kind = entry.file_type().with_context(|| format!("cannot look at {}", entry.path().display()))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_dir() {
            if !matches!(&*name, "bin" | "obj" | "node_modules") && !name.starts_with('.') {
                walk(&entry.path(), each)?;
            }
        } else if !name.starts_with('.') {
            each(&entry.path());
        }
    }
    Ok(())
}

fn matches(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", [])), _) => !path.is_empty(),
        (Some((&"**", rest)), _) => (0..path.len()).any(|skip| matches(rest, &path[skip..])),
        (Some((first, rest)), Some((name, below))) => {
            segment(first.as_bytes(), name.as_bytes()) && matches(rest, below)
        }
        _ => false,
    }
}

fn segment(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => (0..=name.len()).any(|skip| segment(rest, &name[skip..])),
        (Some((b'?', rest)), Some((_, below))) => segment(rest, below),
        (Some((wanted, rest)), Some((got, below))) => {
            wanted.eq_ignore_ascii_case(got) && segment(rest, below)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let file = dir.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        dir
    }

    fn names(dir: &Path, pattern: &str) -> Vec<String> {
        let found = expand(dir, pattern).unwrap();
        found.iter().map(|f| f.strip_prefix(dir).unwrap().display().to_string()).collect()
    }

    #[test]
    fn double_stars_reach_every_depth_but_build_output() {
        let dir = tree(&["a.cs", "x/b.cs", "x/y/c.cs", "obj/d.cs", "x/bin/e.cs", ".h/f.cs", "g.txt"]);
        assert_eq!(names(dir.path(), "**/*.cs"), ["a.cs", "x/b.cs", "x/y/c.cs"]);
        assert_eq!(names(dir.path(), r"x\**"), ["x/b.cs", "x/y/c.cs"]);
    }

    #[test]
    fn one_star_stays_in_its_folder() {
        let dir = tree(&["a.cs", "x/b.cs", "ab.cs"]);
        assert_eq!(names(dir.path(), "*.cs"), ["a.cs", "ab.cs"]);
        assert_eq!(names(dir.path(), "?.CS"), ["a.cs"]);
    }

    #[test]
    fn patterns_may_leave_the_folder() {
        let dir = tree(&["shared/a.cs", "app/b.cs"]);
        let found = expand(&dir.path().join("app"), r"..\shared\*.cs").unwrap();
        assert_eq!(found, [dir.path().join("shared/a.cs")]);
    }

    #[test]
    fn a_plain_name_is_that_file_if_it_exists() {
        let dir = tree(&["a.cs"]);
        assert_eq!(names(dir.path(), "a.cs"), ["a.cs"]);
        assert!(names(dir.path(), "b.cs").is_empty());
    }
}
