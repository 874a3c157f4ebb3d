//! A control group for each program, where that is possible: whatever a program starts is in it and can leave it neither
//! by a new process group nor by losing its parent, and the kernel ends all of it in one go.
//!
//! Possible means: version 2 is mounted, our own group is ours to divide, and systemd, if it runs the
//! machine, has delegated it to us. Only for a pool with limits (`pool`) is a controller enabled; otherwise nothing is
//! limited or accounted differently.

mod pool;

pub use pool::{Limits, PoolGroup};

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{Access, access};

use crate::procfs;

/// How deep groups that a program made itself are looked into.
const MOST_DEPTH: usize = 8;
/// How often the removal of a group is tried.
const REMOVING_ROUNDS: usize = 50;

/// Why programs get no control groups of their own.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// Only version 1, or nothing at all.
    #[error("control groups of version 2 are not mounted")]
    NotMounted,
    /// Somebody else divides it.
    #[error(
        "the control group {} is systemd's: `Delegate=yes` in the service's unit would hand it over", .0.display()
    )]
    NotDelegated(PathBuf),
    /// A controller is missing.
    #[error(
        "the control group {} has no controller {missing}: the machine, or the container, does not hand it down",
        folder.display()
    )]
    NoController {
        /// Its folder.
        folder: PathBuf,
        /// The names of the missing ones.
        missing: String,
    },
    /// Somebody else's processes are in it.
    #[error(
        "the control group {} holds processes of others, so it cannot be divided; start mews in one of its own \
         (as a systemd service, or with systemd-run --scope)", .0.display()
    )]
    Occupied(PathBuf),
    /// No right to.
    #[error("the control group {} cannot be written: {source}", folder.display())]
    NotWritable {
        /// Its folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The folder in which groups can be made: our own group's, or the one above if we have moved into a leaf of it.
///
/// # Errors
/// With the reason why not.
pub fn own_folder() -> Result<PathBuf, Unavailable> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let folder = folder_of(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo"));
    let folder = pool::above_leaf(folder.ok_or(Unavailable::NotMounted)?);
    if Path::new("/run/systemd/system").exists() && !is_delegated(pool::above_ours(&folder)) {
        return Err(Unavailable::NotDelegated(folder));
    }
    // `cgroup.kill` is as old as Linux 5.14; the root group has none, but those in it have.
    match access(&folder, Access::WRITE_OK)
        .and_then(|()| access(folder.join("cgroup.procs"), Access::WRITE_OK))
    {
        Ok(()) => Ok(folder),
        Err(errno) => Err(Unavailable::NotWritable { folder, source: errno.into() }),
    }
}

/// A program's group. Dropping it removes it, if nobody is in it.
#[derive(Debug)]
pub(crate) struct Group {
    folder: PathBuf,
    processes: File,
}

impl Group {
    /// Makes a group for the program with this mark. `None` where that is not possible: then everything goes on
    /// without.
    pub(crate) fn create(mark: &str) -> Option<Self> {
        let parent = own_folder().ok()?;
        remove_stale(&parent);
        let folder = parent.join(format!("{}{}", prefix(procfs::own_pid()), mark.split_once(':')?.1));
        fs::create_dir(&folder).ok()?;
        let processes = OpenOptions::new().write(true).open(folder.join("cgroup.procs"));
        match processes {
            Ok(processes) => Some(Self { folder, processes }),
            Err(_) => {
                let _ = fs::remove_dir(&folder);
                None
            }
        }
    }

    /// A process that writes `0` here joins the group.
    pub(crate) fn processes(&self) -> BorrowedFd<'_> {
        self.processes.as_fd()
    }

    /// Who is in it.
    pub(crate) fn members(&self) -> Vec<u32> {
        members(&self.folder)
    }

    /// Ends (SIGKILL) everyone in it.
    pub(crate) fn kill(&self) {
        kill(&self.folder);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        remove_ended(&self.folder);
    }
}

/// The groups of a worker's programs.
#[derive(Debug)]
pub(crate) struct Groups(Vec<PathBuf>);

impl Groups {
    /// Those that this worker has left. It had our own group, or its pool's.
    pub(crate) fn of(worker: u32) -> Self {
        let Ok(parent) = own_folder() else { return Self(Vec::new()) };
        let pools = named(&parent, &prefix(procfs::own_pid()));
        let parents = pools.into_iter().chain([parent]);
        Self(parents.flat_map(|parent| named(&parent, &prefix(worker))).collect())
    }

    /// Who is in them.
    pub(crate) fn members(&self) -> Vec<u32> {
        self.0.iter().flat_map(|folder| members(folder)).collect()
    }

