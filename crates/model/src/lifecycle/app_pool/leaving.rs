//! Workers that are to end, and the end of the pool.

use std::time::Duration;

use super::page::Page;
use super::{AppPool, Phase, log};
use crate::lifecycle::{Effect, Leave, Level, Moment, WorkerId};

/// A worker that reported a failed start ends by itself within this time, or is killed.
const FAILED_WORKER_LEAVES: Duration = Duration::from_secs(5);
/// Requests to stop that follow the first this quickly are the same one: `timeout`, for instance, signals
/// the process and then its group.
const SAME_REQUEST: Duration = Duration::from_millis(250);
/// How long killed processes may take to vanish before nobody waits for them any more.
const KILLED_WORKER_VANISHES: Duration = Duration::from_secs(5);

/// A worker that is to end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    pub(super) id: WorkerId,
    kill_at: Moment,
    pub(super) killed: bool,
    /// The app runs in it and has until then to stop.
    pub(super) stops: bool,
}

impl AppPool {
    /// Tells a worker to end; `stops` when the app runs in it.
    pub(super) fn leave(
        &mut self,
        id: WorkerId,
        why: Leave,
        stops: bool,
        now: Moment,
        out: &mut Vec<Effect>,
    ) {
        let kill_at = now + self.limits.shutdown;
        self.leaving.push(Leaving { id, kill_at, killed: false, stops });
        out.push(Effect::StopWorker(id, why));
    }

    /// The worker is ending already, so it is not told to: its own stop must not be cut short by ours.
    pub(super) fn leaves_itself(&mut self, id: WorkerId, now: Moment) {
        let kill_at = now + self.limits.shutdown;
        self.leaving.push(Leaving { id, kill_at, killed: false, stops: true });
    }

    /// Waits a moment for the end of a worker that has failed.
    pub(super) fn give_up(&mut self, id: WorkerId, now: Moment) {
        self.leaving.push(Leaving { id, kill_at: now + FAILED_WORKER_LEAVES, killed: false, stops: false });
    }

    /// Ends a worker at once.
    pub(super) fn kill(&mut self, id: WorkerId, out: &mut Vec<Effect>) {
        self.leaving.push(Leaving { id, kill_at: Moment::default(), killed: true, stops: false });
        out.push(Effect::KillWorker(id));
    }

    /// Tells every worker that runs, or starts, the app to end.
    pub(super) fn leave_apps(&mut self, why: Leave, now: Moment, out: &mut Vec<Effect>) {
        match self.phase {
            Phase::Starting { worker, .. } | Phase::Running { worker, .. } => {
                self.leave(worker, why, true, now, out);
            }
            Phase::Overlapping { worker, next, .. } => {
                self.leave(worker, why, true, now, out);
                self.leave(next, why, true, now, out);
            }
            _ => {}
        }
    }

    /// When the end of everything that is leaving now is not waited for any more.
    pub(super) fn give_up_at(&self, now: Moment) -> Moment {
        let last_kill = self.leaving.iter().map(|leaving| leaving.kill_at).max().unwrap_or(now).max(now);
        last_kill + KILLED_WORKER_VANISHES
    }

    pub(super) fn kill_overdue(&mut self, now: Moment, out: &mut Vec<Effect>) {
        for leaving in self.leaving.iter_mut().filter(|leaving| !leaving.killed && leaving.kill_at <= now) {
            leaving.killed = true;
            out.push(Effect::KillWorker(leaving.id));
        }
    }

    pub(super) fn next_kill(&self) -> Option<Moment> {
        self.leaving.iter().filter(|leaving| !leaving.killed).map(|leaving| leaving.kill_at).min()
    }

    pub(super) fn stop(&mut self, now: Moment, out: &mut Vec<Effect>) {
        match self.phase {
            Phase::Gone => return,
            Phase::Stopping { since, .. } => {
                if now.since(since) >= SAME_REQUEST {
                    self.stop_at_once(now, out);
                }
                return;
            }
            _ => {}
        }
        self.leave_apps(Leave::Ending, now, out);
        if let Some(Page::Worker { id, .. }) = self.page.take() {
            self.leave(id, Leave::Ending, false, now, out);
        }
        self.recycling = None;
        self.phase = Phase::Stopping { since: now, give_up_at: self.give_up_at(now) };
    }

    pub(super) fn stop_at_once(&mut self, now: Moment, out: &mut Vec<Effect>) {
        let apps = match self.phase {
            Phase::Gone => return,
            Phase::Starting { worker, .. } | Phase::Running { worker, .. } => [Some(worker), None],
            Phase::Overlapping { worker, next, .. } => [Some(worker), Some(next)],
            _ => [None, None],
        };
        let page = self.page_worker();
        let leaving = self.leaving.iter().filter(|leaving| !leaving.killed).map(|leaving| leaving.id);
        let killed: Vec<WorkerId> = leaving.chain(apps.into_iter().flatten()).chain(page).collect();
        if !killed.is_empty() {
            log(out, Level::Warn, None, "stopping at once: ending what still runs");
        }
        out.extend(killed.into_iter().map(Effect::KillWorker));
        self.leaving.clear();
        self.page = None;
        // Killed processes need no waiting for.
        self.phase = Phase::Stopping { since: now, give_up_at: now };
    }

    pub(super) fn leave_behind(&mut self, out: &mut Vec<Effect>) {
        log(out, Level::Error, None, "a worker process cannot be ended; leaving it behind");
        self.leaving.clear();
    }

    pub(super) fn finish_stop(&mut self, out: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Stopping { .. }) && self.leaving.is_empty() {
            self.phase = Phase::Gone;
            out.push(Effect::Gone);
        }
    }
}
