//! What a program's process does between `fork` and `exec`; the one place of this crate with unsafe code.
#![allow(unsafe_code, reason = "code between fork and exec cannot be promised to be sound by a type")]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::Errno;
use rustix::process::{Pid, Signal};

/// The highest signal number of Linux; the real-time signals end there.
const LAST_SIGNAL: libc::c_int = 64;

/// Lets the command's process lead a session of its own, with the signals as they are by default, and die
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
    rustix::process::setsid()?;
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

/// Handlers end with `exec`, but what is ignored stays so, and .NET, for one, does not change it back.
fn default_dispositions() {
    for signal in 1..=LAST_SIGNAL {
        // SAFETY: no handler of ours is passed, and the call is async-signal-safe. It refuses the signals
        // that cannot be changed (SIGKILL, SIGSTOP) and those that the C library keeps for itself.
        let _ = unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}
