//! Ending processes that may be starting others meanwhile.

use std::os::fd::{AsFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process, pidfd_open, pidfd_send_signal, waitid,
};

use crate::descendants::Origin;
use crate::procfs::{self, Entry};

/// How often new ones are looked for before they are ended anyway.
const FREEZING_ROUNDS: usize = 16;

/// A process that cannot be mistaken for a later one with its number.
struct Held {
    entry: Entry,
    pidfd: OwnedFd,
}

/// Ends everything that came from `origin` and takes it from the process table if it is ours to take, but for `keep`.
/// Returns who lives after `limit`.
///
/// All are stopped first, until a look finds no new one: as long as nobody ends, nobody loses its parent, and the
/// whole tree can be seen.
pub(crate) fn end_all(origin: &Origin<'_>, keep: Option<u32>, limit: Duration) -> Vec<u32> {
    let end = Instant::now() + limit;
    let mut held: Vec<Held> = Vec::new();
    let mut seen: Vec<Entry> = Vec::new();
    for _ in 0..FREEZING_ROUNDS {
        let found = living(origin);
        let new: Vec<Entry> =
            found.into_iter().filter(|entry| !held.iter().any(|held| held.entry == *entry)).collect();
        if new.is_empty() || Instant::now() >= end {
            break;
        }
        for held_now in new.iter().filter_map(hold) {
            let _ = pidfd_send_signal(&held_now.pidfd, Signal::STOP);
            held.push(held_now);
        }
    }
    loop {
        origin.kill_grouped();
        for held in &held {
            let _ = pidfd_send_signal(&held.pidfd, Signal::KILL);
        }
        // Once ended, nothing shows where an orphan came from.
        seen.extend(held.iter().map(|held| held.entry));
        wait_for(&mut held, end);
        let left = take_ended(origin, keep, &mut seen);
        if left.is_empty() || Instant::now() >= end {
            return left.iter().map(|entry| entry.pid).collect();
        }
        held = left.iter().filter_map(hold).collect();
        if held.is_empty() {
            // We may be out of descriptors. The numbers have just been looked up.
            for pid in left.iter().filter_map(|entry| procfs::raw(entry.pid)) {
                let _ = kill_process(pid, Signal::KILL);
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Takes a child that has ended from the process table; `false` if it is none of ours or lives.
pub(crate) fn reap(pid: u32) -> bool {
    let Some(pid) = procfs::raw(pid) else { return false };
    matches!(waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG), Ok(Some(_)))
}

fn living(origin: &Origin<'_>) -> Vec<Entry> {
    let mut members = origin.members(&procfs::entries());
    members.retain(|entry| !entry.ended);
    members
}

/// Takes those that ended from the process table, and returns those that live. `seen` are those that came from there
/// when they lived; they are forgotten when they are gone.
fn take_ended(origin: &Origin<'_>, keep: Option<u32>, seen: &mut Vec<Entry>) -> Vec<Entry> {
    let own = procfs::own_pid();
    let all = procfs::entries();
    let mut members = origin.members(&all);
    seen.retain(|seen| all.iter().any(|entry| (entry.pid, entry.started) == (seen.pid, seen.started)));
    let is_seen =
        |entry: &Entry| seen.iter().any(|seen| (entry.pid, entry.started) == (seen.pid, seen.started));
    for entry in all.iter().filter(|entry| entry.ended && entry.parent == own && keep != Some(entry.pid)) {
        if is_seen(entry) || members.contains(entry) {
            reap(entry.pid);
        }
    }
    members.retain(|entry| !entry.ended);
    members
}

/// Between the look and this call the process may have ended and its number been given away: what is held is looked at
/// again.
fn hold(entry: &Entry) -> Option<Held> {
    let pidfd = pidfd_open(procfs::raw(entry.pid)?, PidfdFlags::empty()).ok()?;
    let now = procfs::entry(entry.pid)?;
    (now.started == entry.started).then_some(Held { entry: *entry, pidfd })
}

/// Waits until all have ended or the time is over.
fn wait_for(held: &mut Vec<Held>, end: Instant) {
    while !held.is_empty() {
        let left = end.saturating_duration_since(Instant::now());
        let Ok(left) = Timespec::try_from(left) else { return };
        let mut descriptors: Vec<PollFd<'_>> =
            held.iter().map(|held| PollFd::from_borrowed_fd(held.pidfd.as_fd(), PollFlags::IN)).collect();
        match poll(&mut descriptors, Some(&left)) {
            Ok(0) => return,
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
        let ended: Vec<bool> = descriptors.iter().map(|one| !one.revents().is_empty()).collect();
        let mut ended = ended.into_iter();
        held.retain(|_| !ended.next().unwrap_or(false));
    }
}
