//! Starting the application; what follows when it does not start, or ends unasked.

use std::time::Duration;

use super::{AppPool, Phase, STABLE_AFTER, Shown, Why, log};
use crate::failure::Failure;
use crate::lifecycle::{Backoff, Effect, Exit, Level, Moment, Span, WorkerId};
use crate::module_event::{start_failure_event, unasked_stop_event};
use crate::server_config::StartMode;
use crate::status::StatusCode;

/// Waits between attempts to start an app that does not start.
const START_BACKOFF: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(60));
/// Waits before an app that keeps crashing is started again.
const CRASH_BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), STABLE_AFTER);

impl AppPool {
    pub(super) fn begin(&mut self, now: Moment, out: &mut Vec<Effect>) {
        if self.phase != Phase::New {
            return;
        }
        match self.settings.start {
            _ if !self.settings.auto_start => self.switch_off(now, out),
            StartMode::Always => self.start(now, out),
            StartMode::OnDemand => self.phase = Phase::Stopped,
        }
    }

    pub(super) fn connection_waits(&mut self, now: Moment, out: &mut Vec<Effect>) {
        if self.phase == Phase::Stopped {
            // Whoever has connected waits for an answer, not for everything the application has.
            self.start_as(false, now, out);
        }
    }

    /// Starts the app in a new worker, or shows why it must not.
    pub(super) fn start(&mut self, now: Moment, out: &mut Vec<Effect>) {
        self.start_as(self.settings.eager, now, out);
    }

    fn start_as(&mut self, eager: bool, now: Moment, out: &mut Vec<Effect>) {
        if self.offline {
            return self.go_offline(now, out);
        }
        let worker = self.new_id();
        let limit_at = now + self.limits.startup;
        self.phase = Phase::Starting { worker, attempt: self.start_failures + 1, limit_at };
        out.push(Effect::SpawnWorker { id: worker, eager });
    }

    /// Forgets what went wrong, and starts.
    pub(super) fn start_afresh(&mut self, now: Moment, out: &mut Vec<Effect>) {
        self.start_failures = 0;
        self.crashes.reset();
        self.failures.clear();
        self.start(now, out);
    }

    pub(super) fn started(&mut self, id: WorkerId, now: Moment, out: &mut Vec<Effect>) {
        match self.phase {
            Phase::Starting { worker, .. } if worker == id => {
                self.phase = Phase::Running { worker, since: now };
                self.start_failures = 0;
                // Only now: until the app answers, the page does.
                self.hide(now, out);
                self.recycle_ended(worker, None, now, out);
            }
            Phase::Overlapping { next, .. } if next == id => self.take_over(now, out),
            _ => {}
        }
    }

    pub(super) fn failed(&mut self, id: WorkerId, failure: Failure, now: Moment, out: &mut Vec<Effect>) {
        match self.phase {
            Phase::Starting { worker, .. } if worker == id => {
                self.give_up(id, now);
                self.start_failed(failure, now, out);
            }
            Phase::Overlapping { next, .. } if next == id => {
                self.give_up(id, now);
                self.recycle_failed(failure, now, out);
            }
            Phase::Running { worker, since } | Phase::Overlapping { worker, since, .. } if worker == id => {
                self.give_up(id, now);
                log(out, Level::Error, None, format!("the app failed. {}", failure.explanation()));
                self.lost(now.since(since), failure, now, out);
            }
            // A page worker that cannot even be spawned.
            _ => self.page_lost(id, &failure.cause, now, out),
        }
    }

    pub(super) fn stops_itself(&mut self, id: WorkerId, now: Moment, out: &mut Vec<Effect>) {
        let (Phase::Running { worker, since } | Phase::Overlapping { worker, since, .. }) = self.phase else {
            return;
        };
        if worker != id {
            return;
        }
        // Its number comes with its end.
        log(out, Level::Warn, None, "the app stopped itself; it is started again in a new worker");
        self.leaves_itself(id, now);
        self.lost(
            now.since(since),
            Failure::new(StatusCode::UNAVAILABLE, "The app stopped itself."),
            now,
            out,
        );
    }

    pub(super) fn hung(&mut self, id: WorkerId, silent: Duration, now: Moment, out: &mut Vec<Effect>) {
        let (Phase::Running { worker, since } | Phase::Overlapping { worker, since, .. }) = self.phase else {
            return;
        };
        if worker != id {
            return;
        }
        let cause = format!("The worker process has not answered for {}.", Span(silent));
        log(out, Level::Error, Some(5010), format!("the app hangs. {cause} It is ended and started again"));
        self.kill(id, out);
        self.lost(now.since(since), Failure::new(StatusCode::UNAVAILABLE, cause), now, out);
    }

    pub(super) fn exited(&mut self, id: WorkerId, exit: &Exit, now: Moment, out: &mut Vec<Effect>) {
        if let Some(at) = self.leaving.iter().position(|leaving| leaving.id == id) {
            let left = self.leaving.swap_remove(at);
            if left.killed {
                let event_id = left.stops.then_some(1005);
                log(
                    out,
                    Level::Warn,
                    event_id,
                    format!("a worker that did not end in time {}", exit.description),
                );
            }
            match self.phase {
                Phase::Rotating { worker, .. } if worker == id => self.start(now, out),
                Phase::Draining { worker, .. } if worker == id => self.phase = Phase::Stopped,
                _ => {}
            }
            return;
        }
        match self.phase {
            Phase::Starting { worker, .. } if worker == id => {
                self.start_failed(exit_before_start(exit), now, out);
            }
            Phase::Overlapping { next, .. } if next == id => {
                self.recycle_failed(exit_before_start(exit), now, out);
            }
            Phase::Running { worker, since } | Phase::Overlapping { worker, since, .. } if worker == id => {
                let failure = crash(exit);
                let event_id = Some(unasked_end_event(exit));
                if exit.clean {
                    log(out, Level::Warn, event_id, "the app ended by itself; it is started again");
                } else {
                    let text = format!("the app ended unexpectedly. {}", failure.explanation());
                    log(out, Level::Error, event_id, text);
                }
                self.lost(now.since(since), failure, now, out);
            }
            _ => self.page_lost(id, &format!("it {}", exit.description), now, out),
        }
    }

