//! Folders of files as people write them, each with what is to be said of it in a file beside: `mews.toml`, `mews.toml.expected`.
//!
//! `MEWS_BLESS=1` writes the expected texts anew; read the difference before you keep it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::random::Random;

/// A file and what is in it.
pub(crate) type File = (PathBuf, Vec<u8>);

/// The files with one of these extensions in a folder below `tests`, in order; every `.expected` must belong to one.
pub(crate) fn files(folder: &str, extensions: &[&str]) -> Vec<File> {
    let (mut configs, mut expected) = (BTreeSet::new(), BTreeSet::new());
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder)).unwrap() {
        let path = entry.unwrap().path();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("expected") => expected.insert(path.with_extension("")),
            Some(extension) if extensions.contains(&extension) => configs.insert(path),
            _ => panic!("{} does not belong here", path.display()),
        };
    }
    let stray: Vec<_> = expected.difference(&configs).collect();
    assert!(stray.is_empty(), "these files are missing: {stray:?}");
    configs.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Compares a text with the file beside, or writes it there. An empty text wants no file.
pub(crate) fn compare(path: &Path, text: &str, wrong: &mut String) {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".expected");
    let beside = PathBuf::from(beside);
    if fs::read_to_string(&beside).unwrap_or_default() == text {
        return;
    }
    if std::env::var_os("MEWS_BLESS").is_none() {
        let _ = writeln!(wrong, "{} differs. It is now:\n{text}", beside.display());
    } else if text.is_empty() {
        fs::remove_file(beside).unwrap();
    } else {
        fs::write(beside, text).unwrap();
    }
}

/// Calls `read` with each file, damaged so many times over: pieces of others are put into it, and parts cut out.
pub(crate) fn damaged(files: &[File], times: usize, mut read: impl FnMut(&Path, &[u8])) {
    let mut random = Random(1);
    for (path, bytes) in files {
        for _ in 0..times {
            let mut damaged = bytes.clone();
            for _ in 0..=random.index(3) {
                let other = &files[random.index(files.len())].1;
                let (from, to) = (random.index(other.len()), random.index(other.len()));
                let piece = &other[from.min(to)..from.max(to).min(from.min(to) + 200)];
                let at = random.index(damaged.len());
                let end = (at + random.index(60)).min(damaged.len());
                damaged.splice(at..end, piece.iter().copied());
            }
            read(path, &damaged);
        }
    }
}
