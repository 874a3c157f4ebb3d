//! For the tests with real processes: shell scripts, and this test binary in the role of a program.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, pidfd_open};

use crate::descendants::{Orphans, become_subreaper, end_orphans, reap_orphans};
use crate::procfs;
use crate::program::{Process, Program, Streams};

/// Names what [`role`] is to do; without it, it does nothing.
const ROLE: &str = "MEWS_TEST_ROLE";
/// For the roles that run a script themselves.
const SCRIPT: &str = "MEWS_TEST_SCRIPT";
/// A shell's words for this binary in its role. Its output begins with the test harness's own lines.
pub(crate) const SELF: &str = "\"$0\" --exact testing::role --nocapture";
/// Nothing here takes longer, whatever else the machine does.
const LONG: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

/// Not a test of its own: what the processes of the tests run.
#[test]
fn role() {
    let Some(role) = std::env::var(ROLE).ok() else { return };
    let (role, argument) = role.split_once(' ').unwrap_or((&role, ""));
    match role {
        "listen" => listen(argument),
        "daemon" => {
            rustix::process::setsid().unwrap();
            listen(argument);
        }
        // A worker: starts a program that outlives its own work.
        "start" => {
            become_subreaper().unwrap();
            let (process, _streams) = script(&std::env::var(SCRIPT).unwrap(), "").start().unwrap();
            println!("\nrole {}", process.pid());
            park();
        }
        // A worker that shows what its program prints.
        "show" => {
            let (_process, streams) = script(&std::env::var(SCRIPT).unwrap(), "").start().unwrap();
            println!("\n{}", all_output(streams).0);
        }
        // A worker that was left with what a program had started.
        "adopt" => adopt(argument == "all"),
        other => panic!("no such role: {other}"),
    }
}

fn listen(address: &str) {
    let listener = TcpListener::bind(address).unwrap();
    println!("\nrole {} {}", listener.local_addr().unwrap(), std::process::id());
    park();
}

fn adopt(all: bool) {
    become_subreaper().unwrap();
    let (kept, _streams) = script("exec sleep 1000", "").start().unwrap();
    // Of the two, one stays in the process group and one is known by nothing but that it was left to us.
    let text = "sleep 1000 & echo \"role $!\"; (env -i setsid sleep 1000 & echo \"role $!\"); exit 5";
    let (leader, streams) = script(text, "").start().unwrap();
    let mut lines = lines(streams.unwrap().stdout);
    let member: u32 = line(&mut lines).parse().unwrap();
    let unmarked: u32 = line(&mut lines).parse().unwrap();
    let mut known = vec![kept.pid(), leader.pid()];
    wait_readable(leader.pidfd());
    wait_for_name(unmarked, "sleep");
    println!("\nadopted {}", [member, unmarked].iter().all(|&pid| is_child(pid)));
    println!("reaped what is known {}", !reap_orphans(&known).is_empty());
    known.pop();
    println!("reaped {}", reap_orphans(&known) == [leader.pid()]);
    let which = if all { Orphans::All } else { Orphans::Of { worker: 0, groups: &[leader.pid()] } };
    println!("left {:?}", end_orphans(which, &known));
    println!("living {:?}", [member, unmarked, kept.pid()].map(is_child));
    println!("left {:?}", end_orphans(Orphans::All, &known));
    println!("living {:?}", [member, unmarked, kept.pid()].map(is_child));
}

fn is_child(pid: u32) -> bool {
    procfs::entry(pid).is_some_and(|entry| entry.parent == std::process::id() && !entry.ended)
}

/// Until the process runs the program of this name: a change that nobody announces.
fn wait_for_name(pid: u32, name: &str) {
    while procfs::name(pid).as_deref() != Some(name) {
        std::thread::yield_now();
    }
}

fn park() {
    loop {
        std::thread::park();
    }
}

/// A shell script as a program, with a role for those of its processes that are [`SELF`].
pub(crate) fn script(text: &str, role: &str) -> Program {
    let binary = std::env::current_exe().unwrap();
    Program {
        path: "/bin/sh".into(),
        arguments: vec!["-c".into(), text.into(), binary.into()],
        environment: environment(role),
        directory: "/".into(),
        capture: true,
    }
}

fn environment(role: &str) -> Vec<(OsString, OsString)> {
    // Ours may lead to folders that cannot be read, and then nothing is "not found".
    let mut all = vec![("PATH".into(), "/usr/bin:/bin".into())];
    if !role.is_empty() {
        all.push((ROLE.into(), role.into()));
    }
    all
}

/// This binary in the role of a worker that starts a script; `before` is what a shell does first.
pub(crate) fn worker(before: &str, role: &str, its_script: &str) -> Program {
    let mut worker = script(&format!("{before} exec {SELF}"), role);
    worker.environment.push((SCRIPT.into(), its_script.into()));
    worker
}

/// Starts a script whose listener says where it listens, and waits for that.
pub(crate) fn start_listening(text: &str, role: &str) -> (Process, SocketAddr, u32) {
    let (process, streams) = script(text, role).start().unwrap();
    let said = line(&mut lines(streams.unwrap().stdout));
    let (address, pid) = said.split_once(' ').unwrap();
    (process, address.parse().unwrap(), pid.parse().unwrap())
}

/// What a process prints, waited for.
pub(crate) type Lines = std::io::Lines<BufReader<File>>;

pub(crate) fn lines(stream: OwnedFd) -> Lines {
    rustix::io::ioctl_fionbio(&stream, false).unwrap();
    BufReader::new(File::from(stream)).lines()
}

/// The rest of the next line that begins with `role `.
pub(crate) fn line(lines: &mut Lines) -> String {
    lines.map(Result::unwrap).find_map(|line| line.strip_prefix("role ").map(str::to_owned)).unwrap()
}

/// Everything, until the program and its heirs have closed it.
pub(crate) fn all_output(streams: Option<Streams>) -> (String, String) {
    let read = |stream: OwnedFd| {
        rustix::io::ioctl_fionbio(&stream, false).unwrap();
        let mut text = String::new();
        File::from(stream).read_to_string(&mut text).unwrap();
        text
    };
    let streams = streams.unwrap();
    (read(streams.stdout), read(streams.stderr))
}

pub(crate) fn wait_readable(descriptor: BorrowedFd<'_>) {
    let mut one = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
    assert_eq!(poll(&mut one, Some(&LONG)), Ok(1), "nothing happened for a minute");
}

/// Follows a process that is not our child.
pub(crate) struct Watched(OwnedFd);

impl Watched {
    pub(crate) fn new(pid: u32) -> Self {
        Self(pidfd_open(procfs::raw(pid).unwrap(), PidfdFlags::empty()).unwrap())
    }

    pub(crate) fn wait(&self) {
        wait_readable(self.0.as_fd());
    }

    pub(crate) fn has_ended(&self) -> bool {
        let mut one = [PollFd::from_borrowed_fd(self.0.as_fd(), PollFlags::IN)];
        poll(&mut one, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) == Ok(1)
    }
}
