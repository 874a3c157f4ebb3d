//! One worker process as the supervisor sees it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitStatus;

use mews_model::Failure;
use mews_model::lifecycle::{Exit, WorkerId};
use mews_process::child::{Child, Connections};
use mews_process::exit::describe;
use mews_process::handoff::{Received, Receiver, Sender};
use mews_process::output::{Sink, Source, Tail};
use rustix::io::Errno;

use super::Outputs;
use crate::control::{WorkerMessage, decode};

/// What is read of one pipe before others have their turn.
const TURN: usize = 64 * 1024;
/// A child that prints without pause is cut off here when its last output is collected.
const LAST_TURNS: usize = 64;

/// What a worker is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It hosts the app.
    App,
    /// It shows a failure page.
    Page,
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
    stdout: Pipe,
    stderr: Pipe,
    report: Option<String>,
}

#[derive(Debug)]
struct Pipe {
    /// `None` once the other end is closed.
    end: Option<OwnedFd>,
    tail: Tail,
}

impl Worker {
    /// A process that was just started.
    pub(super) fn new(id: WorkerId, kind: Kind, name: &str, child: Child, connections: Connections) -> Self {
        let Connections { sender, receiver, stdout, stderr } = connections;
        Self {
            id,
            kind,
            name: name.to_owned(),
            child,
            status: None,
            channel: Some((sender, receiver)),
            stdout: Pipe { end: Some(stdout), tail: Tail::default() },
            stderr: Pipe { end: Some(stderr), tail: Tail::default() },
            report: None,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// What to wait for, and whether something waits to be sent there.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = (BorrowedFd<'_>, bool)> {
        let channel = self.channel.as_ref().map(|(sender, receiver)| (receiver.as_fd(), sender.is_pending()));
        let pipes = [&self.stdout, &self.stderr].into_iter().filter_map(|pipe| pipe.end.as_ref());
        channel.into_iter().chain(pipes.map(|end| (end.as_fd(), false)))
    }

    /// Passes on a turn of what it printed.
    pub(super) fn relay(&mut self, outputs: &Outputs) {
        let source = Source(self.id.0);
        self.stdout.relay(source, &outputs.stdout, 1);
        self.stderr.relay(source, &outputs.stderr, 1);
    }

    /// Passes on everything that it has printed up to now.
    pub(super) fn relay_all(&mut self, outputs: &Outputs) {
        let source = Source(self.id.0);
        self.stdout.relay(source, &outputs.stdout, LAST_TURNS);
        self.stderr.relay(source, &outputs.stderr, LAST_TURNS);
    }

    /// Sends a message as soon as the worker takes it.
    pub(super) fn send(&mut self, payload: &[u8]) {
        if let Some((sender, _)) = &mut self.channel {
            if let Err(error) = sender.queue(payload, Vec::new()) {
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
            Kind::App => {
                if let Some(app) = app {
                    app.clone_into(&mut self.name);
                }
                let dotnet = dotnet.map_or_else(String::new, |version| format!(", .NET {version}"));
                format!("listening on {urls} — {}, in-process{dotnet} (pid {pid})", self.name)
            }
            Kind::Page => format!("showing the failure on {urls} (pid {pid})"),
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
        let last_words = self.last_words();
        let ending = match &self.report {
            Some(text) => Some(fatal_message(text).unwrap_or_else(|| (UNHANDLED, first_line(text)))),
            None => fatal_message(&last_words),
        };
        Exit {
            clean: self.status.is_some_and(|status| status.success()),
            description: self.status.map_or_else(|| "has ended".to_owned(), describe),
            cause: ending.as_ref().map(|(cause, _)| (*cause).to_owned()),
            reason: ending.map(|(_, reason)| reason),
            detail: (!last_words.is_empty()).then_some(last_words),
        }
    }

    pub(super) fn kill(&mut self) {
        self.child.kill();
    }

    /// What it reported, or printed last: errors if there are any.
    fn last_words(&self) -> String {
        match &self.report {
            Some(report) => report.clone(),
            None if self.stderr.tail.is_empty() => self.stdout.tail.text(),
            None => self.stderr.tail.text(),
        }
    }
}

impl Pipe {
    fn relay(&mut self, source: Source, sink: &Sink, turns: usize) {
        let mut buffer = [0; 16 * 1024];
        let mut left = turns.saturating_mul(TURN);
        while let Some(end) = &self.end {
            match rustix::io::read(end, &mut buffer) {
                Ok(0) => self.end = None,
                Ok(read) => {
                    let chunk = buffer.get(..read).unwrap_or_default();
                    self.tail.push(chunk);
                    sink.write(source, chunk);
                    left = left.saturating_sub(read);
                    if left == 0 {
                        return;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(errno) => {
                    tracing::error!("worker {}: its output cannot be read: {errno}", source.0);
                    self.end = None;
                }
            }
        }
    }
}

const UNHANDLED: &str = "An unhandled exception ended the app";

/// How the runtime's last messages begin, and what they mean.
const FATAL: [(&str, &str); 5] = [
    ("Unhandled exception. ", UNHANDLED),
    ("Unhandled exception: ", UNHANDLED),
    ("Process terminated. ", "The app called Environment.FailFast"),
    ("Stack overflow.", "A stack overflow ended the app"),
    ("Out of memory.", "The app ran out of memory"),
];

/// What the runtime said when it ended the process: its meaning, and the rest of its first line.
fn fatal_message(text: &str) -> Option<(&'static str, String)> {
    text.lines().find_map(|line| {
        let line = line.trim();
        FATAL.iter().find_map(|(beginning, cause)| {
            line.strip_prefix(beginning).map(|reason| (*cause, reason.to_owned()))
        })
    })
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_in_the_output() {
        for (text, expected) in [
            (
                "info: x\nUnhandled exception. System.InvalidOperationException: No.\n   at Program.Main()\n",
                Some((UNHANDLED, "System.InvalidOperationException: No.")),
            ),
            ("Stack overflow.\n   at X", Some(("A stack overflow ended the app", ""))),
            ("Process terminated. why\n", Some(("The app called Environment.FailFast", "why"))),
            ("nothing", None),
        ] {
            let found = fatal_message(text);
            assert_eq!(found.as_ref().map(|(cause, reason)| (*cause, reason.as_str())), expected);
        }
    }
}
