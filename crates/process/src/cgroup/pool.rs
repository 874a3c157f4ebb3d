//! A control group for a pool: what its processes may use up together.
//!
//! A group that holds processes cannot hand controllers down (only the root of all can), so whoever wants to limit others
//! moves into a leaf first.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::io::Errno;

use super::{Unavailable, own_folder, prefix, remove_ended, remove_stale};
use crate::identity::Identity;
use crate::procfs;

/// The end of the name of the leaf that the supervisor moves into.
const LEAF: &str = "host";
/// In which time the processor time is handed out, in microseconds: the kernel's own default.
const PERIOD: u64 = 100_000;
/// What the owner of a group may write, so that it can make groups below.
const OWNED: [&str; 4] = ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"];

/// What the processes of a pool may use up together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory. The kernel ends processes of the pool that would exceed it.
    pub memory: Option<u64>,
    /// Thousandths of one processor.
    pub cpu: Option<u32>,
    /// Processes and threads.
    pub tasks: Option<u32>,
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The controllers that are needed, each with a file and what is to be written into it.
    fn settings(&self) -> Vec<(&'static str, &'static str, String)> {
        let memory = self.memory.map(|bytes| ("memory", "memory.max", bytes.to_string()));
        let cpu = self.cpu.map(|thousandths| {
            // The kernel refuses less than a millisecond.
            let quota = (u64::from(thousandths) * PERIOD / 1000).max(1000);
            ("cpu", "cpu.max", format!("{quota} {PERIOD}"))
        });
        let tasks = self.tasks.map(|tasks| ("pids", "pids.max", tasks.to_string()));
        [memory, cpu, tasks].into_iter().flatten().collect()
    }
}

/// A pool's group. Dropping it removes it, as soon as nobody is in it.
#[derive(Debug)]
pub struct PoolGroup {
    folder: PathBuf,
    processes: File,
}

impl PoolGroup {
    /// Makes a group for the pool of this name. `owner` is who will run in it, and may make groups below.
    ///
    /// # Errors
    /// With the reason why the pool cannot be limited on this machine.
    pub fn create(pool: &str, limits: &Limits, owner: Option<&Identity>) -> Result<Self, Unavailable> {
        let parent = own_folder()?;
        let settings = limits.settings();
        let controllers: Vec<&str> = settings.iter().map(|(controller, ..)| *controller).collect();
        hand_down(&parent, &controllers)?;
        remove_stale(&parent);
        let folder = parent.join(name(pool));
        let open = || -> io::Result<Self> {
            fs::create_dir(&folder)?;
            for (_, file, value) in &settings {
                fs::write(folder.join(file), value)?;
            }
            if let Some(owner) = owner.filter(|owner| !owner.is_own()) {
                for file in OWNED {
                    chown(folder.join(file), Some(owner.uid()), Some(owner.gid()))?;
                }
            }
            let processes = OpenOptions::new().write(true).open(folder.join("cgroup.procs"))?;
            Ok(Self { folder: folder.clone(), processes })
        };
        open().map_err(|source| Unavailable::NotWritable { folder: folder.clone(), source })
    }

    /// A process that writes `0` here joins the group.
    pub(crate) fn processes(&self) -> BorrowedFd<'_> {
        self.processes.as_fd()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for PoolGroup {
    fn drop(&mut self) {
        remove_ended(&self.folder);
    }
}

fn name(pool: &str) -> String {
    // A pool that was changed has a new group before its old one is empty.
    static MADE: AtomicU32 = AtomicU32::new(0);
    let count = MADE.fetch_add(1, Ordering::Relaxed);
    let plain: String = pool
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' => char::from(byte).to_string(),
            other => format!(".{other:02x}"),
        })
        .collect();
    format!("{}pool-{count}-{plain}", prefix(procfs::own_pid()))
}

fn leaf_name(pid: u32) -> String {
    format!("{}{LEAF}", prefix(pid))
}

/// The group that we would be in had we not moved into a leaf of it.
pub(super) fn above_leaf(folder: PathBuf) -> PathBuf {
    match folder.parent() {
        Some(parent) if purpose(&folder) == Some(LEAF) => parent.to_owned(),
        _ => folder,
    }
}

/// The nearest group that is not one that we have made: only such a one is delegated by systemd.
pub(super) fn above_ours(folder: &Path) -> &Path {
    let mut folder = folder;
    while let Some(parent) = folder.parent().filter(|_| purpose(folder).is_some()) {
        folder = parent;
    }
    folder
}

/// What follows [`prefix`] in the name of a group that we have made.
fn purpose(folder: &Path) -> Option<&str> {
    let (pid, purpose) = folder.file_name()?.to_str()?.strip_prefix("mews-")?.split_once('-')?;
    (!pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit())).then_some(purpose)
}

