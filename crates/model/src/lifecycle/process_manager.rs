//! The machine of an out-of-process application: its process slots, each empty, starting, ready or stopping.
//!
//! A process is started when a request comes for its slot, not before. A start that failed is not remembered: the
//! next request tries again. Who chooses the slot is not said here: requests come with theirs.

use std::time::Duration;

use crate::failure::Failure;
use crate::lifecycle::process_failure as causes;
use crate::lifecycle::{
    Exit, FailWindow, Level, Moment, ProcessEffect, ProcessEvent, Route, RunId, Seen, Slot,
};
use crate::status::StatusCode;

/// How often a start is tried before what waits for it fails.
const ATTEMPTS: u32 = 2;
/// What the shutdown message is to be answered with.
const ACCEPTED: u16 = 202;

/// The limits of an application's processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessSettings {
    /// `processesPerApplication`; 0 is taken as 1.
    pub processes: usize,
    /// `startupTimeLimit`: how long each attempt may take.
    pub startup_limit: Duration,
    /// `shutdownTimeLimit`: how long a process may take to end after it was told to.
    pub shutdown_limit: Duration,
    /// `rapidFailsPerMinute`: how many may end in a minute before none is started.
    pub rapid_fails_per_minute: u64,
}

/// Where a slot stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotPhase {
    /// No process.
    Empty,
    /// A process starts, and requests wait for it.
    Starting(RunId),
    /// Requests are forwarded to it.
    Ready(RunId),
    /// It was told to end.
    Stopping(RunId),
}

#[derive(Clone, Debug)]
enum State {
    Empty,
    Starting(Starting),
    Ready {
        run: RunId,
        pid: u32,
        port: u16,
    },
    /// `wanted`: requests wait for the next one.
    Stopping {
        run: RunId,
        pid: Option<u32>,
        kill_at: Moment,
        wanted: bool,
    },
}

#[derive(Clone, Debug)]
struct Starting {
    run: RunId,
    attempt: u32,
    since: Moment,
    limit_at: Moment,
    /// Its process id and port, once it runs.
    process: Option<(u32, u16)>,
    seen: Seen,
}

/// How far a failed attempt came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failed {
    /// There never was a process.
    NotExecuted { retry: bool },
    /// There is one, or what is left of it.
    Executed,
}

/// The processes of one application.
#[derive(Clone, Debug)]
pub struct ProcessManager {
    settings: ProcessSettings,
    slots: Vec<State>,
    fails: FailWindow,
    next_run: u32,
    /// No process is started for now.
    offline: bool,
    stopping: bool,
    stopped: bool,
    timer: Option<Moment>,
}

impl ProcessManager {
    /// An application without processes.
    pub fn new(settings: ProcessSettings, now: Moment) -> Self {
        Self {
            slots: vec![State::Empty; settings.processes.max(1)],
            fails: FailWindow::new(settings.rapid_fails_per_minute, now),
            settings,
            next_run: 1,
            offline: false,
            stopping: false,
            stopped: false,
            timer: None,
        }
    }

    /// Where a slot stands; `Empty` for one that does not exist.
    pub fn phase(&self, slot: Slot) -> SlotPhase {
        match self.slots.get(slot.0) {
            Some(State::Starting(starting)) => SlotPhase::Starting(starting.run),
            Some(State::Ready { run, .. }) => SlotPhase::Ready(*run),
            Some(State::Stopping { run, .. }) => SlotPhase::Stopping(*run),
            Some(State::Empty) | None => SlotPhase::Empty,
        }
    }

    /// Whether requests are refused for good.
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// A request came for a slot. What is said about it holds before the effects are performed.
    pub fn request(&mut self, slot: Slot, now: Moment) -> (Route, Vec<ProcessEffect>) {
        let mut out = Vec::new();
        let slot = slot.0 % self.slots.len();
        let route = if self.stopping || self.offline {
            Route::Refused { failure: causes::stopping(), retry_after: Some(Duration::from_secs(1)) }
        } else {
            match self.slots.get_mut(slot) {
                Some(State::Ready { run, .. }) => Route::Ready(*run),
                Some(State::Empty) => self.first_request(slot, now, &mut out),
                Some(State::Stopping { wanted, .. }) => {
                    *wanted = true;
                    Route::Wait
                }
                Some(State::Starting(_)) | None => Route::Wait,
            }
        };
        self.arm_timer(&mut out);
        (route, out)
    }

