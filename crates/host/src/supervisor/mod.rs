//! The supervisor: performs what the lifecycle machine decides, and tells it what happens.
//!
//! One thread that waits in `poll` for signals, control messages, output of workers and its timer. It
//! never parses a request, never loads CoreCLR, and never waits for a worker or for who reads its output.

mod orphans;
mod perform;
mod poller;
mod worker;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::{Duration, Instant};

use mews_model::lifecycle::{AppPool, Effect, Event, Level, Moment, WorkerId};
use mews_model::{Failure, HostingModel, StatusCode};
use mews_process::descendants;
use mews_process::signals::{SignalKind, Signals};

use crate::app::{Outputs, Plan, Site, Watch};
use crate::control::{AnswerRules, Report, WorkerMessage};
use crate::fatal::Fatal;
use crate::listeners::{self, Bound};
use crate::log::LogFormat;
use crate::tls::Keeper;

use poller::{Ready, wait};
use worker::{Kind, Worker};

/// How often the app's files are looked at while it does not run.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// How often certificate files are looked at.
const TLS_LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long changed files must stay as they are before they are taken.
const SETTLES_IN: Duration = Duration::from_millis(300);
/// How long the last output may take to be written before the supervisor ends.
const LAST_OUTPUT: Duration = Duration::from_secs(1);
/// How long killed workers may take to be gone before the supervisor ends without them.
const KILLED_COLLECTED: Duration = Duration::from_millis(500);

/// The supervisor of one site.
pub(crate) struct Supervisor {
    site: Site,
    /// Resolved before anything was bound; taken by the first start.
    first_plan: Option<Plan>,
    bound: Vec<Bound>,
    urls: Vec<String>,
    /// The certificates, if https is served.
    tls: Option<Keeper>,
    next_tls_look: Option<Instant>,
    log_format: LogFormat,
    outputs: Outputs,
    signals: Signals,
    pool: AppPool,
    workers: BTreeMap<WorkerId, Worker>,
    /// Events not yet fed to the machine.
    events: VecDeque<Event>,
    began: Instant,
    timer: Option<Moment>,
    watch: Watch,
    next_look: Option<Instant>,
    /// How failures are shown; as of the last start.
    answers: AnswerRules,
    shutdown_limit: Duration,
    exit: Option<u8>,
}

impl Supervisor {
    /// Prepares; nothing is started yet.
    pub(crate) fn new(
        site: Site,
        plan: Plan,
        bound: Vec<Bound>,
        tls: Option<Keeper>,
        log_format: LogFormat,
        outputs: Outputs,
    ) -> io::Result<Self> {
        Ok(Self {
            urls: listeners::urls(&bound),
            watch: Watch::new(site.folder()),
            answers: plan.hosting.app().rules.answers.clone(),
            shutdown_limit: plan.settings.shutdown_limit,
            pool: AppPool::new(plan.settings),
            signals: Signals::install()?,
            first_plan: Some(plan),
            workers: BTreeMap::new(),
            events: VecDeque::new(),
            began: Instant::now(),
            timer: None,
            next_look: None,
            exit: None,
            next_tls_look: tls
                .as_ref()
                .filter(|tls| tls.has_files())
                .map(|_| Instant::now() + TLS_LOOK_EVERY),
            tls,
            site,
            bound,
            log_format,
            outputs,
        })
    }

    /// Runs until stopped; the answer is the exit code.
    pub(crate) fn run(mut self) -> Result<u8, Fatal> {
        if let Err(error) = descendants::become_subreaper() {
            tracing::warn!("what workers leave behind cannot be looked after: {error}");
        }
        self.events.push_back(Event::Start);
        loop {
            self.feed();
            if let Some(code) = self.exit {
                break self.finish(code);
            }
            let ready = wait(&self.signals, &self.workers, self.wait_limit())
                .map_err(|error| Fatal::failed(format!("waiting for events failed: {error}")))?;
            self.handle(&ready);
        }
    }

    fn finish(mut self, code: u8) -> Result<u8, Fatal> {
        self.collect_killed();
        for worker in self.workers.values_mut() {
            worker.relay_all(&self.outputs);
        }
        tracing::info!("stopped");
        self.outputs.stdout.flush(LAST_OUTPUT);
        self.outputs.stderr.flush(LAST_OUTPUT);
        Ok(code)
    }

