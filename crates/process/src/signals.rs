//! Signals as something that can be polled: each kind has a pipe, each arrival is a byte in it.

use std::fs;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGXFSZ};

/// The signals that are listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalKind {
    /// SIGTERM, SIGINT, or SIGHUP: the process was asked to stop.
    Stop,
    /// SIGCHLD: a child may have ended.
    Child,
}

/// Listens for the life of the value; the handlers stay installed after it.
#[derive(Debug)]
pub struct Signals {
    stop: UnixStream,
    child: UnixStream,
}

impl Signals {
    /// Installs the handlers, and that of [`outlive_file_limit`]. SIGHUP stays ignored if it was when we were started (`nohup`).
    pub fn install() -> io::Result<Self> {
        let (stop, stop_in) = UnixStream::pair()?;
        let (child, child_in) = UnixStream::pair()?;
        stop.set_nonblocking(true)?;
        child.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(SIGTERM, stop_in.try_clone()?)?;
        signal_hook::low_level::pipe::register(SIGINT, stop_in.try_clone()?)?;
        if !ignored(SIGHUP) {
            signal_hook::low_level::pipe::register(SIGHUP, stop_in)?;
        }
        signal_hook::low_level::pipe::register(SIGCHLD, child_in)?;
        outlive_file_limit()?;
        Ok(Self { stop, child })
    }

    /// The descriptors to poll for readability, in the order Stop, Child.
    pub fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        [self.stop.as_fd(), self.child.as_fd()]
    }

    /// How often a signal of the kind has arrived since the last call. Does not wait.
    pub fn take(&mut self, kind: SignalKind) -> usize {
        let pipe = match kind {
            SignalKind::Stop => &mut self.stop,
            SignalKind::Child => &mut self.child,
        };
        let mut count = 0;
        let mut bytes = [0; 64];
        while let Ok(read @ 1..) = pipe.read(&mut bytes) {
            count += read;
        }
        count
    }
}

/// From now on a file that exceeds the limit of files' lengths (`ulimit -f`) is an error of the write, as on a full disk, and
/// not the end of the process. Programs that are started from here get the system's behaviour again.
///
/// # Errors
/// No handler can be installed.
pub fn outlive_file_limit() -> io::Result<()> {
    // A handler, unlike an ignored signal, is not inherited.
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map(drop)
}

/// Whether the process was started with the signal ignored.
fn ignored(signal: i32) -> bool {
    let Ok(status) = fs::read_to_string("/proc/self/status") else { return false };
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).map(str::trim);
    let mask = mask.and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0);
    mask & (1 << (signal - 1)) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::process::{Signal, getpid, kill_process};

    #[test]
    fn arrivals_are_counted() {
        let mut signals = Signals::install().unwrap();
        assert_eq!(signals.take(SignalKind::Stop), 0);
        kill_process(getpid(), Signal::TERM).unwrap();
        let [stop, _] = signals.descriptors();
        poll(&mut [PollFd::from_borrowed_fd(stop, PollFlags::IN)], None).unwrap();
        assert_eq!(signals.take(SignalKind::Stop), 1);
        assert_eq!(signals.take(SignalKind::Stop), 0);
    }
}