/// Lets the groups below have these controllers.
fn hand_down(folder: &Path, controllers: &[&str]) -> Result<(), Unavailable> {
    let list = |file: &str| -> Vec<String> {
        let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
        text.split_whitespace().map(str::to_owned).collect()
    };
    let lacking = |file: &str| -> Vec<&str> {
        let there = list(file);
        controllers.iter().copied().filter(|name| !there.iter().any(|other| other == name)).collect()
    };
    let missing = lacking("cgroup.controllers");
    if !missing.is_empty() {
        return Err(Unavailable::NoController { folder: folder.to_owned(), missing: missing.join(" and ") });
    }
    let wanted: String = lacking("cgroup.subtree_control").iter().map(|name| format!("+{name} ")).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let enable = || fs::write(folder.join("cgroup.subtree_control"), &wanted);
    let is_busy = |error: &io::Error| Errno::from_io_error(error) == Some(Errno::BUSY);
    let refused = |source| Unavailable::NotWritable { folder: folder.to_owned(), source };
    match enable() {
        Err(error) if is_busy(&error) => move_into_leaf(folder).map_err(refused)?,
        result => return result.map_err(refused),
    }
    enable().map_err(
        |error| {
            if is_busy(&error) { Unavailable::Occupied(folder.to_owned()) } else { refused(error) }
        },
    )
}

/// Moves us, and the children that we have in this group, into a leaf of it.
fn move_into_leaf(folder: &Path) -> io::Result<()> {
    let own = procfs::own_pid();
    let leaf = folder.join(leaf_name(own));
    match fs::create_dir(&leaf) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let listed = fs::read_to_string(folder.join("cgroup.procs"))?;
    for pid in listed.lines().filter_map(|line| line.parse::<u32>().ok()) {
        let is_ours = pid == own || procfs::entry(pid).is_some_and(|entry| entry.parent == own);
        if !is_ours {
            continue;
        }
        let mut list = OpenOptions::new().write(true).open(leaf.join("cgroup.procs"))?;
        match list.write_all(pid.to_string().as_bytes()) {
            // It has ended meanwhile.
            Err(error) if Errno::from_io_error(&error) == Some(Errno::SRCH) => {}
            result => result?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_written_as_the_kernel_wants_them() {
        let limits = Limits { memory: Some(1 << 30), cpu: Some(1500), tasks: Some(64) };
        let settings: Vec<String> =
            limits.settings().iter().map(|(of, file, value)| format!("{of} {file} {value}")).collect();
        assert_eq!(
            settings,
            ["memory memory.max 1073741824", "cpu cpu.max 150000 100000", "pids pids.max 64"]
        );
        let little = Limits { cpu: Some(1), ..Limits::default() };
        assert_eq!(little.settings()[0].2, "1000 100000");
        assert!(Limits::default().is_none() && Limits::default().settings().is_empty());
    }

    #[test]
    fn our_own_groups_are_known_by_name() {
        let above = |path: &str| above_ours(Path::new(path)).display().to_string();
        assert_eq!(above("/c/mews.service/mews-12-pool-shop"), "/c/mews.service");
        assert_eq!(above("/c/mews.service/mews-12-pool-shop/mews-13-0.ab"), "/c/mews.service");
        for not_ours in ["/c/mews.service", "/c/mews-shop.service", "/c/mews-x-y", "/", ""] {
            assert_eq!(above(not_ours), not_ours);
        }
        assert_eq!(above_leaf("/c/a.service/mews-12-host".into()), Path::new("/c/a.service"));
        assert_eq!(
            above_leaf("/c/a.service/mews-12-pool-host".into()),
            Path::new("/c/a.service/mews-12-pool-host")
        );
    }

    #[test]
    fn pools_have_groups_of_their_own() {
        assert!(name("shop").ends_with("-shop"));
        assert!(name("My Shop/../x").ends_with("-.4dy.20.53hop.2f.2e.2e.2fx"));
        assert_ne!(name("shop"), name("shop"));
        assert!(purpose(Path::new(&name("shop"))).is_some_and(|purpose| purpose.starts_with("pool-")));
    }

    #[test]
    fn a_missing_controller_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("cgroup.controllers"), "cpu io\n").unwrap();
        fs::write(folder.path().join("cgroup.subtree_control"), "cpu\n").unwrap();
        let error = hand_down(folder.path(), &["memory", "cpu", "pids"]).unwrap_err().to_string();
        assert!(error.contains("no controller memory and pids"), "{error}");
        hand_down(folder.path(), &["cpu"]).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("cgroup.subtree_control")).unwrap(), "cpu\n");
    }

    #[test]
    fn a_pool_is_limited_where_the_machine_can_do_it() {
        let limits = Limits { memory: Some(256 << 20), cpu: Some(500), tasks: Some(50) };
        match PoolGroup::create("limited", &limits, None) {
            Err(reason) => eprintln!("nothing to test: {reason}"),
            Ok(group) => {
                let read = |file: &str| fs::read_to_string(group.folder().join(file)).unwrap();
                assert_eq!(read("memory.max").trim(), (256 << 20).to_string());
                assert_eq!(read("cpu.max").trim(), "50000 100000");
                assert_eq!(read("pids.max").trim(), "50");
                let folder = group.folder().to_owned();
                drop(group);
                assert!(!folder.exists());
            }
        }
    }
}