    /// Handles one event.
    pub fn step(&mut self, event: ProcessEvent, now: Moment) -> Vec<ProcessEffect> {
        let mut out = Vec::new();
        match event {
            ProcessEvent::Spawned { run, pid, port } => self.spawned(run, pid, port),
            ProcessEvent::SpawnFailed { run, failure, retry } => {
                self.spawn_failed(run, failure, retry, now, &mut out);
            }
            ProcessEvent::Seen { run, what } => self.seen(run, what, now, &mut out),
            ProcessEvent::Listening { run, pid } => self.listening(run, pid, &mut out),
            ProcessEvent::Exited { run, exit, served_by } => {
                self.exited(run, &exit, served_by, now, &mut out);
            }
            ProcessEvent::ShutdownAnswered { run, answer } => self.answered(run, &answer, &mut out),
            ProcessEvent::TimerFired => {
                self.timer = None;
                self.timer_fired(now, &mut out);
            }
            ProcessEvent::Offline(offline) => {
                self.offline = offline;
                if offline {
                    self.end_all(now, &mut out);
                }
            }
            ProcessEvent::StopRequested => {
                self.stopping = true;
                self.end_all(now, &mut out);
            }
        }
        self.arm_timer(&mut out);
        if self.stopping && !self.stopped && self.slots.iter().all(|slot| matches!(slot, State::Empty)) {
            self.stopped = true;
            out.push(ProcessEffect::Stopped);
        }
        out
    }

    fn first_request(&mut self, slot: usize, now: Moment, out: &mut Vec<ProcessEffect>) -> Route {
        if let Some(again) = self.fails.exceeded(now) {
            let (count, limit) = (self.fails.count(), self.fails.limit());
            if self.fails.first_told() {
                let text = format!(
                    "the app's process ended {count} times within a minute, more than rapidFailsPerMinute \
                     ({limit}) allows; requests are refused for {} s",
                    again.as_millis().div_ceil(1000)
                );
                log(out, Level::Error, 1003, text);
            }
            return Route::Refused { failure: causes::rapid(count, limit, again), retry_after: Some(again) };
        }
        self.spawn(slot, 1, now, out);
        Route::Wait
    }

    fn spawn(&mut self, slot: usize, attempt: u32, now: Moment, out: &mut Vec<ProcessEffect>) {
        let run = RunId(self.next_run);
        self.next_run = self.next_run.wrapping_add(1);
        let Some(state) = self.slots.get_mut(slot) else { return };
        *state = State::Starting(Starting {
            run,
            attempt,
            since: now,
            limit_at: now + self.settings.startup_limit,
            process: None,
            seen: Seen::Nothing,
        });
        out.push(ProcessEffect::Spawn { slot: Slot(slot), run, attempt });
    }

    /// The slot whose process this is, unless it was given up.
    fn find(&self, run: RunId) -> Option<usize> {
        self.slots.iter().position(|slot| match slot {
            State::Empty => false,
            State::Starting(starting) => starting.run == run,
            State::Ready { run: own, .. } | State::Stopping { run: own, .. } => *own == run,
        })
    }

    fn state(&mut self, run: RunId) -> Option<(usize, &mut State)> {
        let slot = self.find(run)?;
        Some((slot, self.slots.get_mut(slot)?))
    }

    /// The process that was to end has. The next one is started, if requests wait for it.
    fn left(&mut self, slot: usize, now: Moment, out: &mut Vec<ProcessEffect>) {
        let Some(State::Stopping { wanted, .. }) = self.slots.get(slot) else { return };
        let wanted = *wanted;
        self.clear(slot);
        if wanted {
            self.spawn(slot, 1, now, out);
        }
    }

    fn clear(&mut self, slot: usize) {
        if let Some(state) = self.slots.get_mut(slot) {
            *state = State::Empty;
        }
    }

    fn spawned(&mut self, run: RunId, pid: u32, port: u16) {
        match self.state(run) {
            Some((_, State::Starting(starting))) => starting.process = Some((pid, port)),
            Some((_, State::Stopping { pid: known, .. })) => *known = Some(pid),
            _ => {}
        }
    }

    fn spawn_failed(
        &mut self,
        run: RunId,
        failure: Failure,
        retry: bool,
        now: Moment,
        out: &mut Vec<ProcessEffect>,
    ) {
        let Some((slot, state)) = self.state(run) else { return };
        match state {
            State::Starting(_) => {
                self.attempt_failed(slot, failure, Failed::NotExecuted { retry }, now, out);
            }
            State::Stopping { .. } => self.left(slot, now, out),
            State::Empty | State::Ready { .. } => {}
        }
    }

