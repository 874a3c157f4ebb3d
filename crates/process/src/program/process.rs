//! A program that was started.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, waitid};

use crate::cgroup::Group;
use crate::descendants::Origin;
use crate::ending;
use crate::listening::{self, Readiness};

/// How long [`Process::kill`] goes on.
const KILLING: Duration = Duration::from_secs(1);

/// A running program, or one that has ended.
///
/// Its process id, which is also that of its process group, stays its own for the life of the value: an ended
/// program is only taken from the process table by [`Process::kill`], which dropping the value does as well.
#[derive(Debug)]
pub struct Process {
    pid: Pid,
    pidfd: OwnedFd,
    mark: String,
    group: Option<Group>,
    ended: Option<ExitStatus>,
    reaped: bool,
}

impl Process {
    pub(super) fn new(pid: Pid, pidfd: OwnedFd, mark: String, group: Option<Group>) -> Self {
        Self { pid, pidfd, mark, group, ended: None, reaped: false }
    }

    /// The id of the process and of its process group.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Becomes readable when the program has ended, and stays so.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Whether it has ended, and how. Does not wait. What it has started may live on.
    ///
    /// # Errors
    /// When somebody else in this process has waited for it.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.wait(WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT)?;
        }
        Ok(self.ended)
    }

    /// Asks the program, and what it has started in its process group, to end: SIGTERM, and SIGCONT so that one
    /// that was stopped can follow.
    pub fn terminate(&self) {
        if self.reaped {
            return;
        }
        // The only failure is that there is nobody left.
        let _ = kill_process_group(self.pid, Signal::TERM);
        let _ = kill_process_group(self.pid, Signal::CONT);
    }

    /// Ends the program and everything that came from it, at once: SIGKILL again and again until nobody is left,
    /// for a second at most. Takes the program from the process table.
    ///
    /// Returns who is left; only processes that are stuck in the kernel can be.
    pub fn kill(&mut self) -> Vec<u32> {
        if self.reaped {
            return Vec::new();
        }
        let left = ending::end_all(&self.origin(), Some(self.pid()), KILLING);
        match self.wait(WaitIdOptions::NOHANG) {
            Ok(Some(status)) => {
                self.ended = Some(status);
                self.reaped = true;
            }
            // It is one of those left.
            Ok(None) => {}
            // Somebody else has; the number is not ours any more.
            Err(_) => self.reaped = true,
        }
        left
    }

    /// The program and everything that came from it and lives; see [`crate::descendants::descendants`], which does
    /// not find as much once the program has ended.
    pub fn descendants(&self) -> Vec<u32> {
        if self.reaped { Vec::new() } else { self.origin().living() }
    }

    /// Whether it, or what came from it, serves a port; see [`listening::readiness`]. For frequent use: as long as
    /// nobody listens there this reads two files, and says [`Readiness::NotYet`] rather than what else may be
    /// listened on.
    pub fn readiness(&self, port: u16) -> Readiness {
        listening::readiness_of(port, || self.descendants())
    }

    fn origin(&self) -> Origin<'_> {
        Origin::Program { pid: self.pid(), mark: Some(self.mark.as_bytes()), group: self.group.as_ref() }
    }

    fn wait(&self, options: WaitIdOptions) -> io::Result<Option<ExitStatus>> {
        loop {
            match waitid(WaitId::Pid(self.pid), options | WaitIdOptions::EXITED) {
                Ok(status) => return Ok(status.as_ref().map(exit_status)),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// As the standard library keeps it: the old `wait` word.
fn exit_status(status: &WaitIdStatus) -> ExitStatus {
    const DUMPED: i32 = 0x80;
    let word = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => (code & 0xff) << 8,
        (None, Some(signal)) if status.dumped() => signal | DUMPED,
        (None, signal) => signal.unwrap_or_default(),
    };
    ExitStatus::from_raw(word)
}
