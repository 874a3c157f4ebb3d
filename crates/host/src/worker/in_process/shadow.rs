//! Shadow copies (`enableShadowCopy`): the app is loaded from a copy of its folder, so that the folder's files can be
//! overwritten in place. A loaded file that changes under the runtime ends the process, sooner or later.
//!
//! Each start makes a copy of its own, in a folder named by a number. A copy is locked as long as a worker runs from it;
//! the others are removed once an app has started.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};

/// Tells a copy from a folder of somebody else's that happens to be named by a number.
const MARK: &str = ".mews-shadow-copy";
/// The most files and folders that are copied.
const MOST_ENTRIES: usize = 200_000;
/// The most bytes that are copied.
const MOST_BYTES: u64 = 16 << 30;
/// How deep folders are looked into.
const MOST_DEPTH: usize = 100;
/// How often, and after which pause, a copy is made anew because files changed meanwhile.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// A copy that this process runs from. Unlocked when it is dropped.
#[derive(Debug)]
pub(super) struct ShadowCopy {
    folder: PathBuf,
    number: u64,
    _lock: File,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShadowError {
    /// Copies below copies, or of everything.
    #[error(
        "shadowCopyDirectory {}: it is the app's own folder or above it; name a folder for the copies alone", .0.display()
    )]
    Place(PathBuf),
    /// The system refused.
    #[error("{}: {source}", path.display())]
    System {
        /// Of what.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// It would never end.
    #[error("{}: {what}; move what does not belong to the app elsewhere", path.display())]
    TooMuch {
        /// Where it became too much.
        path: PathBuf,
        /// What there is too much of.
        what: String,
    },
    /// Somebody is still copying into the app's folder.
    #[error("{} is still being changed", .0.display())]
    Changing(PathBuf),
}

impl ShadowCopy {
    /// Copies the app's folder to a new folder in `base`, which is made if it is missing.
    pub(super) fn make(app: &Path, base: &Path) -> Result<Self, ShadowError> {
        if app.starts_with(base) {
            return Err(ShadowError::Place(base.to_owned()));
        }
        match fs::create_dir(base) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(system(base, error)),
            _ => {}
        }
        let base = base.canonicalize().map_err(|error| system(base, error))?;
        if app.starts_with(&base) {
            return Err(ShadowError::Place(base));
        }
        for _ in 0..TRIES {
            let before = assemblies(app);
            let copy = Self::fill(app, &base)?;
            if before == assemblies(app) {
                return Ok(copy);
            }
            copy.discard();
            thread::sleep(PAUSE);
        }
        Err(ShadowError::Changing(app.to_owned()))
    }

    /// The folder to load the app from.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes older copies that no worker runs from, on a thread of its own.
    pub(super) fn clean_up(&self) {
        let (own, base) = (self.number, self.folder.parent().map(Path::to_owned));
        let Some(base) = base else { return };
        let cleaning = thread::Builder::new().name("shadow".to_owned()).spawn(move || clean(&base, own));
        if let Err(error) = cleaning {
            tracing::debug!("no thread can be started to remove old shadow copies: {error}");
        }
    }

    fn fill(app: &Path, base: &Path) -> Result<Self, ShadowError> {
        let copy = Self::begin(base)?;
        let mut copying = Copying { base, entries: 0, bytes: 0 };
        match copying.folder(app, &copy.folder, 0) {
            Ok(()) => Ok(copy),
            Err(error) => {
                copy.discard();
                Err(error)
            }
        }
    }

    fn begin(base: &Path) -> Result<Self, ShadowError> {
        loop {
            let number = numbered(base).into_iter().max().map_or(0, |number| number.saturating_add(1));
            let folder = base.join(number.to_string());
            match fs::create_dir(&folder) {
                // Another worker was faster.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < u64::MAX => continue,
                result => result.map_err(|error| system(&folder, error))?,
            }
            let begin = || -> io::Result<File> {
                let lock = File::open(&folder)?;
                flock(&lock, FlockOperation::LockShared)?;
                // Only now may it be taken for one that nobody uses any more.
                fs::write(folder.join(MARK), "")?;
                Ok(lock)
            };
            let lock = begin().map_err(|error| system(&folder, error))?;
            return Ok(Self { folder, number, _lock: lock });
        }
    }

    fn discard(self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::debug!("{} cannot be removed: {error}", self.folder.display());
        }
    }
}

/// One copying, and how much there was.
struct Copying<'a> {
    base: &'a Path,
    entries: usize,
    bytes: u64,
}

impl Copying<'_> {
    fn folder(&mut self, from: &Path, to: &Path, depth: usize) -> Result<(), ShadowError> {
        if depth > MOST_DEPTH {
            return Err(too_much(from, format!("folders in folders, more than {MOST_DEPTH} deep")));
        }
        for entry in fs::read_dir(from).map_err(|error| system(from, error))? {
            let entry = entry.map_err(|error| system(from, error))?;
            let (path, target) = (entry.path(), to.join(entry.file_name()));
            self.entries += 1;
            if self.entries > MOST_ENTRIES {
                return Err(too_much(from, format!("more than {MOST_ENTRIES} files and folders in all")));
            }
            let kind = entry.file_type().map_err(|error| system(&path, error))?;
            if kind.is_dir() {
                if path == self.base {
                    continue;
                }
                fs::create_dir(&target).map_err(|error| system(&target, error))?;
                self.folder(&path, &target, depth + 1)?;
            } else {
                self.file(&path, &target)?;
            }
        }
        Ok(())
    }

    /// Links to files are followed; those to folders stay links, so that they cannot lead round in circles. What is
    /// neither file nor folder is nothing to load.
    fn file(&mut self, from: &Path, to: &Path) -> Result<(), ShadowError> {
        let about = match fs::metadata(from) {
            Ok(about) => about,
            // A link that leads nowhere, or a file that went away meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(system(from, error)),
        };
        if about.is_dir() {
            let leads = fs::canonicalize(from).map_err(|error| system(from, error))?;
            return std::os::unix::fs::symlink(leads, to).map_err(|error| system(to, error));
        }
        if !about.is_file() {
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add(about.len());
        if self.bytes > MOST_BYTES {
            return Err(too_much(from, format!("more than {} GiB in all", MOST_BYTES >> 30)));
        }
        fs::copy(from, to).map(|_| ()).map_err(|error| system(from, error))
    }
}

