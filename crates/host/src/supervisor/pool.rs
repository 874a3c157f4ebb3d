//! One application pool: its machine, its workers, and what is watched for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mews_model::HostingModel;
use mews_model::lifecycle::{AppPool, Effect, Event, Level, Limits, Moment, Settings, WorkerId};
use mews_model::server_config::{Ping, TimeOfDay};

use super::clock::Clock;
use super::host::Host;
use super::metrics::Tally;
use super::worker::Worker;
use crate::app::{Plan, Site, Watch};
use crate::control::AnswerRules;
use crate::edge::EdgeSpec;
use crate::handover::PoolId;
use crate::isolation::ControlGroup;
use crate::listeners::Listening;
use crate::routing::Routes;

/// How often the folder of an app is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long changed files must stay as they are before they are taken.
const SETTLES_IN: Duration = Duration::from_millis(300);
/// Limits that hold until the app's own are read.
const UNREAD: Limits = Limits { startup: Duration::from_secs(120), shutdown: Duration::from_secs(10) };

/// What a pool is made from.
#[derive(Debug)]
pub(crate) struct PoolSpec {
    /// Its name in the log; `None` when there is only one.
    pub(crate) name: Option<String>,
    /// Its application.
    pub(crate) site: Site,
    /// Its other applications.
    pub(crate) more: Vec<Site>,
    /// What was read of the application already, for the first start.
    pub(crate) plan: Option<Plan>,
    /// When it starts, recycles and gives up.
    pub(crate) settings: Settings,
    /// Limits that count more than the application's own.
    pub(crate) startup_limit: Option<Duration>,
    /// The same for the end.
    pub(crate) shutdown_limit: Option<Duration>,
    /// How a hung worker is noticed.
    pub(crate) ping: Option<Ping>,
    /// The times of day at which it recycles,
    pub(crate) at: Vec<TimeOfDay>,
    /// and how much later, so that pools with the same times do not recycle together.
    pub(crate) later: Duration,
    /// Names it to the gateway.
    pub(crate) id: PoolId,
    /// Where its workers accept.
    pub(crate) listening: Vec<Arc<Listening>>,
    /// Where the gateway accepts, for it among others.
    pub(crate) shared: Vec<Arc<Listening>>,
    /// How requests are told apart, if not all that come to its workers are for its application.
    pub(crate) routes: Option<Routes>,
}

impl PoolSpec {
    /// Its applications.
    pub(super) fn sites(&self) -> impl Iterator<Item = &Site> {
        std::iter::once(&self.site).chain(&self.more)
    }

    /// What stands between clients and its applications.
    pub(super) fn edge(&self) -> EdgeSpec {
        let others = self.more.iter().filter(|site| site.site_name() != self.site.site_name());
        self.site.edge().with_others(others.filter_map(|site| Some((site.site_name()?, site.edge()))))
    }

    /// Every address that its application is behind.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &Arc<Listening>> {
        self.listening.iter().chain(&self.shared)
    }
}

/// An application pool.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) spec: PoolSpec,
    pub(super) machine: AppPool,
    pub(super) workers: BTreeMap<WorkerId, Worker>,
    /// Events not yet fed to the machine.
    pub(super) events: VecDeque<Event>,
    timer: Option<Moment>,
    pub(super) watch: Watch,
    /// For the other applications.
    pub(super) watch_more: Vec<Watch>,
    pub(super) next_look: Option<Instant>,
    /// Whether it had workers, and the first number of the next one, when its folders were last given to be watched.
    watched: (bool, WorkerId),
    /// Of several applications, the numbers of those that are offline.
    pub(super) offline: BTreeSet<usize>,
    /// Workers before this one know the applications by other numbers.
    pub(super) numbered_from: WorkerId,
    /// The first application's, as of the last start.
    pub(super) model: Option<HostingModel>,
    pub(super) clock: Clock,
    /// How failures are shown; as of the last start.
    pub(super) answers: AnswerRules,
    pub(super) limits: Limits,
    /// A change of `web.config` leaves the app running; as of the last start.
    pub(super) keeps_running: bool,
    /// What its processes may use up together.
    pub(super) control_group: ControlGroup,
    /// The app's name, as of the last start.
    pub(super) app: Option<String>,
    /// The worker that gets connections from the gateway.
    pub(super) behind: Option<WorkerId>,
    /// The gateway does not know of it yet.
    pub(super) moved: bool,
    pub(super) tally: Tally,
    gone: bool,
    /// The configuration has it no more.
    pub(super) removed: bool,
}