    /// Ends (SIGKILL) everyone in them.
    pub(crate) fn kill(&self) {
        self.0.iter().for_each(|folder| kill(folder));
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        self.0.iter().for_each(|folder| remove_ended(folder));
    }
}

fn prefix(worker: u32) -> String {
    format!("mews-{worker}-")
}

fn named(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let all = fs::read_dir(parent).into_iter().flatten().flatten();
    all.filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect()
}

/// Removes a group whose members have been ended. The kernel may take a moment to see that nobody is left.
fn remove_ended(folder: &Path) {
    for _ in 0..REMOVING_ROUNDS {
        remove(folder, MOST_DEPTH);
        if !folder.exists() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Removes what workers have left that were ended together with their supervisor. The kernel does not remove a group
/// that somebody is in.
fn remove_stale(parent: &Path) {
    for folder in named(parent, "mews-") {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let worker = name.split('-').nth(1).and_then(|pid| pid.parse().ok());
        if worker.is_some_and(|worker| procfs::entry(worker).is_none()) {
            remove(&folder, MOST_DEPTH);
        }
    }
}

fn members(folder: &Path) -> Vec<u32> {
    let mut found = Vec::new();
    collect(folder, MOST_DEPTH, &mut found);
    found
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<u32>) {
    let text = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    // 0 is a process that our own namespace does not show.
    found.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()).filter(|&pid| pid != 0));
    if depth > 0 {
        folders(folder).for_each(|inner| collect(&inner, depth - 1, found));
    }
}

fn kill(folder: &Path) {
    // Without it (before Linux 5.14) the members are ended one by one.
    if let Ok(mut file) = OpenOptions::new().write(true).open(folder.join("cgroup.kill")) {
        let _ = file.write_all(b"1");
    }
}

fn remove(folder: &Path, depth: usize) {
    if depth > 0 {
        folders(folder).for_each(|inner| remove(&inner, depth - 1));
    }
    // Refused as long as somebody is in it; a later start tries again.
    let _ = fs::remove_dir(folder);
}

fn folders(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let all = fs::read_dir(folder).into_iter().flatten().flatten();
    all.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
}

fn is_delegated(folder: &Path) -> bool {
    ["user.delegate", "trusted.delegate"].iter().any(|name| {
        let mut value = [0; 1];
        matches!(rustix::fs::getxattr(folder, *name, &mut value), Ok(1)) && value == *b"1"
    })
}

/// Where the group that `/proc/self/cgroup` names can be seen, according to `/proc/self/mountinfo`.
fn folder_of(cgroup: &str, mounts: &str) -> Option<PathBuf> {
    let own = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
    mounts.lines().find_map(|line| {
        // `… root mount-point options tags… - type source options`
        let (mount, kind) = line.split_once(" - ")?;
        if kind.split(' ').next() != Some("cgroup2") {
            return None;
        }
        let mut columns = mount.split(' ').skip(3);
        let (root, point) = (columns.next()?, columns.next()?);
        // A path that is not below is one of a namespace above ours.
        let below = Path::new(own).strip_prefix(root).ok()?;
        let escapes = below.components().any(|part| part.as_os_str() == "..");
        (!escapes && !point.contains('\\')).then(|| Path::new(point).join(below))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_folder_is_found() {
        let v2 = "23 1 0:20 / /proc rw - proc proc rw\n31 23 0:38 / /sys/fs/cgroup rw shared:4 - cgroup2 none rw\n";
        let hybrid =
            "31 23 0:38 / /cg/cpu rw - cgroup cgroup rw,cpu\n32 23 0:39 / /cg/unified rw - cgroup2 c rw\n";
        let bound = "31 23 0:38 /docker/abc /sys/fs/cgroup rw - cgroup2 none rw\n";
        for (cgroup, mounts, folder) in [
            ("0::/a/b\n", v2, Some("/sys/fs/cgroup/a/b")),
            ("9:cpu:/x\n0::/\n", hybrid, Some("/cg/unified")),
            ("0::/docker/abc/d\n", bound, Some("/sys/fs/cgroup/d")),
            ("0::/docker\n", bound, None),
            ("0::/../a\n", v2, None),
            ("9:cpu:/x\n", hybrid, None),
            ("0::/a\n", "", None),
        ] {
            assert_eq!(folder_of(cgroup, mounts).as_deref(), folder.map(Path::new), "{cgroup} {mounts}");
        }
    }

    #[test]
    fn reasons_are_given() {
        match own_folder() {
            Ok(folder) => assert!(folder.join("cgroup.procs").exists()),
            Err(reason) => assert!(reason.to_string().contains("control group"), "{reason}"),
        }
    }
}
