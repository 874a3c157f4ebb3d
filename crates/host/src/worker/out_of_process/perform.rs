//! Performing what the machine decides.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread;

use mews_model::lifecycle::{Level, ProcessEffect, ProcessEvent, RunId, Slot};
use mews_model::{Failure, StatusCode};
use mews_process::program::Program;
use mews_server::forward::Upstream;

use super::inbox::Message;
use super::manager::{First, Manager};
use super::run::Run;
use super::{environment, launch, pairing, shutdown};
use crate::app::{Output, open_log};
use crate::control::WorkerMessage;
use crate::worker::pages;

/// Why a start came to nothing, and whether another may go better.
struct NotStarted {
    failure: Box<Failure>,
    retry: bool,
}

impl From<Box<Failure>> for NotStarted {
    fn from(failure: Box<Failure>) -> Self {
        Self { failure, retry: true }
    }
}

impl Manager<'_> {
    pub(super) fn perform(&mut self, effect: ProcessEffect) {
        tracing::debug!(?effect, "effect");
        match effect {
            ProcessEffect::Spawn { run, .. } => self.spawn(run),
            ProcessEffect::Release { slot, run, outcome: Ok(()) } => self.release(slot, run),
            ProcessEffect::Release { slot, run, outcome: Err(failure) } => self.fail(slot, run, failure),
            ProcessEffect::Withdraw { slot, .. } => {
                if let Some(upstream) = self.processes.set_ready(slot, None) {
                    upstream.close();
                }
            }
            ProcessEffect::SendShutdown(run) => self.send_shutdown(run),
            ProcessEffect::Terminate(run) => {
                if let Some(run) = self.runs.get(&run) {
                    run.terminate();
                }
            }
            ProcessEffect::Kill(run) => self.kill(run),
            ProcessEffect::SetTimer(at) => self.timer = at,
            ProcessEffect::Log { level: Level::Info, event_id, text } => tracing::info!(event_id, "{text}"),
            ProcessEffect::Log { level: Level::Warn, event_id, text } => tracing::warn!(event_id, "{text}"),
            ProcessEffect::Log { level: Level::Error, event_id, text } => tracing::error!(event_id, "{text}"),
            ProcessEffect::Stopped => self.stopped = true,
        }
    }

    fn spawn(&mut self, id: RunId) {
        match self.start(id) {
            Ok(run) => {
                let event = ProcessEvent::Spawned { run: id, pid: run.pid(), port: run.port };
                self.runs.insert(id, run);
                self.events.push_back(event);
                self.tell_programs();
            }
            Err(NotStarted { failure, retry }) => {
                self.events.push_back(ProcessEvent::SpawnFailed { run: id, failure: *failure, retry });
            }
        }
    }

    fn start(&self, id: RunId) -> Result<Run, NotStarted> {
        let configured = &self.spec.configured;
        let port = environment::port(configured)
            .map_err(|problem| NotStarted { failure: problem.failure, retry: problem.retry })?;
        let token = environment::token(configured).map_err(|error| {
            let cause = format!("No pairing token can be made: the system gives no random number ({error}).");
            Box::new(
                Failure::new(StatusCode::PROCESS_FAILED, cause).with_cure("Look whether /proc is mounted."),
            )
        })?;
        let executable = launch::find(&self.spec.app)?;
        let root = executable.dotnet_root.as_deref();
        let ours = self.spec.environment.clone().unwrap_or_else(|| std::env::vars_os().collect());
        let program = Program {
            path: executable.path.clone(),
            arguments: executable.arguments.clone(),
            environment: environment::make(ours.into_iter(), configured, port, &token, self.https_port, root),
            directory: self.spec.app.physical_path.clone(),
            capture: self.spec.capture,
        };
        tracing::debug!(run = id.0, port, path = ?program.path, arguments = ?program.arguments, "starting a process");
        let (process, streams) = program.start().map_err(|error| launch::not_started(&executable, &error))?;
        let output = streams.map(|streams| {
            let log = self.spec.stdout_log.as_ref().and_then(|log| match open_log(log, process.pid()) {
                Ok(file) => Some(file),
                Err(error) => {
                    tracing::warn!(event_id = 1004, "{error}");
                    None
                }
            });
            Output::new(streams.stdout, streams.stderr, log)
        });
        Ok(Run::new(process, port, token, output))
    }

    /// Forwards what waits to the run, and from now on whatever comes.
    fn release(&mut self, slot: Slot, id: RunId) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let upstream = Upstream::new(run.address(), &run.token);
        run.upstream = Some(Arc::clone(&upstream));
        let pid = run.listening_pid();
        self.processes.set_ready(slot, Some(Arc::clone(&upstream)));
        self.began_once.insert(slot);
        if matches!(self.first, First::Awaited) {
            self.first = First::Ready;
        }
        for request in self.waiting.remove(&slot).into_iter().flatten() {
            if !request.is_abandoned() {
                request.forward(&upstream);
            }
        }
        self.look_at_pairing(pid);
    }

    /// Answers what waits with the failure.
    fn fail(&mut self, slot: Slot, id: RunId, failure: Failure) {
        let waiting = self.waiting.remove(&slot).unwrap_or_default();
        let failure = match (&failure.detail, self.last_words.take()) {
            (None, Some((of, words))) if of == id => failure.with_detail(words),
            _ => failure,
        };
        if matches!(self.first, First::Awaited) {
            self.first = First::Failed(Box::new(failure.clone()));
        }
        let page = pages::process_failure(&failure, &self.spec.app.rules.answers, None);
        for request in waiting {
            request.fail(&page);
        }
    }

    fn send_shutdown(&mut self, id: RunId) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let (address, token): (SocketAddr, String) = (run.address(), run.token.clone());
        let (path, limit) = (self.spec.app.virtual_path.clone(), self.spec.shutdown_limit);
        let processes = Arc::clone(&self.processes);
        let (sender, answer) = mpsc::channel();
        let ask = move || {
            // The receiver is gone only if the process was given up.
            let _ = sender.send(shutdown::send(address, &token, &path, limit));
            processes.tell(Message::ShutdownAnswered(id));
        };
        match thread::Builder::new().name("shutdown".to_owned()).spawn(ask) {
            Ok(_) => run.shutdown = Some(answer),
            Err(error) => {
                let answer = Err(format!("no thread can be started: {error}"));
                self.events.push_back(ProcessEvent::ShutdownAnswered { run: id, answer });
            }
        }
    }

    fn kill(&mut self, id: RunId) {
        let Some(mut run) = self.runs.remove(&id) else { return };
        let left = run.kill();
        if !left.is_empty() {
            tracing::warn!("processes of the app could not be ended: {left:?}");
        }
        run.relay_all(id, self.outputs);
        self.last_words = Some((id, run.last_words()));
        self.tell_programs();
    }

    /// The supervisor ends what is left of them when this worker cannot.
    fn tell_programs(&self) {
        let own = self.runs.values().map(Run::pid).collect();
        let mut programs = self.programs.borrow_mut();
        programs.insert(self.number, own);
        let all = programs.values().flatten().copied().collect();
        self.control.send(&WorkerMessage::Programs(all));
    }

    /// Says once if the app does not check the pairing token. On a thread of its own: it may read a large file.
    fn look_at_pairing(&self, pid: u32) {
        let (name, told) = (self.spec.app.name.clone(), Arc::clone(&self.unpaired_told));
        if told.load(Ordering::Acquire) {
            return;
        }
        let look = move || {
            if pairing::is_enforced(pid) == Some(false) && !told.swap(true, Ordering::AcqRel) {
                tracing::info!(
                    "{name} does not check the pairing token (it never loads IISIntegration): every user of this \
                     machine can reach it directly on its port"
                );
            }
        };
        if let Err(error) = thread::Builder::new().name("pairing".to_owned()).spawn(look) {
            tracing::debug!("no thread can be started to look at the pairing token: {error}");
        }
    }
}
