//! What a child does between `fork` and `exec`, descriptors that come with a number only, and calls into C libraries; the one
//! place of this crate with unsafe code.
#![allow(
    unsafe_code,
    reason = "what happens between fork and exec, who owns a number, and what C does, no type can promise"
)]

pub mod gssapi;

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::fs::{Gid, Uid};
use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, Signal, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

/// The highest signal number of Linux; the real-time signals end there.
const LAST_SIGNAL: libc::c_int = 64;

/// Lets the command's process lead a process group of its own, with the signals as they are by default, and die
/// when the thread that starts it ends. `parent` is this process;
/// `group` is the list of the control group that it joins.
pub(crate) fn isolate(command: &mut Command, parent: Pid, group: Option<OwnedFd>) {
    let set_up = move || set_up(parent, group.as_ref().map(AsFd::as_fd));
    // SAFETY: `set_up` is safe in the child of a process with threads: it only makes system calls. It
    // takes no lock and allocates nothing (errors are bare numbers), and it owns all that it reads.
    unsafe { command.pre_exec(set_up) };
}

/// The signal mask is not touched here: the standard library has emptied it.
fn set_up(parent: Pid, group: Option<BorrowedFd<'_>>) -> io::Result<()> {
    // First: until then, a signal that comes runs our own handlers, with our own pipes.
    default_dispositions();
    rustix::process::setpgid(None, None)?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // A parent that ended before that call sends nothing any more.
    if rustix::process::getppid() != Some(parent) {
        return Err(Errno::SRCH.into());
    }
    if let Some(group) = group {
        // `0` is whoever writes it. A group makes the end more certain; without, there are other ways.
        let _ = rustix::io::write(group, b"0");
    }
    Ok(())
}

/// What a confined child takes on. Made before the fork: nothing may be allocated after it.
#[derive(Debug)]
pub(crate) struct Bounds {
    /// The list of the control group that it joins.
    pub(crate) group: Option<OwnedFd>,
    /// `RLIMIT_NOFILE`.
    pub(crate) open_files: Option<u64>,
    /// Its user, group and other groups.
    pub(crate) identity: Option<(Uid, Gid, Vec<Gid>)>,
    /// The directory that it enters with its own rights.
    pub(crate) directory: Option<CString>,
}

/// Confines the command's process.
pub(crate) fn confine(command: &mut Command, bounds: Bounds) {
    // SAFETY: `take_on` is safe in the child of a process with threads: it only makes system calls. It
    // takes no lock and allocates nothing (errors are bare numbers), and it owns all that it reads.
    unsafe { command.pre_exec(move || take_on(&bounds)) };
}

/// In this order: the right to do the first three ends with the user's change.
fn take_on(bounds: &Bounds) -> io::Result<()> {
    if let Some(group) = &bounds.group {
        // `0` is whoever writes it.
        rustix::io::write(group, b"0")?;
    }
    if let Some(most) = bounds.open_files {
        setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    if let Some((uid, gid, groups)) = &bounds.identity {
        // There is only this thread now, so they are the process's.
        set_thread_groups(groups)?;
        set_thread_res_gid(*gid, *gid, *gid)?;
        set_thread_res_uid(*uid, *uid, *uid)?;
        // Gone already if we were root, but not if we had only been given them.
        let none = CapabilitySet::empty();
        set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
        set_no_new_privs(true)?;
    }
    if let Some(directory) = &bounds.directory {
        rustix::process::chdir(directory)?;
    }
    Ok(())
}

/// Takes over a descriptor that this process was started with, as its number says. `None` if there is none of that number.
///
/// May be called once for each number, and before anything was opened that could have got it.
pub(crate) fn adopt(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: any number may be asked about; that of no descriptor is refused. What is open must not reach children.
    let is_open = unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } == 0;
    // SAFETY: it is open, and by the promise of the caller nothing in this process owns it.
    is_open.then(|| unsafe { OwnedFd::from_raw_fd(number) })
}

/// Handlers end with `exec`, but what is ignored stays so, and .NET, for one, does not change it back.
fn default_dispositions() {
    for signal in 1..=LAST_SIGNAL {
        // SAFETY: no handler of ours is passed, and the call is async-signal-safe. It refuses the signals
        // that cannot be changed (SIGKILL, SIGSTOP) and those that the C library keeps for itself.
        let _ = unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}
