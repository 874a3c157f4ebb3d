//! The gateway's process: there as long as addresses are shared, and started again when it ends.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mews_model::lifecycle::WorkerId;
use mews_model::metrics::Snapshot;
use mews_process::child::Spawn;

use super::host::Host;
use super::metrics::Told;
use super::worker::{Kind, Worker};
use crate::app::environment;
use crate::control::{
    ControlError, Ending, Report, Role, SupervisorMessage, WorkerMessage, WorkerSpec, encode,
};
use crate::edge::EdgeSpec;
use crate::handover::PoolId;
use crate::isolation;
use crate::listeners::{Listening, specs};
use crate::routing::Routes;

/// A gateway that ends sooner than this after its start is started again only after `AGAIN_AFTER`.
const STABLE_AFTER: Duration = Duration::from_secs(10);
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How long it may take to end.
const LIMIT: Duration = Duration::from_secs(5);

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Gateway {
    /// The addresses that it accepts at.
    listening: Vec<Arc<Listening>>,
    routes: Option<Routes>,
    process: Option<Worker>,
    /// Those before, which are to end.
    leaving: Vec<Worker>,
    began: Option<Instant>,
    start_at: Option<Instant>,
    /// Pools that connections wait for.
    wanted: BTreeSet<PoolId>,
    /// It takes messages; before that they would be nobody's.
    ready: bool,
    /// That is new.
    fresh: bool,
    stopping: bool,
    /// What those that have ended have told last.
    ended: Snapshot,
}

impl Gateway {
    /// Nothing is started yet.
    pub(super) fn new(listening: Vec<Arc<Listening>>, routes: Option<Routes>) -> Self {
        let start_at = (!listening.is_empty()).then(Instant::now);
        Self { listening, routes, start_at, ..Self::default() }
    }

    pub(super) fn descriptors(&self) -> impl Iterator<Item = (BorrowedFd<'_>, bool)> {
        self.process.iter().chain(&self.leaving).flat_map(Worker::descriptors)
    }

    pub(super) fn pids(&self) -> impl Iterator<Item = u32> {
        self.process.iter().chain(&self.leaving).map(Worker::pid)
    }

