//! One worker process as the supervisor sees it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitStatus;

use mews_model::lifecycle::{Exit, WorkerId};
use mews_model::module_event::unasked_stop_event;
use mews_model::{Failure, HostingModel};
use mews_process::child::{Child, Connections};
use mews_process::handoff::{Received, Receiver, Sender};
use mews_process::output::{LogFile, Source};

use super::metrics::Told;
use super::vitals::Pulse;
use crate::app::{Output, Outputs, ending};
use crate::control::{WorkerMessage, decode};

/// What a worker is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It hosts the app.
    App(HostingModel),
    /// It shows a page.
    Page,
    /// It hands connections to others.
    Gateway,
}

/// A worker process and what connects us with it.
#[derive(Debug)]
pub(super) struct Worker {
    id: WorkerId,
    kind: Kind,
    name: String,
    child: Child,
    status: Option<ExitStatus>,
    /// `None` once it is closed or broken.
    channel: Option<(Sender, Receiver)>,
    output: Output,
    report: Option<String>,
    /// The ids of programs that it has started and that may still run.
    programs: Vec<u32>,
    /// Why its app ends, if that is known.
    stop: Option<Stop>,
    /// It takes connections from the sockets.
    accepts: bool,
    pulse: Pulse,
    told: Told,
}

/// Who wanted an app to stop, first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// We told it to.
    Told,
    /// The app itself.
    Own,
}

impl Worker {
    /// A process that was just started.
    pub(super) fn new(
        id: WorkerId,
        kind: Kind,
        name: &str,
        child: Child,
        connections: Connections,
        log: Option<LogFile>,
    ) -> Self {
        let Connections { sender, receiver, stdout, stderr } = connections;
        Self {
            id,
            kind,
            name: name.to_owned(),
            child,
            status: None,
            channel: Some((sender, receiver)),
            output: Output::new(stdout, stderr, log),
            report: None,
            programs: Vec::new(),
            stop: None,
            accepts: false,
            pulse: Pulse::default(),
            told: Told::default(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    pub(super) fn pulse_mut(&mut self) -> &mut Pulse {
        &mut self.pulse
    }

    /// What it has counted, as of the last time that it was asked.
    pub(super) fn told(&self) -> &Told {
        &self.told
    }

    pub(super) fn told_mut(&mut self) -> &mut Told {
        &mut self.told
    }

    /// Whether it takes connections, as far as it has told.
    pub(super) fn accepts(&self) -> bool {
        self.accepts
    }

    pub(super) fn set_accepts(&mut self, accepts: bool) {
        self.accepts = accepts;
    }

    /// Whether it is to end.
    pub(super) fn is_leaving(&self) -> bool {
        self.stop.is_some()
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Takes note of the programs that run for it now.
    pub(super) fn set_programs(&mut self, programs: Vec<u32>) {
        self.programs = programs;
    }

    /// The ids of programs that it has started and that may still run.
    pub(super) fn programs(&self) -> &[u32] {
        &self.programs
    }

    /// What to wait for, and whether something waits to be sent there.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = (BorrowedFd<'_>, bool)> {
        let channel = self.channel.as_ref().map(|(sender, receiver)| (receiver.as_fd(), sender.is_pending()));
        channel.into_iter().chain(self.output.descriptors().map(|end| (end, false)))
    }

    /// Passes on a turn of what it printed.
    pub(super) fn relay(&mut self, outputs: &Outputs) {
        self.output.relay(Source(self.id.0), outputs);
    }

    /// Passes on everything that it has printed up to now.
    pub(super) fn relay_all(&mut self, outputs: &Outputs) {
        self.output.relay_all(Source(self.id.0), outputs);
    }

    /// Takes note that its app was told to stop.
    pub(super) fn told_to_stop(&mut self) {
        self.stop.get_or_insert(Stop::Told);
    }

    /// Takes note that its app stops of its own accord.
    pub(super) fn stops_itself(&mut self) {
        self.stop.get_or_insert(Stop::Own);
    }

    /// The number of the event that its app has returned. `None` when it just returned: the process's end is the event.
    pub(super) fn stopped_event(&self) -> Option<u16> {
        Some(match self.stop? {
            Stop::Told => 1033,
            Stop::Own => unasked_stop_event(!self.last_words().is_empty()),
        })
    }

    /// Sends a message as soon as the worker takes it.
    pub(super) fn send(&mut self, payload: &[u8]) {
        self.send_with(payload, Vec::new());
    }

    /// The same with descriptors, which are closed here once they are sent.
    pub(super) fn send_with(&mut self, payload: &[u8], descriptors: Vec<OwnedFd>) {
        if let Some((sender, _)) = &mut self.channel {
            if let Err(error) = sender.queue(payload, descriptors) {
                tracing::error!("worker {} cannot be told: {error}", self.id);
            }
            self.flush();
        }
    }

    /// Sends what waits to be sent.
    pub(super) fn flush(&mut self) {
        let Some((sender, _)) = &mut self.channel else { return };
        if sender.is_pending()
            && let Err(error) = sender.flush()
        {
            // It is ending, or about to: its exit tells more.
            tracing::debug!("worker {}: {error}", self.id);
            self.channel = None;
        }
    }

    /// The next message, if one has come.
    pub(super) fn receive(&mut self) -> Option<WorkerMessage> {
        loop {
            let (_, receiver) = self.channel.as_mut()?;
            match receiver.try_recv() {
                Ok(Received::Message(message)) => match decode(&message.payload) {
                    Ok(message) => return Some(message),
                    Err(error) => tracing::error!("worker {}: {error}", self.id),
                },
                Ok(Received::Nothing) => return None,
                Ok(Received::End) => self.channel = None,
                Err(error) => {
                    tracing::error!("worker {}: {error}", self.id);
                    self.channel = None;
                }
            }
        }
    }

    /// The line that says what listens where.
    pub(super) fn started(&mut self, urls: &[String], app: Option<&str>, dotnet: Option<&str>) -> String {
        let urls = urls.join(", ");
        let pid = self.child.pid();
        match self.kind {
            Kind::App(model) => {
                if let Some(app) = app {
                    app.clone_into(&mut self.name);
                }
                let dotnet = dotnet.map_or_else(String::new, |version| format!(", .NET {version}"));
                format!("listening on {urls} — {}, {model}{dotnet} (pid {pid})", self.name)
            }
            Kind::Gateway => format!("sharing out connections to {urls} (pid {pid})"),
            Kind::Page => format!("showing {} on {urls} (pid {pid})", self.name),
        }
    }

    /// Keeps what the app said about its end.
    pub(super) fn keep_report(&mut self, text: String) {
        // The first is the cause, what follows are its consequences.
        self.report.get_or_insert(text);
    }

    /// A failure with what the app printed, unless it has lines of its own.
    pub(super) fn with_output(&self, failure: Failure) -> Failure {
        if failure.detail.is_some() { failure } else { failure.with_detail(self.last_words()) }
    }

    /// Whether the process has ended.
    pub(super) fn has_ended(&mut self) -> bool {
        match self.child.try_wait() {
            Ok(status) => self.status = status,
            Err(error) => tracing::error!("worker {} cannot be waited for: {error}", self.id),
        }
        self.status.is_some()
    }

    /// How it ended, after [`Worker::has_ended`] said so.
    pub(super) fn exit(&self) -> Exit {
        ending::exit(self.status, self.report.as_deref(), self.last_words())
    }

    pub(super) fn kill(&mut self) {
        self.child.kill();
    }

    /// What it reported, or printed last.
    fn last_words(&self) -> String {
        self.report.clone().unwrap_or_else(|| self.output.last_words())
    }
}
