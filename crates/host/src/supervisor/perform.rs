//! Starting and stopping workers.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;

use mews_model::lifecycle::{Event, Exit, WorkerId};
use mews_model::{Failure, HostingModel, StatusCode};
use mews_process::child::Spawn;

use super::Supervisor;
use super::worker::{Kind, Worker};
use crate::app::{Hosting, ResolveError, open_log};
use crate::control::{
    ControlError, FailurePage, ListenerSpec, Role, StdoutLog, SupervisorMessage, WorkerSpec, encode,
};
use crate::tls::News;

/// Why a worker could not be started.
#[derive(Debug, thiserror::Error)]
enum SpawnError {
    #[error("a worker process cannot be started: {0}")]
    Process(#[from] io::Error),
    #[error("a worker process cannot be told what to do: {0}")]
    Control(#[from] ControlError),
}

impl Supervisor {
    /// Starts a worker for the app as the folder is now.
    pub(super) fn spawn_app(&mut self, id: WorkerId) {
        let plan = match self.first_plan.take() {
            Some(plan) => plan,
            None => {
                // Before reading, so that a change during the start is noticed after it.
                self.watch.reset();
                match self.site.resolve() {
                    Ok(plan) => plan,
                    Err(error) => {
                        self.answers = self.site.answers();
                        // What has one cause only is logged with the failed start.
                        if matches!(error, ResolveError::WebConfig(_)) {
                            tracing::error!(event_id = 1034, "{error}");
                        }
                        return self.never_ran(id, error.failure());
                    }
                }
            }
        };
        for warning in &plan.warnings {
            tracing::warn!("{warning}");
        }
        self.pool.configure(plan.settings);
        self.shutdown_limit = plan.settings.shutdown_limit;
        self.answers = plan.hosting.app().rules.answers.clone();
        let spawn = Spawn {
            arguments: vec![OsString::from("worker")],
            environment: plan.environment,
            directory: Some(plan.hosting.app().physical_path.clone()),
            ..Spawn::default()
        };
        let name = plan.hosting.app().name.clone();
        tracing::info!("starting {name}");
        let (model, role) = match plan.hosting {
            Hosting::InProcess(app) => (HostingModel::InProcess, Role::Application(app)),
            Hosting::OutOfProcess(spec) => (HostingModel::OutOfProcess, Role::OutOfProcess(spec)),
        };
        let started = self.spawn(id, Kind::App(model), &name, &spawn, role, plan.stdout_log.as_ref());
        if let Err(error) = started {
            let failure =
                Failure::new(StatusCode::START_FAILED, format!("{}.", capitalized(&error.to_string())));
            self.never_ran(id, failure.with_cure("Check the limits of processes, descriptors and memory."));
        }
    }

    /// Starts a worker that shows a failure.
    pub(super) fn spawn_page(&mut self, id: WorkerId, failure: Failure) {
        let spawn = Spawn {
            arguments: vec![OsString::from("worker")],
            environment: std::env::vars_os().collect(),
            ..Spawn::default()
        };
        let role = Role::FailurePage(Box::new(self.page(failure)));
        if let Err(error) = self.spawn(id, Kind::Page, "failure page", &spawn, role, None) {
            self.never_ran(id, Failure::new(StatusCode::START_FAILED, error.to_string()));
        }
    }

    /// Tells a worker to show another failure.
    pub(super) fn update_page(&mut self, id: WorkerId, failure: Failure) {
        let page = self.page(failure);
        self.tell(id, &SupervisorMessage::ShowFailure(Box::new(page)));
    }

    /// Tells a worker to stop.
    pub(super) fn stop_worker(&mut self, id: WorkerId) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.told_to_stop();
        }
        self.tell(id, &SupervisorMessage::Stop);
    }

    /// Looks whether certificate files have changed, and tells the workers.
    pub(super) fn look_at_certificates(&mut self) {
        let Some(keeper) = &mut self.tls else { return };
        let spec = match keeper.look() {
            None => return,
            Some(News::Broken(problem)) => {
                tracing::error!("{problem}; the certificates in use stay until the files are mended");
                return;
            }
            Some(News::Changed(warnings)) => {
                for warning in warnings {
                    tracing::warn!("{warning}");
                }
                keeper.spec().clone()
            }
        };
        tracing::info!("certificate files have changed; new connections use them");
        let message = SupervisorMessage::Certificates(spec);
        let workers: Vec<WorkerId> = self.workers.keys().copied().collect();
        for id in workers {
            self.tell(id, &message);
        }
    }

    fn tell(&mut self, id: WorkerId, message: &SupervisorMessage) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        match encode(message) {
            Ok(payload) => worker.send(&payload),
            Err(error) => tracing::error!("worker {id} cannot be told: {error}"),
        }
    }

    /// What clients see of a failure.
    fn page(&self, failure: Failure) -> FailurePage {
        let now = self.now();
        FailurePage {
            failure,
            retry_after: self.pool.retry_at().map(|at| at.since(now)),
            rules: self.answers.clone(),
        }
    }

    /// The machine is told about an end, as of every worker that it asked for.
    fn never_ran(&mut self, id: WorkerId, failure: Failure) {
        let exit = Exit { description: "was never started".to_owned(), ..Exit::default() };
        self.events.push_back(Event::WorkerFailed(id, failure));
        self.events.push_back(Event::WorkerExited(id, exit));
    }

    fn spawn(
        &mut self,
        id: WorkerId,
        kind: Kind,
        name: &str,
        spawn: &Spawn,
        role: Role,
        log: Option<&StdoutLog>,
    ) -> Result<(), SpawnError> {
        let listeners = self.bound.iter();
        let spec = WorkerSpec {
            role,
            listeners: listeners.map(|b| ListenerSpec { url: b.url.clone(), tls: b.tls }).collect(),
            tls: self.tls.as_ref().map(|tls| tls.spec().clone()),
            edge: self.site.edge().clone(),
            log_format: self.log_format,
            shutdown_limit: self.shutdown_limit,
        };
        let payload = encode(&spec)?;
        let sockets = self.bound.iter().map(|bound| Ok(OwnedFd::from(bound.socket.try_clone()?)));
        let sockets = sockets.collect::<io::Result<Vec<OwnedFd>>>()?;
        let (mut child, mut connections) = spawn.start()?;
        if let Err(error) = connections.sender.queue(&payload, sockets) {
            child.kill();
            // It ends at once, and nobody else will ask.
            let _ = child.wait();
            return Err(SpawnError::Control(error.into()));
        }
        let log = log.and_then(|log| match open_log(log, child.pid()) {
            Ok(file) => Some(file),
            Err(error) => {
                tracing::warn!(event_id = 1026, "{error}");
                None
            }
        });
        let mut worker = Worker::new(id, kind, name, child, connections, log);
        worker.flush();
        self.workers.insert(id, worker);
        Ok(())
    }
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