    /// When it is to be started.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.start_at
    }

    /// Pools that connections wait for.
    pub(super) fn wanted(&self) -> &BTreeSet<PoolId> {
        &self.wanted
    }

    /// Whether it has started since this was asked last: then it knows of no worker.
    pub(super) fn take_fresh(&mut self) -> bool {
        std::mem::take(&mut self.fresh)
    }

    /// Starts it if it is time to.
    pub(super) fn tick(&mut self, host: &Host) {
        if self.stopping || self.start_at.is_none_or(|at| at > Instant::now()) {
            return;
        }
        self.start_at = None;
        match self.start(host) {
            Ok(process) => {
                self.began = Some(Instant::now());
                self.process = Some(process);
            }
            Err(error) => {
                tracing::error!("the gateway cannot be started: {error}; trying again");
                self.start_at = Some(Instant::now() + AGAIN_AFTER);
            }
        }
    }

    /// From now on it is to accept at these addresses.
    pub(super) fn reconfigure(&mut self, listening: Vec<Arc<Listening>>, routes: Option<Routes>) {
        let same = listening.len() == self.listening.len()
            && listening.iter().zip(&self.listening).all(|(new, old)| Arc::ptr_eq(new, old));
        let changed = routes != self.routes;
        (self.listening, self.routes) = (listening, routes);
        if same {
            let message =
                self.routes.clone().filter(|_| changed).map(Box::new).map(SupervisorMessage::Routes);
            if let (Some(process), Some(Ok(payload))) = (&mut self.process, message.as_ref().map(encode)) {
                process.send_with(&payload, Vec::new());
            }
            return;
        }
        // Another one takes its place; what waits in the kernel is the new one's.
        if let Some(mut process) = self.process.take() {
            tell_to_stop(&mut process);
            self.leaving.push(process);
        }
        (self.ready, self.fresh) = (false, false);
        self.start_at = (!self.listening.is_empty()).then(Instant::now);
    }

    fn start(&self, host: &Host) -> Result<Worker, ControlError> {
        let (listeners, sockets) = specs(&self.listening, false).map_err(io_error)?;
        let spec = WorkerSpec {
            role: Role::Gateway,
            more: Vec::new(),
            offline: Vec::new(),
            listeners,
            routes: self.routes.clone(),
            tls: Vec::new(),
            edge: EdgeSpec::default(),
            https: Vec::new(),
            log_format: host.log_format,
            shutdown_limit: LIMIT,
        };
        let spawn = Spawn {
            arguments: vec![OsString::from("worker")],
            environment: environment::own().collect(),
            confinement: isolation::of_gateway(),
            ..Spawn::default()
        };
        let payload = encode(&spec)?;
        let (child, connections) = spawn.start().map_err(io_error)?;
        let mut process = Worker::new(WorkerId(0), Kind::Gateway, "gateway", child, connections, None);
        process.send_with(&payload, sockets);
        Ok(process)
    }

    /// From now on the connections of the pool go to this worker.
    pub(super) fn attach(&mut self, pool: PoolId, worker: &mut Worker) {
        let Some(process) = self.process.as_mut().filter(|_| self.ready) else { return };
        let told = UnixStream::pair().map_err(ControlError::from).and_then(|(ours, theirs)| {
            let to_worker = encode(&SupervisorMessage::Channel(None))?;
            let to_gateway = encode(&SupervisorMessage::Channel(Some(pool)))?;
            worker.send_with(&to_worker, vec![OwnedFd::from(theirs)]);
            process.send_with(&to_gateway, vec![OwnedFd::from(ours)]);
            Ok(())
        });
        match told {
            Ok(()) => {
                self.wanted.remove(&pool);
            }
            Err(error) => tracing::error!("a worker and the gateway cannot be connected: {error}"),
        }
    }

    /// Reads what it printed and said, and sends what waits for it.
    pub(super) fn converse(&mut self, host: &Host) {
        for process in &mut self.leaving {
            process.relay(&host.outputs);
            process.flush();
            while let Some(message) = process.receive() {
                if let WorkerMessage::Metrics(number, snapshot) = message {
                    *process.told_mut() = Told::new(number, snapshot);
                }
            }
        }
        let Some(process) = &mut self.process else { return };
        process.relay(&host.outputs);
        process.flush();
        while let Some(message) = process.receive() {
            process.relay_all(&host.outputs);
            match message {
                WorkerMessage::Started { .. } => {
                    let urls: Vec<String> =
                        self.listening.iter().flat_map(|listening| listening.urls()).collect();
                    tracing::info!("{}", process.started(&urls, None, None));
                    (self.ready, self.fresh) = (true, true);
                }
                WorkerMessage::Wanted(pool) => {
                    self.wanted.insert(pool);
                }
                WorkerMessage::Metrics(number, snapshot) => {
                    *process.told_mut() = Told::new(number, snapshot);
                }
                WorkerMessage::Report { kind: Report::Warning, text } => tracing::warn!("{text}"),
                other => tracing::debug!(?other, "the gateway"),
            }
        }
    }

    /// Looks whether it has ended, and plans the next start.
    pub(super) fn reap(&mut self, host: &Host) {
        self.converse(host);
        let ended = &mut self.ended;
        self.leaving.retain_mut(|process| {
            let over = process.has_ended();
            if over {
                ended.add(&process.told().lasting());
            }
            !over
        });
        let Some(process) = &mut self.process else { return };
        if !process.has_ended() {
            return;
        }
        process.relay_all(&host.outputs);
        self.ended.add(&process.told().lasting());
        let description = process.exit().description;
        self.process = None;
        (self.ready, self.fresh) = (false, false);
        self.wanted.clear();
        if self.stopping {
            return;
        }
        tracing::warn!("the gateway {description}; it is started again, and connections go on waiting");
        let stable = self.began.is_some_and(|began| began.elapsed() >= STABLE_AFTER);
        self.start_at = Some(Instant::now() + if stable { Duration::ZERO } else { AGAIN_AFTER });
    }

    /// Asks it what it has counted.
    pub(super) fn ask_metrics(&mut self, message: &SupervisorMessage) {
        if let (Some(process), Ok(payload)) = (&mut self.process, encode(message)) {
            process.send_with(&payload, Vec::new());
        }
    }

    /// Whether it has answered that question, or nobody is there to.
    pub(super) fn has_told(&self, number: u64) -> bool {
        self.process.as_ref().is_none_or(|process| process.told().is_of(number))
    }

    /// Adds what it, and those before it, have told.
    pub(super) fn fill(&self, snapshot: &mut Snapshot) {
        snapshot.add(&self.ended);
        for process in self.process.iter().chain(&self.leaving) {
            process.told().fill(snapshot);
        }
    }

    /// Accepts nothing any more.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        self.start_at = None;
        if let Some(process) = &mut self.process {
            tell_to_stop(process);
        }
    }

    /// Ends it at once, if it has not ended by itself.
    pub(super) fn kill(&mut self) {
        for process in self.process.iter_mut().chain(&mut self.leaving) {
            process.kill();
        }
    }

    /// Whether nothing of it is left.
    pub(super) fn is_gone(&self) -> bool {
        self.process.is_none() && self.leaving.is_empty()
    }
}

fn tell_to_stop(process: &mut Worker) {
    process.told_to_stop();
    match encode(&SupervisorMessage::Stop(Ending::HostStops)) {
        Ok(payload) => process.send_with(&payload, Vec::new()),
        Err(error) => tracing::error!("the gateway cannot be told to stop: {error}"),
    }
}

fn io_error(error: io::Error) -> ControlError {
    ControlError::from(error)
}
