//! What came from a process: its children and theirs, its process group, and those of them that lost their parent
//! and were adopted by us.
//!
//! A process is known to have come from a program by one of: it is the program or below it; it is in its process group;
//! it was adopted and the environment it was started with carries the program's mark; it is in the program's control
//! group, if there can be one ([`crate::cgroup`]). Where there is none, a process that left the process group, lost its
//! parent and was started with an emptied environment is found by none of them, and is an orphan like any other; [`end_orphans`] with [`Orphans::All`] ends those.

use std::collections::HashSet;
use std::io;
use std::time::Duration;

use rustix::process::{WaitId, WaitIdOptions, getpid, set_child_subreaper, waitid};

use crate::cgroup::{Group, Groups};
use crate::procfs::{self, Entry};
use crate::{ending, program};

/// How long [`end_orphans`] goes on.
const KILLING: Duration = Duration::from_secs(1);

/// Makes this process the one that adopts its descendants when they lose their parent (instead of init), for the rest
/// of its life. It must then look after them: [`reap_orphans`].
///
/// # Errors
/// Only on a kernel older than 3.4.
pub fn become_subreaper() -> io::Result<()> {
    Ok(set_child_subreaper(Some(getpid()))?)
}

/// `root` and everything that came from it and lives, as far as that can be told from its number. Orphans that left
/// its process group are found as long as `root` itself has not ended; [`program::Process::descendants`]
/// finds them later, too.
pub fn descendants(root: u32) -> Vec<u32> {
    let mark = procfs::variable(root, program::MARK);
    Origin::Program { pid: root, mark: mark.as_deref(), group: None }.living()
}

/// Which orphans are meant.
#[derive(Clone, Copy, Debug)]
pub enum Orphans<'a> {
    /// Those that came from one worker: of its process group, of the given ones (the ids of programs that it
    /// started), or marked as from it.
    Of {
        /// The worker's process id.
        worker: u32,
        /// Ids of the programs that it started.
        groups: &'a [u32],
    },
    /// Every one.
    All,
}

/// Ends (SIGKILL) orphans that this process has adopted, with everything below them, and takes them from the process
/// table. Goes on until nobody is left, for a second at most; returns who is left.
///
/// `known` are the children that this process has started itself and still cares for. It must not start others
/// meanwhile, on another thread: they would be taken for orphans.
pub fn end_orphans(which: Orphans<'_>, known: &[u32]) -> Vec<u32> {
    let groups = match which {
        // Else its number is another's by now.
        Orphans::Of { worker, .. } if !known.contains(&worker) => Some(Groups::of(worker)),
        _ => None,
    };
    ending::end_all(&Origin::Orphans { which, known, groups: groups.as_ref() }, None, KILLING)
}

/// Takes from the process table whatever ended as a child of this process and is not `known` (the children that it has
/// started itself); returns their ids. Does not wait and ends nothing.
///
/// Must not run while another thread starts a child: the ends of those that could not be started would be
/// taken away from it.
pub fn reap_orphans(known: &[u32]) -> Vec<u32> {
    let peek = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    // Cheap, and nearly always the answer.
    if !matches!(waitid(WaitId::All, peek), Ok(Some(_))) {
        return Vec::new();
    }
    let own = procfs::own_pid();
    let ended = |entry: &Entry| entry.ended && entry.parent == own && !known.contains(&entry.pid);
    procfs::entries().iter().filter(|entry| ended(entry) && ending::reap(entry.pid)).map(|e| e.pid).collect()
}

/// Where processes came from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Origin<'a> {
    /// A program of this process.
    Program { pid: u32, mark: Option<&'a [u8]>, group: Option<&'a Group> },
    /// Orphans of this process.
    Orphans { which: Orphans<'a>, known: &'a [u32], groups: Option<&'a Groups> },
}

