//! The kernel's notices that files of the folders of applications have changed.
//!
//! They only make looking quicker: every folder is looked at now and then all the same, since some file systems send no
//! notices, and the number of folders that may be watched is limited. One descriptor serves all pools: a user has few of
//! its kind, and .NET needs some.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init, remove_watch};
use rustix::io::Errno;

/// An app that writes many files into its own folder costs no more than this many looks: one in that time.
const PAUSE: Duration = Duration::from_millis(50);

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Notices {
    /// `None`: not asked for yet, or not to be had.
    inotify: Option<OwnedFd>,
    watched: BTreeMap<PathBuf, i32>,
    /// The last names of folders that are links: to switch one is news of the folder above.
    links: BTreeSet<OsString>,
    /// Notices wait until then.
    paused_until: Option<Instant>,
    failed: bool,
}

impl Notices {
    /// From now on these folders are watched, where links in their paths lead now.
    pub(super) fn watch(&mut self, folders: &BTreeSet<&Path>) {
        if self.failed || (folders.is_empty() && self.inotify.is_none()) {
            return;
        }
        let inotify = match self
            .inotify
            .take()
            .map_or_else(|| init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK), Ok)
        {
            Ok(inotify) => inotify,
            Err(errno) => return self.fail("the system gives no means to", errno),
        };
        self.links.clear();
        let mut watched = BTreeMap::new();
        for folder in folders {
            let above = folder.is_symlink().then(|| folder.parent()).flatten();
            if above.is_some() {
                self.links.extend(folder.file_name().map(OsStr::to_owned));
            }
            for place in above.into_iter().chain([*folder]) {
                let flags = WatchFlags::CREATE
                    | WatchFlags::DELETE
                    | WatchFlags::MOVE
                    | WatchFlags::CLOSE_WRITE
                    | WatchFlags::ONLYDIR;
                match add_watch(&inotify, place, flags) {
                    Ok(watch) => {
                        watched.insert(place.to_owned(), watch);
                    }
                    // Its own application tells that it cannot be read.
                    Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => {}
                    Err(errno) => self.fail(&format!("{} is not to", place.display()), errno),
                }
            }
        }
        for watch in self.watched.values().filter(|old| !watched.values().any(|new| new == *old)) {
            // The folder may be gone, and its watch with it.
            let _ = remove_watch(&inotify, *watch);
        }
        self.watched = watched;
        self.inotify = Some(inotify);
    }

    fn fail(&mut self, what: &str, errno: Errno) {
        if !self.failed {
            self.failed = true;
            tracing::warn!(
                event_id = 1024,
                "{what} be told of changed files ({errno}): folders are looked at twice a second"
            );
        }
    }

    /// Readable when there may be news.
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().filter(|_| self.paused_until.is_none()).map(OwnedFd::as_fd)
    }

    /// When it wants to be asked although nothing was to be read.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.paused_until
    }

    /// The pause may be over.
    pub(super) fn tick(&mut self, now: Instant) {
        self.paused_until.take_if(|until| *until <= now);
    }

    /// Takes what has come, and answers whether any of it is worth a look.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let Some(inotify) = &self.inotify else { return false };
        self.paused_until = Some(now + PAUSE);
        let mut buffer = [MaybeUninit::uninit(); 8192];
        let mut reader = Reader::new(inotify, &mut buffer);
        let mut matters = false;
        // A buffer full: what an endless stream brings after it waits for the pause.
        loop {
            match reader.next() {
                Ok(event) => {
                    let lost = event.events().contains(ReadFlags::QUEUE_OVERFLOW);
                    let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
                    matters |= lost || name.is_some_and(|name| is_read(name) || self.links.contains(name));
                }
                Err(_) => return matters,
            }
            if reader.is_buffer_empty() {
                return matters;
            }
        }
    }
}

/// Whether a running app depends on the file.
fn is_read(name: &OsStr) -> bool {
    ["web.config", "app_offline.htm"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn told(notices: &mut Notices) -> bool {
        notices.paused_until = None;
        notices.take(Instant::now())
    }

    #[test]
    fn what_a_running_app_depends_on_is_told_and_nothing_else() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        for folder in ["1", "2", "plain"] {
            fs::create_dir(at(folder)).unwrap();
        }
        std::os::unix::fs::symlink("1", at("current")).unwrap();
        let (current, plain, gone) = (at("current"), at("plain"), at("gone"));
        let mut notices = Notices::default();
        notices.watch(&BTreeSet::from([current.as_path(), &plain, &gone]));
        assert!(!told(&mut notices));
        fs::write(at("1/log.txt"), "1").unwrap();
        fs::write(at("other"), "1").unwrap();
        assert!(!told(&mut notices));
        for file in ["1/app_offline.htm", "plain/Web.config"] {
            fs::write(at(file), "1").unwrap();
            assert!(told(&mut notices), "{file}");
            fs::remove_file(at(file)).unwrap();
            assert!(told(&mut notices), "{file}");
        }
        std::os::unix::fs::symlink("2", at("next")).unwrap();
        assert!(!told(&mut notices));
        fs::rename(at("next"), &current).unwrap();
        assert!(told(&mut notices));
        // What is behind the link now is watched once that is asked for.
        notices.watch(&BTreeSet::from([current.as_path()]));
        fs::write(at("2/web.config"), "1").unwrap();
        assert!(told(&mut notices));
        for unwatched in ["1/web.config", "plain/web.config"] {
            fs::write(at(unwatched), "1").unwrap();
        }
        assert!(!told(&mut notices));
    }

    #[test]
    fn many_notices_are_taken_in_turns() {
        let scratch = tempfile::tempdir().unwrap();
        let mut notices = Notices::default();
        notices.watch(&BTreeSet::from([scratch.path()]));
        let now = Instant::now();
        assert!(notices.descriptor().is_some());
        notices.take(now);
        assert!(notices.descriptor().is_none() && notices.next_due() == Some(now + PAUSE));
        notices.tick(now + PAUSE);
        assert!(notices.descriptor().is_some() && notices.next_due().is_none());
    }
}
