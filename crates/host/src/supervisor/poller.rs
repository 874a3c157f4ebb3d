//! Waits for anything to happen.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use mews_model::lifecycle::WorkerId;
use mews_process::signals::Signals;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::worker::Worker;

/// What happened.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// A signal asks to stop.
    pub(super) stop: bool,
    /// A child may have ended.
    pub(super) child: bool,
    /// Workers that said or printed something, or take messages again.
    pub(super) workers: Vec<WorkerId>,
}

/// Waits until something happens or the limit is over; for ever without a limit.
pub(super) fn wait(
    signals: &Signals,
    workers: &BTreeMap<WorkerId, Worker>,
    limit: Option<Duration>,
) -> io::Result<Ready> {
    let [stop, child] = signals.descriptors();
    let mut owners = Vec::new();
    let mut entries =
        vec![PollFd::from_borrowed_fd(stop, PollFlags::IN), PollFd::from_borrowed_fd(child, PollFlags::IN)];
    for (id, worker) in workers {
        for (descriptor, sends) in worker.descriptors() {
            let flags = if sends { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
            entries.push(PollFd::from_borrowed_fd(descriptor, flags));
            owners.push(*id);
        }
    }
    // A moment longer than asked for, so that the timer is due when the wait is over.
    let limit = limit.map(|limit| limit + Duration::from_millis(1));
    let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
    match poll(&mut entries, limit.as_ref()) {
        Ok(_) => {}
        Err(Errno::INTR) => return Ok(Ready::default()),
        Err(errno) => return Err(errno.into()),
    }
    let mut happened = entries.iter().map(|entry| !entry.revents().is_empty());
    let mut ready = Ready {
        stop: happened.next().unwrap_or(false),
        child: happened.next().unwrap_or(false),
        workers: Vec::new(),
    };
    for (id, happened) in owners.into_iter().zip(happened) {
        if happened && ready.workers.last() != Some(&id) {
            ready.workers.push(id);
        }
    }
    Ok(ready)
}
