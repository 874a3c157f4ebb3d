//! Starting and stopping workers.

use std::ffi::OsString;
use std::io;

use mews_model::lifecycle::{Event, Exit, Leave, Level, Limits, Shown, WorkerId};
use mews_model::module_event::start_failure_event;
use mews_model::server_config::pool_conflict;
use mews_model::{Failure, HostingModel, StatusCode};
use mews_process::child::Spawn;
use mews_process::confinement::Confinement;
use mews_process::output::{LogFile, LogFileError};

use super::host::Host;
use super::pool::Pool;
use super::worker::{Kind, Worker};
use crate::app::{Hosting, ResolveError, environment, open_log};
use crate::control::{
    ControlError, Ending, FailurePage, Hosted, OfflinePage, PageSpec, ProcessSpec, Role, StdoutLog,
    SupervisorMessage, WorkerSpec, encode,
};
use crate::isolation;
use crate::listeners::specs;

/// Why a worker could not be started.
#[derive(Debug, thiserror::Error)]
enum SpawnError {
    #[error("a worker process cannot be started: {0}")]
    Process(#[from] io::Error),
    #[error("a worker process cannot be told what to do: {0}")]
    Control(#[from] ControlError),
}

impl Pool {
    /// Starts a worker for the app as the folder is now.
    pub(super) fn spawn_app(&mut self, id: WorkerId, eager: bool, host: &Host) {
        let plan = match self.spec.plan.take() {
            Some(plan) => plan,
            None => {
                // Before reading, so that a change during the start is noticed after it.
                self.watch.reset();
                match self.spec.site.resolve() {
                    Ok(plan) => plan,
                    Err(error) => {
                        self.answers = self.spec.site.answers();
                        // What has one cause only is logged with the failed start.
                        if matches!(error, ResolveError::WebConfig(_)) {
                            self.log(Level::Error, Some(1034), &error.to_string());
                        }
                        return self.never_ran(id, error.failure());
                    }
                }
            }
        };
        for warning in &plan.warnings {
            self.log(Level::Warn, None, warning);
        }
        self.limits = Limits {
            startup: self.spec.startup_limit.unwrap_or(plan.limits.startup),
            shutdown: self.spec.shutdown_limit.unwrap_or(plan.limits.shutdown),
        };
        self.machine.set_limits(self.limits);
        self.keeps_running = plan.keeps_running;
        self.answers = plan.hosting.app().rules.answers.clone();
        let spawn = Spawn {
            arguments: vec![OsString::from("worker")],
            environment: plan.environment,
            directory: Some(plan.hosting.app().physical_path.clone()),
            confinement: self.confine(plan.confinement),
        };
        let name = plan.hosting.app().name.clone();
        self.log(Level::Info, None, &format!("starting {name}"));
        let more = self.others(&plan.hosting, eager);
        self.model = Some(plan.hosting.model());
        self.goes_as_one_now();
        let eager = eager && !self.offline.contains(&0);
        let (model, role) = match plan.hosting {
            Hosting::InProcess(app) => (HostingModel::InProcess, Role::Application(app)),
            Hosting::OutOfProcess(spec) => {
                (HostingModel::OutOfProcess, Role::OutOfProcess(Box::new(ProcessSpec { eager, ..*spec })))
            }
        };
        let started =
            self.spawn(id, Kind::App(model), &name, &spawn, role, more, plan.stdout_log.as_ref(), host);
        if let Err(error) = started {
            let failure =
                Failure::new(StatusCode::START_FAILED, format!("{}.", capitalized(&error.to_string())));
            self.never_ran(id, failure.with_cure("Check the limits of processes, descriptors and memory."));
        }
    }

    /// The pool's other applications beside this one, as their folders are now. One that cannot be hosted keeps no other
    /// from being.
    fn others(&mut self, first: &Hosting, eager: bool) -> Vec<Hosted> {
        let mut hosted = Vec::new();
        for watch in &mut self.watch_more {
            watch.reset();
        }
        for (number, site) in (1..).zip(&self.spec.more) {
            let eager = eager && !self.offline.contains(&number);
            let plan = site.resolve();
            let (failure, rules) = match plan {
                Err(error) => {
                    tracing::error!(event_id = 1034, pool = self.spec.name, "{}: {error}", site.name());
                    (error.failure(), site.answers())
                }
                Ok(plan) => {
                    for warning in &plan.warnings {
                        tracing::warn!(pool = self.spec.name, "{}: {warning}", site.name());
                    }
                    let both = [(self.spec.site.name(), first.model()), (site.name(), plan.hosting.model())];
                    let both = both.each_ref().map(|(name, model)| (name.as_str(), *model));
                    let pool = self.spec.name.as_deref().unwrap_or_default();
                    let rules = plan.hosting.app().rules.answers.clone();
                    match (pool_conflict(pool, &both), plan.hosting) {
                        (None, Hosting::OutOfProcess(spec)) => {
                            let environment = Some(plan.environment);
                            hosted.push(Hosted::App(Box::new(ProcessSpec { eager, environment, ..*spec })));
                            continue;
                        }
                        // Two that run in-process are always in each other's way.
                        (conflict, _) => {
                            let failure =
                                conflict.unwrap_or_else(|| Failure::new(StatusCode::SEVERAL_APPS, ""));
                            let event_id = start_failure_event(failure.code);
                            tracing::error!(event_id, pool, "{}", failure.explanation());
                            (failure, rules)
                        }
                    }
                }
            };
            hosted.push(Hosted::Refused(Box::new(FailurePage { failure, retry_after: None, rules })));
        }
        hosted
    }

    /// Adds the pool's control group.
    fn confine(&mut self, confinement: Confinement) -> Confinement {
        let pool = self.spec.name.as_deref().unwrap_or("app");
        let isolation = self.spec.site.isolation();
        let (group, warning) = self.control_group.get(pool, isolation, confinement.identity.as_ref());
        if let Some(warning) = warning {
            self.log(Level::Warn, None, &warning);
        }
        Confinement { group, ..confinement }
    }

    /// Starts a worker that shows a page.
    pub(super) fn spawn_page(&mut self, id: WorkerId, shown: Shown, host: &Host) {
        let spawn = Spawn {
            arguments: vec![OsString::from("worker")],
            environment: environment::own().collect(),
            directory: None,
            confinement: isolation::of_pages(self.spec.site.isolation()),
        };
        let name = if shown == Shown::Offline { "app_offline.htm" } else { "the failure" };
        let role = Role::Page(self.page(shown, host));
        if let Err(error) = self.spawn(id, Kind::Page, name, &spawn, role, Vec::new(), None, host) {
            self.never_ran(id, Failure::new(StatusCode::START_FAILED, error.to_string()));
        }
    }

    /// Tells a worker to show something else.
    pub(super) fn update_page(&mut self, id: WorkerId, shown: Shown, host: &Host) {
        let page = self.page(shown, host);
        self.tell(id, &SupervisorMessage::Show(page));
    }

    /// Tells a worker to stop.
    pub(super) fn stop_worker(&mut self, id: WorkerId, why: Leave, host: &Host) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.told_to_stop();
        }
        self.behind.take_if(|behind| *behind == id);
        let why = match why {
            Leave::Replaced => Ending::Replaced,
            Leave::Offline => Ending::Offline(self.offline_page()),
            // Whoever is started next has the sockets, as another worker would.
            Leave::Ending if host.sockets_stay => Ending::Replaced,
            Leave::Ending => Ending::HostStops,
        };
        self.tell(id, &SupervisorMessage::Stop(why));
    }

