//! The machine of one application pool: at most one worker that runs its applications, or two while one replaces the other.
//!
//! Beside them there may be a worker that shows a page, and workers that are leaving. All of them share the listening
//! sockets, which outlive them; whoever accepts, answers.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `phase` | where a pool can stand |
//! | `start` | starting, failed starts, crashes, giving up |
//! | `recycle` | one worker replaces another |
//! | `rest` | without an application: idle, offline, switched off |
//! | `page` | the worker that shows a page |
//! | `leaving` | workers that are to end, and the end of the pool |
//! | `record` | what status and reports tell |

mod leaving;
mod page;
mod phase;
mod record;
mod recycle;
mod rest;
mod start;

use std::time::Duration;

use crate::lifecycle::{
    Effect, Event, Failures, Level, Limits, Moment, RapidFail, RecycleCause, Settings, Shown, WorkerId,
};

pub use phase::{Phase, Why};
pub use record::{Record, Recycled};

use leaving::Leaving;
use page::Page;
use recycle::Recycling;

/// An app that ran this long before it crashed is restarted at once.
const STABLE_AFTER: Duration = Duration::from_secs(60);

/// The state of the pool.
#[derive(Clone, Debug)]
pub struct AppPool {
    settings: Settings,
    limits: Limits,
    phase: Phase,
    page: Option<Page>,
    leaving: Vec<Leaving>,
    next_id: u32,
    start_failures: u32,
    crashes: RapidFail,
    page_crashes: RapidFail,
    failures: Failures,
    /// `app_offline.htm` is there.
    offline: bool,
    /// The replacement that is under way.
    recycling: Option<Recycling>,
    /// A change that came while another start was under way.
    queued: Option<RecycleCause>,
    recycle_failures: u32,
    /// No replacement for the worker's own sake before this.
    recycle_not_before: Moment,
    record: Record,
    timer: Option<Moment>,
}

impl AppPool {
    /// A pool of which nothing was asked yet.
    pub fn new(settings: Settings, limits: Limits) -> Self {
        Self {
            settings,
            limits,
            phase: Phase::New,
            page: None,
            leaving: Vec::new(),
            next_id: 1,
            start_failures: 0,
            crashes: RapidFail::new(STABLE_AFTER),
            page_crashes: RapidFail::new(STABLE_AFTER),
            failures: Failures::default(),
            offline: false,
            recycling: None,
            queued: None,
            recycle_failures: 0,
            recycle_not_before: Moment::default(),
            record: Record::default(),
            timer: None,
        }
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What has happened up to now.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Whether a client that connects is to be told of.
    pub fn awaits_connection(&self) -> bool {
        self.phase == Phase::Stopped
    }

    /// Whether a change of any of the app's files would be acted on: while it does not run because of them.
    pub fn watches_files(&self) -> bool {
        matches!(
            self.phase,
            Phase::Failed { .. } | Phase::Restarting { .. } | Phase::Disabled { why: Why::Failures }
        )
    }

    /// The worker that answers with the application, if there is one.
    pub fn serving(&self) -> Option<WorkerId> {
        match self.phase {
            Phase::Running { worker, .. } | Phase::Overlapping { worker, .. } => Some(worker),
            _ => None,
        }
    }

    /// The worker that is asked for next: of all up to now, none has this number or a higher one.
    pub fn next_worker(&self) -> WorkerId {
        WorkerId(self.next_id)
    }

    /// The worker that shows a page, if there is one.
    pub fn page_worker(&self) -> Option<WorkerId> {
        match self.page {
            Some(Page::Worker { id, .. }) => Some(id),
            _ => None,
        }
    }

    /// Takes other limits. Those already running are not changed.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Takes other settings; the next event makes them count.
    pub fn configure(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// The settings in use.
    pub fn settings(&self) -> &Settings {
        &self.settings
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
            Event::Start => self.begin(now, &mut out),
            Event::ConnectionWaits => self.connection_waits(now, &mut out),
            Event::WorkerStarted(id) => self.started(id, now, &mut out),
            Event::WorkerFailed(id, failure) => self.failed(id, failure, now, &mut out),
            Event::WorkerStopping(id) => self.stops_itself(id, now, &mut out),
            Event::WorkerClosed(id) => self.closed(id),
            Event::WorkerHung(id, silent) => self.hung(id, silent, now, &mut out),
            Event::WorkerMeasured(id, measured) => self.measured(id, measured, now, &mut out),
            Event::WorkerExited(id, exit) => self.exited(id, &exit, now, &mut out),
            Event::FilesChanged => self.files_changed(now, &mut out),
            Event::Offline(there) => self.offline(there, now, &mut out),
            Event::Recycle(cause) => self.recycle(cause, now, &mut out),
            Event::TurnOn => self.turn_on(now, &mut out),
            Event::TurnOff => self.turn_off(now, &mut out),
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

    fn timer_fired(&mut self, now: Moment, out: &mut Vec<Effect>) {
        self.kill_overdue(now, out);
        self.page_is_due(now, out);
        match self.phase {
            Phase::Starting { worker, limit_at, .. } if limit_at <= now => {
                self.kill(worker, out);
                let failure = self.start_timed_out();
                self.start_failed(failure, now, out);
            }
            Phase::Overlapping { next, limit_at, .. } if limit_at <= now => {
                self.kill(next, out);
                let failure = self.start_timed_out();
                self.recycle_failed(failure, now, out);
            }
            Phase::Running { .. } if self.age_at().is_some_and(|at| at <= now) => {
                let age = self.settings.age.unwrap_or_default();
                self.recycle(RecycleCause::Age(age), now, out);
            }
            Phase::Failed { retry_at } | Phase::Restarting { retry_at } if retry_at <= now => {
                self.start(now, out);
            }
            Phase::Rotating { give_up_at, .. } if give_up_at <= now => self.start(now, out),
            Phase::Draining { give_up_at, .. } if give_up_at <= now => self.phase = Phase::Stopped,
            Phase::Stopping { give_up_at, .. } if give_up_at <= now => self.leave_behind(out),
            _ => {}
        }
    }

    fn arm_timer(&mut self, out: &mut Vec<Effect>) {
        let phase = match self.phase {
            Phase::Starting { limit_at, .. } | Phase::Overlapping { limit_at, .. } => Some(limit_at),
            Phase::Failed { retry_at } | Phase::Restarting { retry_at } => Some(retry_at),
            Phase::Rotating { give_up_at, .. }
            | Phase::Draining { give_up_at, .. }
            | Phase::Stopping { give_up_at, .. } => Some(give_up_at),
            Phase::Running { .. } => self.age_at(),
            Phase::New | Phase::Stopped | Phase::Disabled { .. } | Phase::Offline | Phase::Gone => None,
        };
        let next = self.next_kill().into_iter().chain(phase).chain(self.page_again_at()).min();
        if next != self.timer {
            self.timer = next;
            // `Gone` stays the last effect.
            let at = out.len() - usize::from(matches!(out.last(), Some(Effect::Gone)));
            out.insert(at, Effect::SetTimer(next));
        }
    }

    /// When the worker is replaced because of its age.
    fn age_at(&self) -> Option<Moment> {
        let Phase::Running { since, .. } = self.phase else { return None };
        Some((since + self.settings.age?).max(self.recycle_not_before))
    }
}

fn log(out: &mut Vec<Effect>, level: Level, event_id: Option<u16>, text: impl Into<String>) {
    out.push(Effect::Log { level, event_id, text: text.into() });
}
