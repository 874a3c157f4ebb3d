//! The machine of one application pool with one application and at most one worker that runs it.
//!
//! Beside that worker there may be a worker that shows a failure page, and workers that are leaving.
//! All of them share the listening sockets, which outlive them; whoever accepts, answers.

use std::time::Duration;

use crate::failure::Failure;
use crate::lifecycle::{Backoff, Effect, Event, Exit, Level, Moment, RapidFail, WorkerId};
use crate::module_event::{start_failure_event, unasked_stop_event};
use crate::status::StatusCode;

/// Waits between attempts to start an app that does not start.
const START_BACKOFF: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(60));
/// Waits before an app that keeps crashing is started again.
const CRASH_BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
/// An app that ran this long before it crashed is restarted at once.
const STABLE_AFTER: Duration = Duration::from_secs(60);
/// A worker that reported a failed start ends by itself within this time, or is killed.
const FAILED_WORKER_LEAVES: Duration = Duration::from_secs(5);
/// Requests to stop that follow the first this quickly are the same one: `timeout`, for instance, signals
/// the process and then its group.
const SAME_REQUEST: Duration = Duration::from_millis(250);
/// How long killed processes may take to vanish before the supervisor stops waiting for them.
const KILLED_WORKER_VANISHES: Duration = Duration::from_secs(5);

/// Limits of the application, read anew before each start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `startupTimeLimit`: how long a start may take.
    pub startup_limit: Duration,
    /// `shutdownTimeLimit`: how long a worker may take to end after it was told to.
    pub shutdown_limit: Duration,
}

/// Where the pool stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was asked of it yet.
    Idle,
    /// A worker starts the application. New connections wait in the kernel, or get the failure page of
    /// the attempt before.
    Starting {
        /// The worker that starts it.
        worker: WorkerId,
        /// Counted from 1 since the last success or file change.
        attempt: u32,
        /// When the start has taken too long.
        limit_at: Moment,
    },
    /// The application answers.
    Running {
        /// The worker it runs in.
        worker: WorkerId,
        /// Since when.
        since: Moment,
    },
    /// The application did not start; the failure page answers.
    Failed {
        /// When it is tried again, unless its files change before.
        retry_at: Moment,
    },
    /// The application crashed repeatedly; the failure page answers.
    Restarting {
        /// When it is tried again, unless its files change before.
        retry_at: Moment,
    },
    /// All workers were told to end.
    Stopping {
        /// Since when.
        since: Moment,
        /// When the supervisor ends even if they have not.
        give_up_at: Moment,
    },
    /// The end.
    Stopped,
}

#[derive(Clone, Debug)]
enum Page {
    /// A worker shows it (or is about to).
    Worker { id: WorkerId, since: Moment, failure: Failure },
    /// Its worker ended unexpectedly; another is started then.
    Lost { again_at: Moment, failure: Failure },
}

#[derive(Clone, Copy, Debug)]
struct Leaving {
    id: WorkerId,
    kill_at: Moment,
    killed: bool,
    /// The app runs in it and has until then to stop.
    stops: bool,
}

/// The state of the pool.
#[derive(Clone, Debug)]
pub struct AppPool {
    settings: Settings,
    phase: Phase,
    page: Option<Page>,
    leaving: Vec<Leaving>,
    next_id: u32,
    start_failures: u32,
    crashes: RapidFail,
    page_crashes: RapidFail,
    timer: Option<Moment>,
}

