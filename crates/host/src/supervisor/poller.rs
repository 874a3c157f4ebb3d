//! Waits for anything to happen.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use mews_model::lifecycle::WorkerId;
use mews_process::signals::Signals;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::PoolKey;
use super::commands::ClientId;

/// Whose descriptor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// Files of applications have changed.
    Files,
    /// The address of metrics, where somebody asks.
    Metrics,
    /// A worker that said or printed something, or takes messages again.
    Worker(PoolKey, WorkerId),
    /// The gateway, as a worker.
    Gateway,
    /// A socket of a pool whose app does not run, and that somebody connects to.
    Connection(PoolKey),
    /// Somebody connects to the control socket.
    Control,
    /// A client of the control socket.
    Client(ClientId),
}

/// What happened.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// A signal asks to stop.
    pub(super) stop: bool,
    /// A child may have ended.
    pub(super) child: bool,
    /// Everything else, each once.
    pub(super) sources: Vec<Source>,
}

/// A descriptor to wait for.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) source: Source,
    pub(super) descriptor: BorrowedFd<'a>,
    /// Whether something waits to be read, and to be written.
    pub(super) flags: PollFlags,
}

/// Waits until something happens or the limit is over; for ever without a limit.
pub(super) fn wait(signals: &Signals, entries: &[Entry<'_>], limit: Option<Duration>) -> io::Result<Ready> {
    let [stop, child] = signals.descriptors();
    let mut polled = Vec::with_capacity(entries.len() + 2);
    polled.push(PollFd::from_borrowed_fd(stop, PollFlags::IN));
    polled.push(PollFd::from_borrowed_fd(child, PollFlags::IN));
    polled.extend(entries.iter().map(|entry| PollFd::from_borrowed_fd(entry.descriptor, entry.flags)));
    // A moment longer than asked for, so that the timer is due when the wait is over.
    let limit = limit.map(|limit| limit + Duration::from_millis(1));
    let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
    match poll(&mut polled, limit.as_ref()) {
        Ok(_) => {}
        Err(Errno::INTR) => return Ok(Ready::default()),
        Err(errno) => return Err(errno.into()),
    }
    let mut happened = polled.iter().map(|entry| !entry.revents().is_empty());
    let mut ready = Ready {
        stop: happened.next().unwrap_or(false),
        child: happened.next().unwrap_or(false),
        sources: Vec::new(),
    };
    let sources = entries.iter().zip(happened).filter(|(_, happened)| *happened);
    ready.sources.extend(sources.map(|(entry, _)| entry.source));
    ready.sources.sort_unstable();
    ready.sources.dedup();
    Ok(ready)
}