    pub(super) fn start_timed_out(&self) -> Failure {
        let limit = self.limits.startup.as_secs();
        let cause = format!("The app's server had not started after {limit} s (startupTimeLimit).");
        Failure::new(StatusCode::START_TIMED_OUT, cause)
    }

    pub(super) fn start_failed(&mut self, failure: Failure, now: Moment, out: &mut Vec<Effect>) {
        let Phase::Starting { worker, .. } = self.phase else { return };
        self.start_failures = self.start_failures.saturating_add(1);
        log(
            out,
            Level::Error,
            start_failure_event(failure.code),
            format!("the app failed to start {failure}"),
        );
        self.remember(&failure, now);
        let changed = self.queued.take();
        self.recycle_ended(worker, Some(&failure), now, out);
        if let Some(cause) = changed {
            log(out, Level::Info, None, format!("the app is started again: {cause}"));
            return self.start_afresh(now, out);
        }
        if self.gives_up(&failure, now, out) {
            return;
        }
        let wait = START_BACKOFF.after(self.start_failures);
        let when = format!("trying again in {} s, or when its files change", wait.as_secs());
        log(out, Level::Info, None, when);
        self.phase = Phase::Failed { retry_at: now + wait };
        self.show(Shown::Failure(failure), now, out);
    }

    /// The worker that answered is gone, or as good as gone.
    fn lost(&mut self, ran: Duration, why: Failure, now: Moment, out: &mut Vec<Effect>) {
        self.remember(&why, now);
        self.record.restarts = self.record.restarts.saturating_add(1);
        if let Phase::Overlapping { next, limit_at, .. } = self.phase {
            // The next one is under way.
            self.phase = Phase::Starting { worker: next, attempt: self.start_failures + 1, limit_at };
            return;
        }
        if self.gives_up(&why, now, out) {
            return;
        }
        let crashes = self.crashes.failed_after(ran);
        if crashes == 0 {
            return self.start(now, out);
        }
        let wait = CRASH_BACKOFF.after(crashes);
        log(
            out,
            Level::Info,
            None,
            format!(
                "it had run for {} s only; it is started again in {} s, or when its files change",
                ran.as_secs(),
                wait.as_secs()
            ),
        );
        self.phase = Phase::Restarting { retry_at: now + wait };
        let cause = format!("The app ended soon after its start, several times in a row. {}", why.cause);
        let cure = StatusCode::UNAVAILABLE.cure().to_owned();
        self.show(Shown::Failure(Failure { code: StatusCode::UNAVAILABLE, cause, cure, ..why }), now, out);
    }

    /// Whether that was one failure too many; then the pool is disabled.
    fn gives_up(&mut self, last: &Failure, now: Moment, out: &mut Vec<Effect>) -> bool {
        let Some(protection) = self.settings.rapid_fail else { return false };
        if !self.failures.note(protection, now) {
            return false;
        }
        let text = format!(
            "The app failed {} times within {}, so its pool is disabled. The last time: {}",
            protection.failures,
            Span(protection.window),
            last.cause
        );
        let failure = Failure::new(StatusCode::UNAVAILABLE, text)
            .with_reason(last.reason.clone().unwrap_or_default())
            .with_detail(last.detail.clone().unwrap_or_default())
            .with_cure(
                "Mend the cause; a change of the app's files starts it again, and so does 'mews start'.",
            );
        log(out, Level::Error, Some(5002), format!("{} {}", failure.cause, failure.cure));
        self.phase = Phase::Disabled { why: Why::Failures };
        self.show(Shown::Failure(failure), now, out);
        true
    }

    pub(super) fn files_changed(&mut self, now: Moment, out: &mut Vec<Effect>) {
        if self.watches_files() {
            log(out, Level::Info, None, "the app's files changed; it is started again");
            self.start_afresh(now, out);
        }
    }
}

fn crash(exit: &Exit) -> Failure {
    let cause = match &exit.cause {
        Some(cause) => format!("{cause}."),
        None => format!("The worker process {}.", exit.description),
    };
    Failure::new(StatusCode::UNAVAILABLE, cause)
        .with_reason(exit.reason.clone().unwrap_or_default())
        .with_detail(exit.detail.clone().unwrap_or_default())
}

fn exit_before_start(exit: &Exit) -> Failure {
    let cause = match &exit.cause {
        Some(cause) => format!("{cause} before its server had started."),
        None => format!("The worker process {} before the app's server had started.", exit.description),
    };
    Failure::new(StatusCode::START_FAILED, cause)
        .with_reason(exit.reason.clone().unwrap_or_default())
        .with_detail(exit.detail.clone().unwrap_or_default())
}

/// The number of an end that nobody asked for: of an exception and its like, or of any other end, with output or
/// without.
fn unasked_end_event(exit: &Exit) -> u16 {
    if exit.cause.is_some() { 1018 } else { unasked_stop_event(exit.detail.is_some()) }
}