impl Origin<'_> {
    /// Those of `all` that came from here, ended ones included.
    pub(crate) fn members(&self, all: &[Entry]) -> Vec<Entry> {
        let own = procfs::own_pid();
        let mut members: HashSet<u32> =
            all.iter().filter(|entry| self.is_seed(entry, own)).map(|entry| entry.pid).collect();
        members.extend(self.grouped());
        if members.is_empty() {
            return Vec::new();
        }
        // Numbers are reused, so a child's may be lower than its parent's: until nothing is added.
        loop {
            let before = members.len();
            for entry in all {
                if members.contains(&entry.parent) {
                    members.insert(entry.pid);
                }
            }
            if members.len() == before {
                break;
            }
        }
        members.remove(&own);
        all.iter().filter(|entry| members.contains(&entry.pid)).copied().collect()
    }

    fn grouped(&self) -> Vec<u32> {
        match self {
            Self::Program { group, .. } => group.map(Group::members).unwrap_or_default(),
            Self::Orphans { groups, .. } => groups.map(Groups::members).unwrap_or_default(),
        }
    }

    /// Has the kernel end (SIGKILL) those that are in a control group, all at once.
    pub(crate) fn kill_grouped(&self) {
        match self {
            Self::Program { group, .. } => group.iter().for_each(|group| group.kill()),
            Self::Orphans { groups, .. } => groups.iter().for_each(|groups| groups.kill()),
        }
    }

    pub(crate) fn living(&self) -> Vec<u32> {
        self.members(&procfs::entries()).iter().filter(|entry| !entry.ended).map(|entry| entry.pid).collect()
    }

    fn is_seed(&self, entry: &Entry, own: u32) -> bool {
        match *self {
            Self::Program { pid, mark, .. } => {
                entry.pid == pid
                    || entry.group == pid
                    || (is_orphan(entry, own) && mark.is_some_and(|mark| has_mark(entry, mark)))
            }
            Self::Orphans { which, known, .. } => {
                if entry.parent != own || known.contains(&entry.pid) {
                    return false;
                }
                match which {
                    Orphans::All => true,
                    Orphans::Of { worker, groups } => {
                        entry.group == worker
                            || groups.contains(&entry.group)
                            || was_marked_by(entry.pid, worker)
                    }
                }
            }
        }
    }
}

/// Whether the process may have been adopted: by us, or by init if we do not adopt.
fn is_orphan(entry: &Entry, own: u32) -> bool {
    entry.parent == own || entry.parent == 1
}

fn has_mark(entry: &Entry, mark: &[u8]) -> bool {
    !entry.ended && procfs::variable(entry.pid, program::MARK).is_some_and(|value| value == mark)
}

