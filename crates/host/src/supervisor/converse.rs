//! What workers say, and how they end.

use mews_model::lifecycle::{Event, Level, WorkerId};
use mews_model::{Failure, HostingModel, StatusCode};

use super::host::Host;
use super::orphans;
use super::pool::Pool;
use super::worker::Kind;
use crate::control::{Report, WorkerMessage};

impl Pool {
    /// Reads what a worker printed and said, and sends what waits for it.
    pub(super) fn converse(&mut self, id: WorkerId, host: &Host) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        worker.relay(&host.outputs);
        worker.flush();
        while let Some(worker) = self.workers.get_mut(&id)
            && let Some(message) = worker.receive()
        {
            // What it printed before it said this is in the pipes by now, and belongs to it.
            worker.relay_all(&host.outputs);
            self.hear(id, message);
        }
    }

    fn hear(&mut self, id: WorkerId, message: WorkerMessage) {
        let Some(worker) = self.workers.get_mut(&id) else { return };
        match message {
            WorkerMessage::Started { app, dotnet, hostfxr } => {
                let kind = worker.kind();
                worker.set_accepts(true);
                let urls: Vec<String> =
                    self.spec.addresses().flat_map(|listening| listening.urls()).collect();
                let line = worker.started(&urls, app.as_deref(), dotnet.as_deref());
                if !self.spec.shared.is_empty() {
                    self.behind = Some(id);
                    self.moved = true;
                }
                if let Some(hostfxr) = hostfxr {
                    tracing::debug!("{hostfxr}");
                }
                if matches!(kind, Kind::App(_)) {
                    self.app = Some(worker.name().to_owned());
                    self.events.push_back(Event::WorkerStarted(id));
                }
                // An out-of-process app starts with its first request only.
                let in_process = kind == Kind::App(HostingModel::InProcess);
                self.log(Level::Info, in_process.then_some(1032), &line);
            }
            WorkerMessage::StartFailed(failure) => {
                let failure = worker.with_output(failure);
                self.events.push_back(Event::WorkerFailed(id, failure));
            }
            WorkerMessage::Report { kind: Report::Warning, text } => self.log(Level::Warn, None, &text),
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
            WorkerMessage::Alive(vitals) => self.alive(id, vitals),
            WorkerMessage::Wanted(_) => tracing::error!("worker {id} takes itself for the gateway"),
            WorkerMessage::Metrics(number, snapshot) => self.counted(id, number, snapshot),
            WorkerMessage::Closed => {
                worker.set_accepts(false);
                self.events.push_back(Event::WorkerClosed(id));
            }
            WorkerMessage::Stopping => {
                worker.stops_itself();
                self.events.push_back(Event::WorkerStopping(id));
            }
            WorkerMessage::Stopped { exit_code } => {
                let event_id = worker.stopped_event();
                self.log(Level::Info, event_id, &format!("the app has ended with exit code {exit_code}"));
            }
        }
    }

    /// Workers whose processes have ended.
    pub(super) fn ended(&mut self) -> Vec<WorkerId> {
        self.workers.iter_mut().filter_map(|(id, worker)| worker.has_ended().then_some(*id)).collect()
    }

    /// Looks which workers have ended. What they said last comes before that. `children` are those of all pools.
    pub(super) fn reap(&mut self, children: &[u32], host: &Host) {
        for id in self.ended() {
            self.converse(id, host);
            self.behind.take_if(|behind| *behind == id);
            if let Some(mut worker) = self.workers.remove(&id) {
                worker.relay_all(&host.outputs);
                orphans::end_programs(&worker, children);
                self.tally.ended(worker.told(), worker.is_leaving());
                self.events.push_back(Event::WorkerExited(id, worker.exit()));
            }
        }
    }
}