fn system(path: &Path, source: io::Error) -> ShadowError {
    ShadowError::System { path: path.to_owned(), source }
}

fn too_much(path: &Path, what: String) -> ShadowError {
    ShadowError::TooMuch { path: path.to_owned(), what }
}

/// What must not change while the folder is copied.
fn assemblies(folder: &Path) -> BTreeMap<PathBuf, (u64, Option<SystemTime>)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let loaded = |path: &PathBuf| path.extension().is_some_and(|end| end == "dll" || end == "json");
    let about = |path: PathBuf| {
        let about = fs::metadata(&path).ok()?;
        Some((path, (about.len(), about.modified().ok())))
    };
    entries.map(|entry| entry.path()).filter(loaded).filter_map(about).collect()
}

/// The numbers that folders here have for names.
fn numbered(base: &Path) -> Vec<u64> {
    let number = |name: &OsStr| name.to_str()?.parse::<u64>().ok();
    let entries = fs::read_dir(base).into_iter().flatten().flatten();
    entries.filter_map(|entry| number(&entry.file_name())).collect()
}

fn clean(base: &Path, own: u64) {
    for number in numbered(base).into_iter().filter(|&number| number < own) {
        let folder = base.join(number.to_string());
        if !folder.join(MARK).is_file() {
            continue;
        }
        let Ok(lock) = File::open(&folder) else { continue };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok()
            && let Err(error) = fs::remove_dir_all(&folder)
        {
            tracing::warn!("the old shadow copy {} cannot be removed: {error}", folder.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    struct Place {
        _scratch: tempfile::TempDir,
        app: PathBuf,
        base: PathBuf,
    }

    fn place() -> Place {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().canonicalize().unwrap();
        let app = root.join("app");
        fs::create_dir_all(app.join("runtimes/linux")).unwrap();
        fs::write(app.join("Shop.dll"), "1").unwrap();
        fs::write(app.join("runtimes/linux/x.so"), "so").unwrap();
        Place { base: app.join("ShadowCopyDirectory"), app, _scratch: scratch }
    }

    #[test]
    fn everything_is_copied_but_the_copies() {
        let place = place();
        symlink("Shop.dll", place.app.join("Link.dll")).unwrap();
        symlink(".", place.app.join("loop")).unwrap();
        symlink("nowhere", place.app.join("broken")).unwrap();
        let first = ShadowCopy::make(&place.app, &place.base).unwrap();
        assert_eq!(first.folder(), place.base.join("0"));
        let second = ShadowCopy::make(&place.app, &place.base).unwrap();
        assert_eq!(second.folder(), place.base.join("1"));
        for copy in [&first, &second] {
            assert_eq!(fs::read(copy.folder().join("runtimes/linux/x.so")).unwrap(), b"so");
            assert!(fs::symlink_metadata(copy.folder().join("Link.dll")).unwrap().is_file());
            assert_eq!(fs::read_link(copy.folder().join("loop")).unwrap(), place.app);
            assert!(
                !copy.folder().join("ShadowCopyDirectory").exists() && !copy.folder().join("broken").exists()
            );
        }
        fs::write(place.app.join("Shop.dll"), "2").unwrap();
        assert_eq!(fs::read(second.folder().join("Shop.dll")).unwrap(), b"1");
    }

    #[test]
    fn only_copies_that_nobody_runs_from_are_removed() {
        let place = place();
        let make = || ShadowCopy::make(&place.app, &place.base).unwrap();
        let (used, unused) = (make(), make());
        fs::create_dir(place.base.join("7")).unwrap();
        drop(unused);
        let newest = make();
        assert_eq!(newest.number, 8);
        clean(&place.base, newest.number);
        let mut left = numbered(&place.base);
        left.sort_unstable();
        assert_eq!(left, [0, 7, 8]);
        drop(used);
        clean(&place.base, newest.number);
        assert!(!place.base.join("0").exists() && place.base.join("7").exists());
    }

    #[test]
    fn copies_in_or_above_the_app_are_refused() {
        let place = place();
        for base in [place.app.clone(), place.app.parent().unwrap().to_owned()] {
            let error = ShadowCopy::make(&place.app, &base).unwrap_err();
            assert!(matches!(error, ShadowError::Place(_)));
        }
        symlink(place.app.parent().unwrap(), place.app.join("up")).unwrap();
        let error = ShadowCopy::make(&place.app, &place.app.join("up")).unwrap_err();
        assert!(error.to_string().contains("name a folder for the copies alone"), "{error}");
    }

    #[test]
    fn what_cannot_be_copied_is_named_and_nothing_is_left() {
        let place = place();
        let mut deep = place.app.clone();
        for _ in 0..=MOST_DEPTH {
            deep.push("d");
        }
        fs::create_dir_all(&deep).unwrap();
        let error = ShadowCopy::make(&place.app, &place.base).unwrap_err();
        assert!(error.to_string().contains("more than 100 deep"), "{error}");
        assert!(numbered(&place.base).is_empty());
        let error = ShadowCopy::make(&place.app, &place.app.join("a/b")).unwrap_err();
        assert!(error.to_string().contains("a/b"), "{error}");
    }
}
