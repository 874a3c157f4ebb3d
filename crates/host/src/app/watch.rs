//! Notices that an app's files changed, by looking at them now and then.
//!
//! Only done while an app does not run, so that a mended app starts at once. Polling works on every file
//! system, container mounts included, and costs a few calls.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Where the folder's path leads, links followed, and what is there.
#[derive(Debug, Default, PartialEq, Eq)]
struct Snapshot {
    real: Option<PathBuf>,
    files: BTreeMap<OsString, (u64, Option<SystemTime>)>,
}

/// A folder and how it looked when the app was last started.
#[derive(Debug)]
pub(crate) struct Watch {
    folder: PathBuf,
    known: Snapshot,
    /// How it looked at the last look, if that was different.
    changing: Option<Snapshot>,
}

impl Watch {
    /// Takes the folder's present look as the one to compare with.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), known: snapshot(folder), changing: None }
    }

    /// Takes the present look anew.
    pub(crate) fn reset(&mut self) {
        self.known = snapshot(&self.folder);
        self.changing = None;
    }

    /// Whether the last look found files that may still be changing.
    pub(crate) fn is_settling(&self) -> bool {
        self.changing.is_some()
    }

    /// Looks; `true` when the files differ from the known look and have not changed between two looks:
    /// whoever copies them is done.
    pub(crate) fn changed(&mut self) -> bool {
        let now = snapshot(&self.folder);
        if now == self.known {
            self.changing = None;
            return false;
        }
        let settled = self.changing.as_ref() == Some(&now);
        self.changing = Some(now);
        settled
    }
}

fn snapshot(folder: &Path) -> Snapshot {
    let real = fs::canonicalize(folder).ok();
    let entries = real.as_ref().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let relevant = entries.filter(|entry| entry.file_name().to_str().is_some_and(matters));
    let files = relevant
        .filter_map(|entry| {
            // Follows links, unlike the entry's own.
            let metadata = fs::metadata(entry.path()).ok()?;
            Some((entry.file_name(), (metadata.len(), metadata.modified().ok())))
        })
        .collect();
    Snapshot { real, files }
}

fn matters(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "web.config"
        || [".dll", ".runtimeconfig.json", ".deps.json"].iter().any(|end| name.ends_with(end))
        || (name.starts_with("appsettings") && name.ends_with(".json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_when_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("Shop.dll"), "1").unwrap();
        let mut watch = Watch::new(folder.path());
        assert!(!watch.changed());
        fs::write(at("log.txt"), "1").unwrap();
        assert!(!watch.changed() && !watch.changed());
        fs::write(at("Shop.dll"), "12").unwrap();
        assert!(!watch.changed());
        fs::write(at("web.config"), "12").unwrap();
        assert!(!watch.changed());
        assert!(watch.changed());
        watch.reset();
        assert!(!watch.changed() && !watch.changed());
        fs::remove_file(at("web.config")).unwrap();
        assert!(!watch.changed() && watch.changed());
    }

    #[test]
    fn a_switched_link_is_a_change_even_if_the_files_are_alike() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for release in ["1", "2"] {
            fs::create_dir(at(release)).unwrap();
            fs::write(at(release).join("Shop.dll"), "1").unwrap();
            let file = fs::File::options().write(true).open(at(release).join("Shop.dll")).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        }
        std::os::unix::fs::symlink("1", at("current")).unwrap();
        let mut watch = Watch::new(&at("current"));
        assert!(!watch.changed() && !watch.changed());
        std::os::unix::fs::symlink("2", at("next")).unwrap();
        fs::rename(at("next"), at("current")).unwrap();
        assert!(!watch.changed() && watch.changed());
    }

    #[test]
    fn a_folder_that_comes_back_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let app = folder.path().join("app");
        let mut watch = Watch::new(&app);
        assert!(!watch.changed());
        fs::create_dir(&app).unwrap();
        fs::write(app.join("appsettings.Development.json"), "{}").unwrap();
        assert!(!watch.changed() && watch.changed());
    }
}