fn was_marked_by(pid: u32, worker: u32) -> bool {
    let value = procfs::variable(pid, program::MARK);
    value.is_some_and(|value| value.starts_with(format!("{worker}:").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listening::{Listening, Readiness, of, readiness};
    use crate::testing::{SELF, Watched, all_output, start_listening, wait_readable, worker};

    /// Everything of the program ends, whatever it is.
    #[track_caller]
    fn check_end(mut process: program::Process, watched: &[u32]) {
        let watched: Vec<Watched> = watched.iter().map(|&pid| Watched::new(pid)).collect();
        assert_eq!(process.kill(), [0; 0]);
        assert!(watched.iter().all(Watched::has_ended));
        assert!(process.try_wait().unwrap().is_some());
        assert!(process.descendants().is_empty());
        assert_eq!(procfs::entry(process.pid()), None, "it is still in the process table");
    }

    #[test]
    fn a_descendant_of_a_wrapper_listens() {
        let wrapper = format!("(({SELF}; :) ; :); :");
        let (process, address, pid) = start_listening(&wrapper, "listen 127.0.0.1:0");
        assert_ne!(process.pid(), pid);
        let found = descendants(process.pid());
        assert!(found.contains(&pid) && found.contains(&process.pid()), "{found:?}");
        assert_eq!(process.readiness(address.port()), Readiness::Ready { pid });
        assert_eq!(readiness(address.port(), &found), Readiness::Ready { pid });
        // Even if it was started after the others were listed.
        assert_eq!(readiness(address.port(), &[process.pid()]), Readiness::Ready { pid });
        assert_eq!(of(&found), [Listening { address, pid: Some(pid) }]);
        check_end(process, &[pid]);
    }

    #[test]
    fn a_grandchild_in_a_session_of_its_own_belongs_to_it() {
        let (process, address, pid) = start_listening(&format!("({SELF}); :"), "daemon 127.0.0.1:0");
        assert_ne!(procfs::entry(pid).unwrap().group, process.pid());
        assert_eq!(process.readiness(address.port()), Readiness::Ready { pid });
        check_end(process, &[pid]);
    }

    #[test]
    fn a_daemon_is_found_after_its_starter_has_ended() {
        become_subreaper().unwrap();
        let (mut process, address, pid) = start_listening(&format!("{SELF} & exit 3"), "daemon 127.0.0.1:0");
        wait_readable(process.pidfd());
        assert_eq!(process.try_wait().unwrap().unwrap().code(), Some(3));
        assert_eq!(procfs::entry(pid).unwrap().parent, procfs::own_pid());
        assert_eq!(process.descendants(), [pid]);
        assert_eq!(process.readiness(address.port()), Readiness::Ready { pid });
        check_end(process, &[pid]);
        assert_eq!(procfs::entry(pid), None, "the daemon is still in the process table");
    }

    #[test]
    fn what_stays_in_the_process_group_is_found_after_its_starter_has_ended() {
        become_subreaper().unwrap();
        let (mut process, _, pid) = start_listening(&format!("{SELF} & exit 0"), "listen 127.0.0.1:0");
        wait_readable(process.pidfd());
        assert!(process.try_wait().unwrap().unwrap().success());
        assert_eq!(descendants(process.pid()), [pid]);
        check_end(process, &[pid]);
    }

    #[test]
    fn another_program_is_a_stranger() {
        let (stranger, address, pid) = start_listening(&format!("exec {SELF}"), "listen 127.0.0.1:0");
        let (process, ..) = start_listening(&format!("exec {SELF}"), "listen [::1]:0");
        let found = process.readiness(address.port());
        assert!(
            matches!(&found, Readiness::Foreign { pid: Some(other), name } if *other == pid && !name.is_empty())
        );
        check_end(process, &[]);
        check_end(stranger, &[pid]);
    }

    #[test]
    fn one_that_listens_on_ipv6_only_is_not_ready() {
        let (process, address, pid) = start_listening(&format!("exec {SELF}"), "listen [::1]:0");
        assert_eq!(process.readiness(address.port()), Readiness::OnlyIpv6 { pid });
        let free = crate::port::free_port(10_000..=30_000, 100).unwrap();
        assert_eq!(process.readiness(free), Readiness::NotYet);
        assert_eq!(readiness(free, &process.descendants()), Readiness::Elsewhere(vec![address]));
        check_end(process, &[pid]);
    }

    #[test]
    fn one_that_never_stops_starting_others_is_ended() {
        become_subreaper().unwrap();
        let storm = "echo; while :; do (setsid sleep 1000 &) ; (sleep 1000 &) ; done";
        let (process, streams) = crate::testing::script(storm, "").start().unwrap();
        let streams = streams.unwrap();
        while process.descendants().len() < 100 {
            wait_readable(std::os::fd::AsFd::as_fd(&streams.stdout));
        }
        let found = process.descendants();
        check_end(process, &found[..50]);
    }

    #[test]
    fn nobody_leaves_a_control_group() {
        if let Err(reason) = crate::cgroup::own_folder() {
            eprintln!("nothing to test: {reason}");
            return;
        }
        become_subreaper().unwrap();
        let text = "env -i setsid sleep 1000 & echo \"role $!\"; exit 0";
        let (mut process, streams) = crate::testing::script(text, "").start().unwrap();
        let pid = crate::testing::line(&mut crate::testing::lines(streams.unwrap().stdout)).parse().unwrap();
        wait_readable(process.pidfd());
        assert!(process.try_wait().unwrap().is_some());
        assert_eq!(process.descendants(), [pid]);
        let cgroup = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        let group = cgroup.lines().find_map(|line| line.strip_prefix("0::")).unwrap();
        let name = group.rsplit('/').next().unwrap();
        let folder = crate::cgroup::own_folder().unwrap().join(name);
        assert!(folder.exists() && name.starts_with(&format!("mews-{}-", procfs::own_pid())));
        check_end(process, &[pid]);
        assert!(!folder.exists());
    }

    #[test]
    fn a_dead_workers_control_groups_are_emptied() {
        if let Err(reason) = crate::cgroup::own_folder() {
            eprintln!("nothing to test: {reason}");
            return;
        }
        become_subreaper().unwrap();
        // As a program it would have a group itself, and those that it makes would be below that.
        let program = worker("", "start", "env -i setsid sleep 1000 & exec sleep 1000");
        let mut worker = std::process::Command::new(program.path)
            .args(program.arguments)
            .envs(program.environment)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = crate::testing::lines(worker.stdout.take().unwrap().into());
        let program = Watched::new(crate::testing::line(&mut lines).parse().unwrap());
        let groups = Groups::of(worker.id());
        assert!(!groups.members().is_empty());
        worker.kill().unwrap();
        program.wait();
        let which = Orphans::Of { worker: worker.id(), groups: &[] };
        assert_eq!(end_orphans(which, &[]), [0; 0]);
        assert!(groups.members().is_empty() && Groups::of(worker.id()).members().is_empty());
        worker.wait().unwrap();
    }

    #[test]
    fn orphans_are_ended_and_what_is_known_is_left_alone() {
        for (which, first) in [("all", "[false, false, true]"), ("group", "[false, true, true]")] {
            let (_process, streams) = worker("", &format!("adopt {which}"), "").start().unwrap();
            let (output, errors) = all_output(streams);
            let expected = format!(
                "adopted true\nreaped what is known false\nreaped true\nleft []\nliving {first}\n\
                 left []\nliving [false, false, true]\n"
            );
            assert!(output.contains(&expected), "{which}: {output}{errors}");
        }
    }
}
