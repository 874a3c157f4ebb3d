//! A pool without its application: idle, offline, or switched off.

use std::time::Duration;

use super::{AppPool, Phase, Shown, Why, log};
use crate::failure::Failure;
use crate::lifecycle::{Effect, Leave, Level, Moment, Span, WorkerId};
use crate::status::StatusCode;

impl AppPool {
    /// There was no request for so long: the worker ends, and the next connection starts another.
    pub(super) fn rest(&mut self, worker: WorkerId, idle: Duration, now: Moment, out: &mut Vec<Effect>) {
        let text = format!("no request for {}; stopping the app until the next one comes", Span(idle));
        log(out, Level::Info, Some(5186), text);
        self.leave(worker, Leave::Replaced, true, now, out);
        self.phase = Phase::Draining { worker, give_up_at: self.give_up_at(now) };
    }

    /// From now on whoever connects waits for another worker.
    pub(super) fn closed(&mut self, id: WorkerId) {
        if matches!(self.phase, Phase::Draining { worker, .. } if worker == id) {
            self.phase = Phase::Stopped;
        }
    }

    pub(super) fn offline(&mut self, there: bool, now: Moment, out: &mut Vec<Effect>) {
        self.offline = there;
        match self.phase {
            Phase::Offline if there => self.show(Shown::Offline, now, out),
            Phase::Offline => {
                log(out, Level::Info, None, "app_offline.htm has gone; the app is started again");
                // Whoever connects now waits for the app.
                self.hide(now, out);
                self.start_afresh(now, out);
            }
            Phase::Starting { .. }
            | Phase::Running { .. }
            | Phase::Overlapping { .. }
            | Phase::Rotating { .. }
            | Phase::Failed { .. }
            | Phase::Restarting { .. }
                if there =>
            {
                self.leave_apps(Leave::Offline, now, out);
                self.go_offline(now, out);
            }
            _ => {}
        }
    }

    /// Serves the file; no worker runs the app any more.
    pub(super) fn go_offline(&mut self, now: Moment, out: &mut Vec<Effect>) {
        log(
            out,
            Level::Info,
            Some(1012),
            "app_offline.htm is there; the app is stopped and the file is served",
        );
        self.recycling = None;
        self.queued = None;
        self.phase = Phase::Offline;
        self.show(Shown::Offline, now, out);
    }

    pub(super) fn turn_on(&mut self, now: Moment, out: &mut Vec<Effect>) {
        match self.phase {
            Phase::Stopped
            | Phase::Draining { .. }
            | Phase::Failed { .. }
            | Phase::Restarting { .. }
            | Phase::Disabled { .. } => {
                log(out, Level::Info, None, "the app is started: a command asked for it");
                if self.phase == (Phase::Disabled { why: Why::Command }) {
                    // Whoever connects now waits for the app.
                    self.hide(now, out);
                }
                self.start_afresh(now, out);
            }
            _ => {}
        }
    }

    pub(super) fn turn_off(&mut self, now: Moment, out: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Stopping { .. } | Phase::Gone | Phase::Disabled { why: Why::Command })
        {
            return;
        }
        log(out, Level::Info, None, "the app is stopped: a command asked for it");
        self.leave_apps(Leave::Replaced, now, out);
        self.recycling = None;
        self.queued = None;
        self.switch_off(now, out);
    }

    pub(super) fn switch_off(&mut self, now: Moment, out: &mut Vec<Effect>) {
        self.phase = Phase::Disabled { why: Why::Command };
        let failure = Failure::new(StatusCode::UNAVAILABLE, "The application pool is stopped.")
            .with_cure("Start it with 'mews start'.");
        self.show(Shown::Failure(failure), now, out);
    }
}