    /// Leaves no killed process behind as a zombie: whoever inherits them may not care.
    fn collect_killed(&mut self) {
        let end = Instant::now() + KILLED_COLLECTED;
        while !self.workers.is_empty() && Instant::now() < end {
            self.signals.take(SignalKind::Child);
            for id in self.ended() {
                if let Some(mut worker) = self.workers.remove(&id) {
                    worker.relay_all(&self.outputs);
                    self.end_programs(&worker);
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            if !self.workers.is_empty() && wait(&self.signals, &BTreeMap::new(), Some(left)).is_err() {
                return;
            }
        }
    }

    fn now(&self) -> Moment {
        Moment::at(self.began.elapsed())
    }

    fn feed(&mut self) {
        while let Some(event) = self.events.pop_front() {
            tracing::debug!(?event, "event");
            let effects = self.pool.step(event, self.now());
            for effect in effects {
                self.perform(effect);
            }
        }
        if self.pool.watches_files() {
            let pause = if self.watch.is_settling() { SETTLES_IN } else { WATCH_EVERY };
            self.next_look.get_or_insert_with(|| Instant::now() + pause);
        } else {
            self.next_look = None;
        }
    }

    fn perform(&mut self, effect: Effect) {
        tracing::debug!(?effect, "effect");
        match effect {
            Effect::SpawnWorker(id) => self.spawn_app(id),
            Effect::SpawnFailurePage(id, failure) => self.spawn_page(id, failure),
            Effect::UpdateFailurePage(id, failure) => self.update_page(id, failure),
            Effect::StopWorker(id) => self.stop_worker(id),
            Effect::KillWorker(id) => {
                if let Some(worker) = self.workers.get_mut(&id) {
                    worker.kill();
                }
            }
            Effect::SetTimer(at) => self.timer = at,
            Effect::Log { level: Level::Info, event_id, text } => tracing::info!(event_id, "{text}"),
            Effect::Log { level: Level::Warn, event_id, text } => tracing::warn!(event_id, "{text}"),
            Effect::Log { level: Level::Error, event_id, text } => tracing::error!(event_id, "{text}"),
            Effect::Exit(code) => self.exit = Some(code),
        }
    }

    fn wait_limit(&self) -> Option<Duration> {
        let timer = self.timer.map(|at| at.since(self.now()));
        let look = self.next_look.map(|at| at.saturating_duration_since(Instant::now()));
        let tls = self.next_tls_look.map(|at| at.saturating_duration_since(Instant::now()));
        timer.into_iter().chain(look).chain(tls).min()
    }

    fn handle(&mut self, ready: &Ready) {
        if ready.stop {
            for _ in 0..self.signals.take(SignalKind::Stop) {
                self.events.push_back(Event::StopRequested);
            }
        }
        for id in &ready.workers {
            self.converse(*id);
        }
        if ready.child {
            self.signals.take(SignalKind::Child);
            self.reap();
        }
        if self.timer.is_some_and(|at| at <= self.now()) {
            self.timer = None;
            self.events.push_back(Event::TimerFired);
        }
        if self.next_tls_look.is_some_and(|at| at <= Instant::now()) {
            self.next_tls_look = Some(Instant::now() + TLS_LOOK_EVERY);
            self.look_at_certificates();
        }
        if self.next_look.is_some_and(|at| at <= Instant::now()) {
            self.next_look = None;
            if self.watch.changed() {
                self.events.push_back(Event::FilesChanged);
            }
        }
    }

    /// Reads what a worker printed and said, and sends what waits for it.
    fn converse(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.relay(&self.outputs);
        worker.flush();
        while let Some(message) = worker.receive() {
            // What it printed before it said this is in the pipes by now, and belongs to it.
            worker.relay_all(&self.outputs);
            match message {
                WorkerMessage::Started { app, dotnet, hostfxr } => {
                    let line = worker.started(&self.urls, app.as_deref(), dotnet.as_deref());
                    if let Some(hostfxr) = hostfxr {
                        tracing::debug!("{hostfxr}");
                    }
                    if matches!(worker.kind(), Kind::App(_)) {
                        self.events.push_back(Event::WorkerStarted(id));
                    }
                    // An out-of-process app starts with its first request only.
                    let in_process = worker.kind() == Kind::App(HostingModel::InProcess);
                    tracing::info!(event_id = in_process.then_some(1032), "{line}");
                }
                WorkerMessage::StartFailed(failure) => {
                    let failure = worker.with_output(failure);
                    self.events.push_back(Event::WorkerFailed(id, failure));
                }
                WorkerMessage::Report { kind: Report::Warning, text } => tracing::warn!("{text}"),
                WorkerMessage::Report { kind: Report::CannotHost, text } => {
                    // Managed code says this of its own accord and then lets the app end by an exception, so
                    // it is known better here than it will be from the end.
                    let cause = text.lines().next().unwrap_or_default().trim();
                    let failure = Failure::new(StatusCode::START_FAILED, cause);
                    let failure = failure.with_cure("Let the app use the default server.");
                    self.events.push_back(Event::WorkerFailed(id, failure));
                }
                WorkerMessage::Report { text, .. } => worker.keep_report(text),
                WorkerMessage::Programs(programs) => worker.set_programs(programs),
                WorkerMessage::Stopping => {
                    worker.stops_itself();
                    self.events.push_back(Event::WorkerStopping(id));
                }
                WorkerMessage::Stopped { exit_code } => {
                    let event_id = worker.stopped_event();
                    tracing::info!(event_id, "the app has ended with exit code {exit_code}");
                }
            }
        }
    }

    /// Workers whose processes have ended.
    fn ended(&mut self) -> Vec<WorkerId> {
        self.workers.iter_mut().filter_map(|(id, worker)| worker.has_ended().then_some(*id)).collect()
    }

    /// Looks which workers have ended. What they said last comes before that.
    fn reap(&mut self) {
        for id in self.ended() {
            self.converse(id);
            if let Some(mut worker) = self.workers.remove(&id) {
                worker.relay_all(&self.outputs);
                self.end_programs(&worker);
                self.events.push_back(Event::WorkerExited(id, worker.exit()));
            }
        }
        self.reap_orphans();
    }
}