    fn attempt_failed(
        &mut self,
        slot: usize,
        failure: Failure,
        how: Failed,
        now: Moment,
        out: &mut Vec<ProcessEffect>,
    ) {
        let Some(state) = self.slots.get_mut(slot) else { return };
        let State::Starting(Starting { run, attempt, .. }) = *state else { return };
        *state = State::Empty;
        let of = if how == (Failed::NotExecuted { retry: false }) { attempt } else { ATTEMPTS };
        let text = format!(
            "attempt {attempt} of {of} to start {} failed. {}",
            self.who(slot),
            failure.explanation()
        );
        log(out, Level::Warn, 1000, text);
        if how == Failed::Executed {
            out.push(ProcessEffect::Kill(run));
        }
        // After that, so that the port is free if it is the same again.
        if attempt < of {
            return self.spawn(slot, attempt + 1, now, out);
        }
        let text = format!("{} could not be started {failure} The next request tries again.", self.who(slot));
        log(out, Level::Error, 1020, text);
        out.push(ProcessEffect::Release { slot: Slot(slot), run, outcome: Err(failure) });
    }

    fn seen(&mut self, run: RunId, what: Seen, now: Moment, out: &mut Vec<ProcessEffect>) {
        let Some((slot, State::Starting(starting))) = self.state(run) else { return };
        if let (Seen::Foreign { pid, name }, Some((_, port))) = (&what, starting.process) {
            let failure = causes::port_taken(*pid, name, port);
            return self.attempt_failed(slot, failure, Failed::Executed, now, out);
        }
        starting.seen = what;
    }

    fn listening(&mut self, run: RunId, listener: u32, out: &mut Vec<ProcessEffect>) {
        let Some((slot, state)) = self.state(run) else { return };
        let State::Starting(Starting { process: Some((pid, port)), .. }) = *state else { return };
        *state = State::Ready { run, pid: listener, port };
        let pids = if pid == listener {
            format!("pid {pid}")
        } else {
            format!("pid {pid}, listening pid {listener}")
        };
        log(out, Level::Info, 1001, format!("{} has started ({pids}, port {port})", self.who(slot)));
        out.push(ProcessEffect::Release { slot: Slot(slot), run, outcome: Ok(()) });
    }

    fn exited(
        &mut self,
        run: RunId,
        exit: &Exit,
        served_by: Option<u32>,
        now: Moment,
        out: &mut Vec<ProcessEffect>,
    ) {
        let Some((slot, state)) = self.state(run) else { return };
        match (state, served_by) {
            (State::Empty, _) => {}
            (State::Starting(_), Some(listener)) => self.listening(run, listener, out),
            (State::Starting(Starting { since, process, .. }), None) => {
                let port = process.map_or(0, |(_, port)| port);
                let failure = causes::exited(exit, now.since(*since), port);
                self.attempt_failed(slot, failure, Failed::Executed, now, out);
            }
            (State::Ready { pid, port, .. }, Some(listener)) => {
                let (ended, port) = (std::mem::replace(pid, listener), *port);
                let text = format!(
                    "a process of {} (pid {ended}) {}; pid {listener} goes on listening on port {port}",
                    self.who(slot),
                    exit.description
                );
                log(out, Level::Info, None, text);
            }
            (State::Ready { pid, .. }, None) => {
                let pid = *pid;
                self.clear(slot);
                self.fails.failed();
                self.crashed(slot, run, pid, exit, out);
            }
            // A part of it; the rest has its limit.
            (State::Stopping { .. }, Some(_)) => {}
            (State::Stopping { pid, .. }, None) => {
                let pid = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
                let text = format!("{}{pid} has ended: it {}", self.who(slot), exit.description);
                log(out, Level::Info, 1030, text);
                // What it may have left behind.
                out.push(ProcessEffect::Kill(run));
                self.left(slot, now, out);
            }
        }
    }

    fn crashed(&self, slot: usize, run: RunId, pid: u32, exit: &Exit, out: &mut Vec<ProcessEffect>) {
        out.push(ProcessEffect::Withdraw { slot: Slot(slot), run });
        let why = match &exit.cause {
            Some(cause) => {
                let failure = Failure::new(StatusCode::PROCESS_FAILED, format!("{cause}."));
                format!(" {}", failure.with_reason(exit.reason.clone().unwrap_or_default()).explanation())
            }
            None => String::new(),
        };
        let text = format!(
            "{} (pid {pid}) ended unexpectedly: it {}.{why} The next request starts it again.",
            self.who(slot),
            exit.description
        );
        log(out, Level::Warn, 1030, text);
        out.push(ProcessEffect::Kill(run));
    }