impl Pool {
    /// Prepares; nothing is started yet.
    pub(super) fn new(spec: PoolSpec) -> Self {
        let limits = spec.plan.as_ref().map_or(UNREAD, |plan| plan.limits);
        let answers = match &spec.plan {
            Some(plan) => plan.hosting.app().rules.answers.clone(),
            None => spec.site.answers(),
        };
        Self {
            watch: spec.site.watch(),
            clock: Clock::new(&spec.at, spec.later),
            watch_more: spec.more.iter().map(Site::watch).collect(),
            machine: AppPool::new(spec.settings, limits),
            workers: BTreeMap::new(),
            events: VecDeque::new(),
            timer: None,
            next_look: None,
            watched: (false, WorkerId(0)),
            offline: BTreeSet::new(),
            numbered_from: WorkerId(0),
            model: None,
            answers,
            limits,
            keeps_running: spec.plan.as_ref().is_some_and(|plan| plan.keeps_running),
            control_group: ControlGroup::default(),
            app: None,
            behind: None,
            moved: false,
            tally: Tally::default(),
            gone: false,
            removed: false,
            spec,
        }
    }

    /// Whether nothing of it is left, for good.
    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Begins.
    pub(super) fn begin(&mut self) {
        self.look_for_offline_files();
        self.events.push_back(Event::Start);
    }

    /// A client has connected, and nobody accepts.
    pub(super) fn connection_waits(&mut self) {
        // Nobody has looked while the app was not there.
        self.look_for_offline_files();
        self.events.push_back(Event::ConnectionWaits);
    }

    /// A line of the log about this pool.
    pub(super) fn log(&self, level: Level, event_id: Option<u16>, text: &str) {
        let pool = self.spec.name.as_deref();
        match level {
            Level::Info => tracing::info!(event_id, pool, "{text}"),
            Level::Warn => tracing::warn!(event_id, pool, "{text}"),
            Level::Error => tracing::error!(event_id, pool, "{text}"),
        }
    }

    /// Tells the machine what has happened, and does what it decides.
    pub(super) fn feed(&mut self, host: &Host) {
        while let Some(event) = self.events.pop_front() {
            tracing::debug!(pool = self.spec.name, ?event, "event");
            self.tally.heard(&event);
            let effects = self.machine.step(event, host.now());
            for effect in effects {
                self.perform(effect, host);
            }
        }
        self.schedule_look();
        self.schedule_pings();
    }

    fn perform(&mut self, effect: Effect, host: &Host) {
        tracing::debug!(pool = self.spec.name, ?effect, "effect");
        match effect {
            Effect::SpawnWorker { id, eager } => self.spawn_app(id, eager, host),
            Effect::SpawnPage(id, shown) => self.spawn_page(id, shown, host),
            Effect::UpdatePage(id, shown) => self.update_page(id, shown, host),
            Effect::StopWorker(id, why) => self.stop_worker(id, why, host),
            Effect::KillWorker(id) => {
                if let Some(worker) = self.workers.get_mut(&id) {
                    worker.kill();
                }
            }
            Effect::SetTimer(at) => self.timer = at,
            Effect::Log { level, event_id, text } => self.log(level, event_id, &text),
            Effect::Gone => self.gone = true,
        }
    }

    /// When it wants to be called although nothing happens.
    pub(super) fn next_due(&self, host: &Host) -> Option<Instant> {
        let timer = self.timer.map(|at| host.instant(at));
        timer.into_iter().chain(self.next_look).chain(self.clock.next_look()).chain(self.next_ping()).min()
    }

    /// Does whatever it is time for.
    pub(super) fn tick(&mut self, host: &Host) {
        if self.timer.is_some_and(|at| at <= host.now()) {
            self.timer = None;
            self.events.push_back(Event::TimerFired);
        }
        if self.next_look.is_some_and(|at| at <= Instant::now()) {
            self.next_look = None;
            self.look();
        }
        self.look_at_clock();
        self.ping_due();
    }

    /// Whether other folders are to be watched since this was asked last: links may lead elsewhere with every start.
    pub(super) fn take_watches_anew(&mut self) -> bool {
        let now = (!self.workers.is_empty(), self.machine.next_worker());
        std::mem::replace(&mut self.watched, now) != now
    }

    /// A pool without a worker, which waits for a connection, is not worth a look.
    fn schedule_look(&mut self) {
        if self.workers.is_empty() {
            self.next_look = None;
            return;
        }
        let pause = if self.is_settling() { SETTLES_IN } else { LOOK_EVERY };
        self.next_look.get_or_insert_with(|| Instant::now() + pause);
    }
}
