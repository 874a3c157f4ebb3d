//! Whether the app's files can be read by the user that runs the check.

use std::path::{Path, PathBuf};

use mews_model::Severity;
use rustix::fs::{Access, access};

use super::problem::Problem;
use super::report::Report;

/// A folder with more entries is looked at in part: uploads may lie in it.
const MOST_ENTRIES: usize = 20_000;
const DEEPEST: usize = 8;
/// Names in one message.
const MOST_NAMES: usize = 5;

pub(super) fn check(folder: &Path, report: &mut Report) {
    let mut walk = Walk { left: MOST_ENTRIES, unreadable: Vec::new() };
    walk.folder(folder, DEEPEST);
    let Walk { unreadable, .. } = walk;
    if unreadable.is_empty() {
        return;
    }
    let relative = |path: &PathBuf| path.strip_prefix(folder).unwrap_or(path).display().to_string();
    let mut shown: Vec<String> = unreadable.iter().take(MOST_NAMES).map(relative).collect();
    if unreadable.len() > MOST_NAMES {
        shown.push(format!("{} more", unreadable.len() - MOST_NAMES));
    }
    let user = rustix::process::geteuid().as_raw();
    report.add(
        Problem::new(Severity::Warning, format!("user {user} may not read {}", shown.join(", ")))
            .file(folder.to_string_lossy())
            .help("give the user that Mews runs as the right to read them, as in 'chmod -R a+rX'"),
    );
}

struct Walk {
    left: usize,
    unreadable: Vec<PathBuf>,
}

impl Walk {
    fn folder(&mut self, folder: &Path, depth: usize) {
        let Ok(entries) = std::fs::read_dir(folder) else { return self.unreadable.push(folder.to_owned()) };
        for entry in entries.flatten() {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            let path = entry.path();
            // Links are not followed into folders, so there are no loops.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if depth > 0 {
                    self.folder(&path, depth - 1);
                }
            } else if path.is_file() && access(&path, Access::READ_OK).is_err() {
                self.unreadable.push(path);
            }
        }
    }
}

/// The names in a folder, sorted; none when it cannot be read.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .take(MOST_ENTRIES)
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret.dll");
        std::fs::write(&secret, "").unwrap();
        symlink(folder.path(), folder.path().join("loop")).unwrap();
        let problems = || {
            let mut report = Report::default();
            check(folder.path(), &mut report);
            report.problems.iter().map(Problem::text).collect::<String>()
        };
        assert_eq!(problems(), "");
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o000)).unwrap();
        // The superuser may read everything.
        let expected = if rustix::process::geteuid().is_root() { "" } else { "may not read secret.dll" };
        assert!(problems().contains(expected));
        assert_eq!(problems().is_empty(), expected.is_empty());
    }
}