    fn answered(&mut self, run: RunId, answer: &Result<u16, String>, out: &mut Vec<ProcessEffect>) {
        let Some((slot, State::Stopping { pid, .. })) = self.state(run) else { return };
        let pid = pid.map_or_else(String::new, |pid| format!(" (pid {pid})"));
        let who = self.who(slot);
        let text = match answer {
            Ok(ACCEPTED) => format!("{who}{pid} was told to shut down and answered {ACCEPTED}"),
            Ok(status) => {
                format!("{who}{pid} answered {status} when it was told to shut down; it is sent SIGTERM")
            }
            Err(error) => format!("{who}{pid} could not be told to shut down ({error}); it is sent SIGTERM"),
        };
        log(out, Level::Info, 1006, text);
        if !matches!(answer, Ok(ACCEPTED)) {
            out.push(ProcessEffect::Terminate(run));
        }
    }

    fn timer_fired(&mut self, now: Moment, out: &mut Vec<ProcessEffect>) {
        for slot in 0..self.slots.len() {
            match self.slots.get(slot) {
                Some(State::Starting(starting)) if starting.limit_at <= now => {
                    let port = starting.process.map(|(_, port)| port);
                    let failure = causes::not_listening(&starting.seen, self.settings.startup_limit, port);
                    self.attempt_failed(slot, failure, Failed::Executed, now, out);
                }
                Some(State::Stopping { run, pid, kill_at, .. }) if *kill_at <= now => {
                    let (run, pid) = (*run, pid.map_or_else(String::new, |pid| format!(" (pid {pid})")));
                    let text = format!(
                        "{}{pid} did not end within {} s (shutdownTimeLimit) and is killed",
                        self.who(slot),
                        self.settings.shutdown_limit.as_secs()
                    );
                    log(out, Level::Warn, 1005, text);
                    out.push(ProcessEffect::Kill(run));
                    self.left(slot, now, out);
                }
                _ => {}
            }
        }
    }

    fn end_all(&mut self, now: Moment, out: &mut Vec<ProcessEffect>) {
        let kill_at = now + self.settings.shutdown_limit;
        for (index, state) in self.slots.iter_mut().enumerate() {
            let slot = Slot(index);
            match state {
                State::Stopping { run, wanted, .. } => {
                    if std::mem::take(wanted) {
                        let outcome = Err(causes::stopping());
                        out.push(ProcessEffect::Release { slot, run: *run, outcome });
                    }
                }
                State::Empty => {}
                State::Starting(Starting { run, process, .. }) => {
                    let run = *run;
                    let pid = process.map(|(pid, _)| pid);
                    *state = State::Stopping { run, pid, kill_at, wanted: false };
                    out.push(ProcessEffect::Release { slot, run, outcome: Err(causes::stopping()) });
                    // It cannot be told in any other way yet.
                    out.push(ProcessEffect::Terminate(run));
                }
                State::Ready { run, pid, .. } => {
                    let (run, pid) = (*run, *pid);
                    *state = State::Stopping { run, pid: Some(pid), kill_at, wanted: false };
                    out.push(ProcessEffect::Withdraw { slot, run });
                    out.push(ProcessEffect::SendShutdown(run));
                }
            }
        }
    }

    fn arm_timer(&mut self, out: &mut Vec<ProcessEffect>) {
        let moments = self.slots.iter().filter_map(|slot| match slot {
            State::Starting(starting) => Some(starting.limit_at),
            State::Stopping { kill_at, .. } => Some(*kill_at),
            State::Empty | State::Ready { .. } => None,
        });
        let next = moments.min();
        if next != self.timer {
            self.timer = next;
            out.push(ProcessEffect::SetTimer(next));
        }
    }

    /// For a sentence.
    fn who(&self, slot: usize) -> String {
        match self.slots.len() {
            0 | 1 => "the app's process".to_owned(),
            count => format!("process {} of {count} of the app", slot + 1),
        }
    }
}

fn log(out: &mut Vec<ProcessEffect>, level: Level, event_id: impl Into<Option<u16>>, text: String) {
    out.push(ProcessEffect::Log { level, event_id: event_id.into(), text });
}