    pub(super) fn tell(&mut self, id: WorkerId, message: &SupervisorMessage) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        match encode(message) {
            Ok(payload) => worker.send(&payload),
            Err(error) => tracing::error!("worker {id} cannot be told: {error}"),
        }
    }

    /// What clients see instead of the app.
    fn page(&self, shown: Shown, host: &Host) -> PageSpec {
        match shown {
            Shown::Offline => PageSpec::Offline(self.offline_page()),
            Shown::Failure(failure) => PageSpec::Failure(Box::new(FailurePage {
                failure,
                retry_after: self.machine.retry_at().map(|at| at.since(host.now())),
                rules: self.answers.clone(),
            })),
        }
    }

    fn offline_page(&self) -> OfflinePage {
        OfflinePage { file: self.watch.offline_file(), headers: self.answers.headers.clone() }
    }

    /// The machine is told about an end, as of every worker that it asked for.
    fn never_ran(&mut self, id: WorkerId, failure: Failure) {
        let exit = Exit { description: "was never started".to_owned(), ..Exit::default() };
        self.events.push_back(Event::WorkerFailed(id, failure));
        self.events.push_back(Event::WorkerExited(id, exit));
    }

    #[allow(clippy::too_many_arguments, reason = "what a worker is made of")]
    fn spawn(
        &mut self,
        id: WorkerId,
        kind: Kind,
        name: &str,
        spawn: &Spawn,
        role: Role,
        more: Vec<Hosted>,
        log: Option<&StdoutLog>,
        host: &Host,
    ) -> Result<(), SpawnError> {
        let (mut listeners, sockets) = specs(&self.spec.listening, false)?;
        listeners.extend(specs(&self.spec.shared, true)?.0);
        let spec = WorkerSpec {
            role,
            more,
            offline: self.offline_files().collect(),
            listeners,
            routes: self.spec.routes.clone(),
            tls: host.tls_specs(self.spec.addresses().filter_map(|listening| listening.tls())),
            edge: self.spec.edge(),
            https: self.spec.sites().map(|site| site.edge().https.clone()).collect(),
            log_format: host.log_format,
            shutdown_limit: self.limits.shutdown,
        };
        let payload = encode(&spec)?;
        let (mut child, mut connections) = spawn.start()?;
        if let Err(error) = connections.sender.queue(&payload, sockets) {
            child.kill();
            // It ends at once, and nobody else will ask.
            let _ = child.wait();
            return Err(SpawnError::Control(error.into()));
        }
        let log = log.and_then(|log| match log_of(&spawn.confinement, log, child.pid()) {
            Ok(file) => Some(file),
            Err(error) => {
                self.log(Level::Warn, Some(1026), &error.to_string());
                None
            }
        });
        self.tally.started(kind);
        let mut worker = Worker::new(id, kind, name, child, connections, log);
        worker.flush();
        self.workers.insert(id, worker);
        Ok(())
    }
}

/// Begins the stdout log with the rights of the pool's user: the folder is likely its own, and then holds what it wants,
/// links included.
fn log_of(confinement: &Confinement, log: &StdoutLog, pid: u32) -> Result<LogFile, LogFileError> {
    let open = || open_log(log, pid);
    match &confinement.identity {
        None => open(),
        Some(identity) => identity
            .acting(open)
            .unwrap_or_else(|source| Err(LogFileError::Open { path: log.prefix.clone(), source })),
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