impl AppPool {
    /// A pool of which nothing was asked yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            phase: Phase::Idle,
            page: None,
            leaving: Vec::new(),
            next_id: 1,
            start_failures: 0,
            crashes: RapidFail::new(STABLE_AFTER),
            page_crashes: RapidFail::new(STABLE_AFTER),
            timer: None,
        }
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether a change of the app's files would be acted on.
    pub fn watches_files(&self) -> bool {
        matches!(self.phase, Phase::Failed { .. } | Phase::Restarting { .. })
    }

    /// The worker that shows a failure page, if there is one.
    pub fn page_worker(&self) -> Option<WorkerId> {
        match self.page {
            Some(Page::Worker { id, .. }) => Some(id),
            _ => None,
        }
    }

    /// Takes other limits. Those already running are not changed.
    pub fn configure(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// When the app is tried again, if it waits for that.
    pub fn retry_at(&self) -> Option<Moment> {
        match self.phase {
            Phase::Failed { retry_at } | Phase::Restarting { retry_at } => Some(retry_at),
            _ => None,
        }
    }

    /// Handles one event.
    pub fn step(&mut self, event: Event, now: Moment) -> Vec<Effect> {
        let mut out = Vec::new();
        match event {
            Event::Start if self.phase == Phase::Idle => self.start(now, &mut out),
            Event::Start => {}
            Event::WorkerStarted(id) => self.started(id, now, &mut out),
            Event::WorkerFailed(id, failure) => self.failed(id, failure, now, &mut out),
            Event::WorkerStopping(id) => self.stops_itself(id, now, &mut out),
            Event::WorkerExited(id, exit) => self.exited(id, &exit, now, &mut out),
            Event::FilesChanged => self.files_changed(now, &mut out),
            Event::TimerFired => {
                self.timer = None;
                self.timer_fired(now, &mut out);
            }
            Event::StopRequested => self.stop(now, &mut out),
            Event::SecondStop => self.stop_at_once(now, &mut out),
        }
        self.finish_stop(&mut out);
        self.arm_timer(&mut out);
        out
    }

    fn new_id(&mut self) -> WorkerId {
        let id = WorkerId(self.next_id);
        self.next_id += 1;
        id
    }

    fn start(&mut self, now: Moment, out: &mut Vec<Effect>) {
        let worker = self.new_id();
        let limit_at = now + self.settings.startup_limit;
        self.phase = Phase::Starting { worker, attempt: self.start_failures + 1, limit_at };
        out.push(Effect::SpawnWorker(worker));
    }

    fn started(&mut self, id: WorkerId, now: Moment, out: &mut Vec<Effect>) {
        let Phase::Starting { worker, .. } = self.phase else { return };
        if worker != id {
            return;
        }
        self.phase = Phase::Running { worker, since: now };
        self.start_failures = 0;
        // Only now: until the app answers, the page does.
        if let Some(Page::Worker { id: page, .. }) = self.page.take() {
            self.leave(page, false, now, out);
        }
    }

    fn failed(&mut self, id: WorkerId, failure: Failure, now: Moment, out: &mut Vec<Effect>) {
        match self.phase {
            Phase::Starting { worker, .. } if worker == id => {
                self.give_up(id, now);
                self.start_failed(failure, now, out);
            }
            Phase::Running { worker, since } if worker == id => {
                self.give_up(id, now);
                log(out, Level::Error, None, format!("the app failed. {}", failure.explanation()));
                self.restart(now.since(since), failure, now, out);
            }
            // A page worker that cannot even be spawned.
            _ => self.page_lost(id, &failure.cause, now, out),
        }
    }

    fn stops_itself(&mut self, id: WorkerId, now: Moment, out: &mut Vec<Effect>) {
        let Phase::Running { worker, since } = self.phase else { return };
        if worker != id {
            return;
        }
        // Its number comes with its end.
        log(out, Level::Warn, None, "the app stopped itself; it is started again in a new worker".to_owned());
        // It is leaving already, so it is not told to: its own stop must not be cut short by ours.
        let kill_at = now + self.settings.shutdown_limit;
        self.leaving.push(Leaving { id, kill_at, killed: false, stops: true });
        let failure = Failure::new(StatusCode::UNAVAILABLE, "The app stopped itself.");
        self.restart(now.since(since), failure, now, out);
    }

    fn exited(&mut self, id: WorkerId, exit: &Exit, now: Moment, out: &mut Vec<Effect>) {
        if let Some(at) = self.leaving.iter().position(|leaving| leaving.id == id) {
            let left = self.leaving.swap_remove(at);
            if left.killed {
                let event_id = left.stops.then_some(1005);
                let text = format!("a worker that did not end in time {}", exit.description);
                log(out, Level::Warn, event_id, text);
            }
            return;
        }
        match self.phase {
            Phase::Starting { worker, .. } if worker == id => {
                self.start_failed(exit_before_start(exit), now, out);
            }
            Phase::Running { worker, since } if worker == id => {
                let cause = match &exit.cause {
                    Some(cause) => format!("{cause}."),
                    None => format!("The worker process {}.", exit.description),
                };
                let failure = Failure::new(StatusCode::UNAVAILABLE, cause)
                    .with_reason(exit.reason.clone().unwrap_or_default())
                    .with_detail(exit.detail.clone().unwrap_or_default());
                let event_id = Some(unasked_end_event(exit));
                if exit.clean {
                    log(
                        out,
                        Level::Warn,
                        event_id,
                        "the app ended by itself; it is started again".to_owned(),
                    );
                } else {
                    let text = format!("the app ended unexpectedly. {}", failure.explanation());
                    log(out, Level::Error, event_id, text);
                }
                self.restart(now.since(since), failure, now, out);
            }
            _ => self.page_lost(id, &format!("it {}", exit.description), now, out),
        }
    }

    fn start_failed(&mut self, failure: Failure, now: Moment, out: &mut Vec<Effect>) {
        self.start_failures = self.start_failures.saturating_add(1);
        let wait = START_BACKOFF.after(self.start_failures);
        let when = format!("trying again in {} s, or when its files change", wait.as_secs());
        log(
            out,
            Level::Error,
            start_failure_event(failure.code),
            format!("the app failed to start {failure}"),
        );
        log(out, Level::Info, None, when);
        self.phase = Phase::Failed { retry_at: now + wait };
        self.show(failure, now, out);
    }

    /// After an app that had started is gone.
    fn restart(&mut self, ran: Duration, why: Failure, now: Moment, out: &mut Vec<Effect>) {
        let crashes = self.crashes.failed_after(ran);
        if crashes == 0 {
            self.start(now, out);
            return;
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
        self.show(Failure { code: StatusCode::UNAVAILABLE, cause, cure, ..why }, now, out);
    }

    fn show(&mut self, failure: Failure, now: Moment, out: &mut Vec<Effect>) {
        self.page = Some(match self.page.take() {
            Some(Page::Worker { id, since, .. }) => {
                // Also when it is the same failure: the time of the next attempt has changed.
                out.push(Effect::UpdateFailurePage(id, failure.clone()));
                Page::Worker { id, since, failure }
            }
            Some(Page::Lost { again_at, .. }) => Page::Lost { again_at, failure },
            None => {
                let id = self.new_id();
                out.push(Effect::SpawnFailurePage(id, failure.clone()));
                Page::Worker { id, since: now, failure }
            }
        });
    }

    fn page_lost(&mut self, lost: WorkerId, how: &str, now: Moment, out: &mut Vec<Effect>) {
        match self.page.take() {
            Some(Page::Worker { id, since, failure }) if id == lost => {
                let text = format!("the worker that shows the failure page is gone: {how}");
                log(out, Level::Error, None, text);
                let crashes = self.page_crashes.failed_after(now.since(since));
                if crashes == 0 {
                    self.show(failure, now, out);
                } else {
                    self.page = Some(Page::Lost { again_at: now + CRASH_BACKOFF.after(crashes), failure });
                }
            }
            other => self.page = other,
        }
    }

    fn files_changed(&mut self, now: Moment, out: &mut Vec<Effect>) {
        if !self.watches_files() {
            return;
        }
        log(out, Level::Info, None, "the app's files changed; it is started again".to_owned());
        self.start_failures = 0;
        self.crashes.reset();
        self.start(now, out);
    }

    fn timer_fired(&mut self, now: Moment, out: &mut Vec<Effect>) {
        for leaving in self.leaving.iter_mut().filter(|leaving| !leaving.killed && leaving.kill_at <= now) {
            leaving.killed = true;
            out.push(Effect::KillWorker(leaving.id));
        }
        if let Some(Page::Lost { again_at, failure }) = &self.page
            && *again_at <= now
        {
            let failure = failure.clone();
            self.page = None;
            self.show(failure, now, out);
        }
        match self.phase {
            Phase::Starting { worker, limit_at, .. } if limit_at <= now => {
                self.leaving.push(Leaving { id: worker, kill_at: now, killed: true, stops: false });
                out.push(Effect::KillWorker(worker));
                let limit = self.settings.startup_limit.as_secs();
                let cause = format!("The app's server had not started after {limit} s (startupTimeLimit).");
                self.start_failed(Failure::new(StatusCode::START_TIMED_OUT, cause), now, out);
            }
            Phase::Failed { retry_at } | Phase::Restarting { retry_at } if retry_at <= now => {
                self.start(now, out);
            }
            Phase::Stopping { give_up_at, .. } if give_up_at <= now => {
                log(
                    out,
                    Level::Error,
                    None,
                    "a worker process cannot be ended; leaving it behind".to_owned(),
                );
                self.leaving.clear();
            }
            _ => {}
        }
    }

    fn stop(&mut self, now: Moment, out: &mut Vec<Effect>) {
        match self.phase {
            Phase::Stopped => return,
            Phase::Stopping { since, .. } => {
                if now.since(since) >= SAME_REQUEST {
                    self.stop_at_once(now, out);
                }
                return;
            }
            Phase::Starting { worker, .. } | Phase::Running { worker, .. } => {
                self.leave(worker, true, now, out)
            }
            Phase::Idle | Phase::Failed { .. } | Phase::Restarting { .. } => {}
        }
        if let Some(Page::Worker { id, .. }) = self.page.take() {
            self.leave(id, false, now, out);
        }
        log(out, Level::Info, None, "stopping".to_owned());
        let last_kill = self.leaving.iter().map(|leaving| leaving.kill_at).max().unwrap_or(now).max(now);
        self.phase = Phase::Stopping { since: now, give_up_at: last_kill + KILLED_WORKER_VANISHES };
    }

    fn stop_at_once(&mut self, now: Moment, out: &mut Vec<Effect>) {
        let app = match self.phase {
            Phase::Starting { worker, .. } | Phase::Running { worker, .. } => Some(worker),
            Phase::Stopped => return,
            _ => None,
        };
        let page = self.page_worker();
        let leaving = self.leaving.iter().filter(|leaving| !leaving.killed).map(|leaving| leaving.id);
        let killed: Vec<WorkerId> = leaving.chain(app).chain(page).collect();
        if !killed.is_empty() {
            log(out, Level::Warn, None, "stopping at once: ending what still runs".to_owned());
        }
        out.extend(killed.into_iter().map(Effect::KillWorker));
        self.leaving.clear();
        self.page = None;
        // Killed processes need no waiting for.
        self.phase = Phase::Stopping { since: now, give_up_at: now };
    }

    /// Tells a worker to end; `stops` when the app runs in it.
    fn leave(&mut self, id: WorkerId, stops: bool, now: Moment, out: &mut Vec<Effect>) {
        let kill_at = now + self.settings.shutdown_limit;
        self.leaving.push(Leaving { id, kill_at, killed: false, stops });
        out.push(Effect::StopWorker(id));
    }

    /// Waits a moment for the end of a worker that has failed.
    fn give_up(&mut self, id: WorkerId, now: Moment) {
        self.leaving.push(Leaving { id, kill_at: now + FAILED_WORKER_LEAVES, killed: false, stops: false });
    }

    fn finish_stop(&mut self, out: &mut Vec<Effect>) {
        if matches!(self.phase, Phase::Stopping { .. }) && self.leaving.is_empty() {
            self.phase = Phase::Stopped;
            out.push(Effect::Exit(0));
        }
    }

    fn arm_timer(&mut self, out: &mut Vec<Effect>) {
        let phase = match self.phase {
            Phase::Starting { limit_at, .. } => Some(limit_at),
            Phase::Failed { retry_at } | Phase::Restarting { retry_at } => Some(retry_at),
            Phase::Stopping { give_up_at, .. } => Some(give_up_at),
            Phase::Idle | Phase::Running { .. } | Phase::Stopped => None,
        };
        let page = match &self.page {
            Some(Page::Lost { again_at, .. }) => Some(*again_at),
            _ => None,
        };
        let kills = self.leaving.iter().filter(|leaving| !leaving.killed).map(|leaving| leaving.kill_at);
        let next = kills.chain(phase).chain(page).min();
        if next != self.timer {
            self.timer = next;
            // `Exit` stays the last effect.
            let at = out.len() - usize::from(matches!(out.last(), Some(Effect::Exit(_))));
            out.insert(at, Effect::SetTimer(next));
        }
    }
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

fn log(out: &mut Vec<Effect>, level: Level, event_id: Option<u16>, text: String) {
    out.push(Effect::Log { level, event_id, text });
}
