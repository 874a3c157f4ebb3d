//! One worker replaces another: the new one is ready before the old one stops, unless the app must not run twice.

use std::time::Duration;

use super::{AppPool, Phase, Recycled, Why, log};
use crate::failure::Failure;
use crate::lifecycle::{Backoff, Effect, Leave, Level, Measured, Moment, RecycleCause, Span, WorkerId};
use crate::module_event::recycle_event;

/// Waits after a replacement that failed, before another is tried for the worker's own sake.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(60), Duration::from_secs(3600));

/// A replacement that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recycling {
    cause: RecycleCause,
    began: Moment,
}

impl AppPool {
    pub(super) fn measured(&mut self, id: WorkerId, measured: Measured, now: Moment, out: &mut Vec<Effect>) {
        let Phase::Running { worker, .. } = self.phase else { return };
        if worker != id {
            return;
        }
        if self.settings.idle_timeout.is_some_and(|limit| measured.idle >= limit) {
            return self.rest(worker, measured.idle, now, out);
        }
        let memory = measured.memory.zip(self.settings.memory).filter(|(used, limit)| used > limit);
        let cause = match (memory, self.settings.requests) {
            (Some((used, limit)), _) => RecycleCause::Memory { used, limit },
            (None, Some(limit)) if measured.requests >= limit => RecycleCause::Requests(measured.requests),
            _ => return,
        };
        self.recycle(cause, now, out);
    }

    pub(super) fn recycle(&mut self, cause: RecycleCause, now: Moment, out: &mut Vec<Effect>) {
        if !cause.is_change() && now < self.recycle_not_before {
            return;
        }
        if !self.settings.on_change
            && matches!(cause, RecycleCause::WebConfig | RecycleCause::Release | RecycleCause::Configuration)
        {
            return;
        }
        match self.phase {
            Phase::Running { worker, since } => {
                log(out, Level::Info, Some(recycle_event(cause)), format!("recycling the app: {cause}"));
                self.recycling = Some(Recycling { cause, began: now });
                if self.settings.overlapped {
                    let next = self.new_id();
                    let limit_at = now + self.limits.startup;
                    self.phase = Phase::Overlapping { worker, since, next, limit_at };
                    out.push(Effect::SpawnWorker { id: next, eager: true });
                } else {
                    self.leave(worker, Leave::Replaced, true, now, out);
                    self.phase = Phase::Rotating { worker, give_up_at: self.give_up_at(now) };
                }
            }
            // What starts now may have been read before the change.
            Phase::Starting { .. } | Phase::Overlapping { .. } if cause.is_change() => {
                self.queued = Some(cause);
            }
            Phase::Failed { .. } | Phase::Restarting { .. } | Phase::Disabled { why: Why::Failures }
                if cause.is_change() =>
            {
                log(out, Level::Info, None, format!("the app is started again: {cause}"));
                self.start_afresh(now, out);
            }
            _ => {}
        }
    }

    /// The new worker is ready: it has the connections from now on.
    pub(super) fn take_over(&mut self, now: Moment, out: &mut Vec<Effect>) {
        let Phase::Overlapping { worker, next, .. } = self.phase else { return };
        self.phase = Phase::Running { worker: next, since: now };
        self.start_failures = 0;
        self.leave(worker, Leave::Replaced, true, now, out);
        self.recycle_ended(next, None, now, out);
    }

    /// The new worker does not come up: the old one stays.
    pub(super) fn recycle_failed(&mut self, failure: Failure, now: Moment, out: &mut Vec<Effect>) {
        let Phase::Overlapping { worker, since, next, .. } = self.phase else { return };
        self.phase = Phase::Running { worker, since };
        self.remember(&failure, now);
        log(
            out,
            Level::Error,
            Some(1022),
            format!("the new worker did not start, and the old one goes on serving {failure}"),
        );
        self.recycle_ended(next, Some(&failure), now, out);
    }

    /// Takes note of the end of a replacement by `worker`, if one was under way, and begins the one that waits.
    pub(super) fn recycle_ended(
        &mut self,
        worker: WorkerId,
        failure: Option<&Failure>,
        now: Moment,
        out: &mut Vec<Effect>,
    ) {
        if let Some(Recycling { cause, began }) = self.recycling.take() {
            let took = now.since(began);
            match failure {
                None => {
                    log(out, Level::Info, None, format!("recycled the app in {}: {cause}", Span(took)));
                    self.recycle_failures = 0;
                    self.recycle_not_before = Moment::default();
                }
                Some(_) => {
                    self.recycle_failures = self.recycle_failures.saturating_add(1);
                    self.recycle_not_before = now + BACKOFF.after(self.recycle_failures);
                }
            }
            self.record.recycles = self.record.recycles.saturating_add(1);
            self.record.last_recycle =
                Some(Recycled { worker, cause, at: now, took, failure: failure.cloned() });
        }
        if let Some(cause) = self.queued.take() {
            self.recycle(cause, now, out);
        }
    }
}
