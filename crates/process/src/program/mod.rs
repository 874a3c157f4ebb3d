//! Programs: processes that are not this binary, as an app with its own server is, or whatever `processPath` names.
//!
//! A program leads a process group of its own, so that no terminal's signal reaches it, and the kernel kills it when
//! the thread that started it ends: it cannot outlive us, however we end. What it starts in turn has no such guard;
//! [`crate::descendants`] finds that.
//!
//! It stays in our session. Where no control group says otherwise, the kernel shares the processors out among sessions
//! first (`sched_autogroup`): in one of its own, an app would compete with the worker that it answers, and both wait
//! for each other's share.

mod process;
#[cfg(test)]
mod tests;

pub use process::Process;

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{Access, AtFlags, Mode, OFlags};
use rustix::process::{PidfdFlags, pidfd_open};

use crate::cgroup::Group;
use crate::{procfs, sys};

/// The environment variable that every program gets besides its own. A program's descendants inherit it, so
/// that one that has left its process group and lost its parent is still known. Its value is the id of the process
/// that started the program, a colon, and what makes it unique.
pub const MARK: &str = "MEWS_PROGRAM";

/// What to start.
#[derive(Clone, Debug)]
pub struct Program {
    /// The executable: looked for in the `PATH` of `environment` if it has no `/`; if relative, as seen from
    /// `directory`.
    pub path: PathBuf,
    /// Arguments after its name.
    pub arguments: Vec<OsString>,
    /// Its whole environment, to which only [`MARK`] is added.
    pub environment: Vec<(OsString, OsString)>,
    /// Its current directory.
    pub directory: PathBuf,
    /// Whether what it prints comes to us; otherwise it goes to `/dev/null`. It never has a stdin.
    pub capture: bool,
}

/// What a program prints. Our ends do not block.
#[derive(Debug)]
pub struct Streams {
    /// Its stdout. Ends when the program and everything that inherited it has closed it.
    pub stdout: OwnedFd,
    /// Its stderr. Ends in the same way.
    pub stderr: OwnedFd,
}

impl Program {
    /// Starts it; the streams are there if `capture` is.
    ///
    /// Must be called on a thread that lives as long as the program may: the program dies (SIGKILL) when that
    /// thread ends. Programs with set-user-ID or file capabilities are exempt from that; the kernel does
    /// not let us kill what has more rights than we.
    ///
    /// # Errors
    /// When the directory cannot be entered (the message says so), when the file is not there, not executable
    /// or of an unknown format (the system's own errors), or when the system has no processes, memory or
    /// descriptors left. Nothing has been left running then.
    pub fn start(&self) -> io::Result<(Process, Option<Streams>)> {
        enterable(&self.directory)?;
        let own = rustix::process::getpid();
        let mark = new_mark(procfs::own_pid())?;
        let output = || if self.capture { Stdio::piped() } else { Stdio::null() };
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env(MARK, &mark)
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(output())
            .stderr(output());
        let group = Group::create(&mark);
        let list = group.as_ref().map(|group| group.processes().try_clone_to_owned()).transpose()?;
        sys::isolate(&mut command, own, list);
        let mut child = command.spawn()?;
        let pid = procfs::raw(child.id()).ok_or_else(|| io::Error::other("the process has no id"))?;
        // It is our child and nobody else waits for it, so the number is still its own.
        let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            Err(errno) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(errno.into());
            }
        };
        let streams = match (child.stdout.take(), child.stderr.take()) {
            (Some(stdout), Some(stderr)) => {
                Some(Streams { stdout: non_blocking(stdout.into()), stderr: non_blocking(stderr.into()) })
            }
            _ => None,
        };
        Ok((Process::new(pid, pidfd, mark, group), streams))
    }
}

/// The read end of a pipe is ours alone, so the program does not see this.
fn non_blocking(pipe: OwnedFd) -> OwnedFd {
    // It cannot fail for a pipe.
    let _ = rustix::io::ioctl_fionbio(&pipe, true);
    pipe
}

/// Asked first, because the system's own answer to a start, "not found", could mean the program as well.
fn enterable(directory: &Path) -> io::Result<()> {
    // As a change to it does, this needs the right to enter and not the right to list.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let entered = rustix::fs::open(directory, flags, Mode::empty())
        .and_then(|folder| rustix::fs::accessat(folder, ".", Access::EXEC_OK, AtFlags::EACCESS));
    entered.map_err(|errno| {
        let error = io::Error::from(errno);
        let text = format!("the directory {} cannot be entered: {error}", directory.display());
        io::Error::new(error.kind(), text)
    })
}

/// Unique among all that live: the counter tells programs of this process apart, the random part those of an
/// earlier process with our number.
fn new_mark(own: u32) -> io::Result<String> {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let count = STARTED.fetch_add(1, Ordering::Relaxed);
    let random = crate::port::random_u64()?;
    Ok(format!("{own}:{count}.{random:016x}"))
}
