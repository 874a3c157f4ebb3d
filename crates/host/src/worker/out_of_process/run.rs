//! One start of a process: the program, where it shall listen, what it prints, and what is watched of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::ExitStatus;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use mews_clr::hostfxr::StartError;
use mews_model::lifecycle::{Exit, Refusal, RunId, Seen};
use mews_process::listening::{self, Readiness};
use mews_process::output::Source;
use mews_process::program::Process;
use mews_server::forward::Upstream;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::app::{Output, Outputs, ending};

/// How often a starting process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How often, once it has taken a while.
const LOOK_SLOWLY: Duration = Duration::from_millis(50);
/// How long the answer to the shutdown message of an ended process is waited for.
const ANSWER_LIMIT: Duration = Duration::from_millis(200);
/// What a while is.
const WHILE: Duration = Duration::from_secs(10);

/// A process that was started.
pub(super) struct Run {
    process: Process,
    pub(super) port: u16,
    pub(super) token: String,
    output: Option<Output>,
    began: Instant,
    /// When it is looked at next; `None` once it listens.
    next_look: Option<Instant>,
    /// What was seen last.
    seen: Seen,
    /// The end of the program itself was told.
    ended: bool,
    /// A descendant that listens.
    listener: Option<(u32, OwnedFd)>,
    pub(super) upstream: Option<Arc<Upstream>>,
    /// The program ended well before anybody listened, and left others behind.
    left: Option<ExitStatus>,
    /// Brings what came of the shutdown message.
    pub(super) shutdown: Option<mpsc::Receiver<Result<u16, String>>>,
}

/// What is new of a starting process.
pub(super) enum News {
    /// It listens.
    Listening(u32),
    /// It does not, and looks different than before.
    Seen(Seen),
}

impl Run {
    pub(super) fn new(process: Process, port: u16, token: String, output: Option<Output>) -> Self {
        let now = Instant::now();
        Self {
            process,
            port,
            token,
            output,
            began: now,
            next_look: Some(now + LOOK_EVERY),
            seen: Seen::Nothing,
            ended: false,
            listener: None,
            upstream: None,
            left: None,
            shutdown: None,
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The process that listens, as far as known.
    pub(super) fn listening_pid(&self) -> u32 {
        self.listener.as_ref().map_or_else(|| self.pid(), |(pid, _)| *pid)
    }

    /// Where it shall listen.
    pub(super) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// What to wait for.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let process = (!self.ended).then(|| self.process.pidfd());
        let listener = self.listener.as_ref().map(|(_, pidfd)| pidfd.as_fd());
        process.into_iter().chain(listener).chain(self.output.iter().flat_map(Output::descriptors))
    }

    /// When it wants to be looked at.
    pub(super) fn next_look(&self) -> Option<Instant> {
        self.next_look
    }

    /// Passes on a turn of what it printed.
    pub(super) fn relay(&mut self, run: RunId, outputs: &Outputs) {
        if let Some(output) = &mut self.output {
            output.relay(source(run), outputs);
        }
    }

    /// Passes on everything that it has printed up to now.
    pub(super) fn relay_all(&mut self, run: RunId, outputs: &Outputs) {
        if let Some(output) = &mut self.output {
            output.relay_all(source(run), outputs);
        }
    }

    /// What it printed last.
    pub(super) fn last_words(&self) -> String {
        self.output.as_ref().map(Output::last_words).unwrap_or_default()
    }

    /// Looks whether it listens, if it is time to. With `thoroughly` it is time, and also looked where it listens
    /// instead.
    pub(super) fn look(&mut self, thoroughly: bool) -> Option<News> {
        let now = Instant::now();
        if !thoroughly && self.next_look? > now {
            return None;
        }
        self.next_look?;
        let pause = if now.duration_since(self.began) < WHILE { LOOK_EVERY } else { LOOK_SLOWLY };
        self.next_look = Some(now + pause);
        let readiness = if thoroughly {
            listening::readiness(self.port, &self.process.descendants())
        } else {
            self.process.readiness(self.port)
        };
        let seen = match readiness {
            Readiness::Ready { pid } => {
                self.next_look = None;
                self.watch(pid);
                return Some(News::Listening(pid));
            }
            Readiness::NotYet => Seen::Nothing,
            Readiness::OnlyIpv6 { .. } => Seen::OnlyIpv6,
            Readiness::Elsewhere(addresses) => Seen::Elsewhere(addresses),
            Readiness::Foreign { pid, name } => Seen::Foreign { pid, name },
        };
        (seen != self.seen).then(|| {
            self.seen = seen.clone();
            News::Seen(seen)
        })
    }

    /// Watches the process that listens, if it is another than the one that was started.
    fn watch(&mut self, pid: u32) {
        self.listener = None;
        if pid == self.pid() {
            return;
        }
        let pidfd =
            i32::try_from(pid).ok().and_then(Pid::from_raw).map(|pid| pidfd_open(pid, PidfdFlags::empty()));
        if let Some(Ok(pidfd)) = pidfd {
            self.listener = Some((pid, pidfd));
        }
    }

    /// Whether one of the watched processes has ended, how, and who listens all the same. Told once for each.
    pub(super) fn ended(&mut self, run: RunId, outputs: &Outputs) -> Option<(Exit, Option<u32>)> {
        let status = if self.ended { None } else { self.process_status() };
        let listener_ended = self.listener.as_ref().is_some_and(|(_, pidfd)| is_readable(pidfd.as_fd()));
        if status.is_none() && !listener_ended && self.left.is_none() {
            return None;
        }
        self.ended |= status.is_some();
        self.relay_all(run, outputs);
        let status = status.flatten().or(self.left);
        let served_by = match self.process.readiness(self.port) {
            Readiness::Ready { pid } => Some(pid),
            _ => None,
        };
        if served_by.is_none() && self.next_look.is_some() && status.is_some_and(|status| status.success()) {
            // A script that starts the server in the background: what it left may listen yet.
            if !self.process.descendants().is_empty() {
                self.left = status;
                return None;
            }
        }
        self.left = None;
        self.listener = None;
        if let Some(pid) = served_by {
            self.next_look = None;
            self.watch(pid);
        }
        let words = self.last_words();
        let refusal = StartError::from_output(&words);
        let mut exit = ending::exit(status, None, words);
        exit.refusal = refusal.map(|error| Refusal { cause: error.cause(), cure: error.cure() });
        if status.is_none() && !self.ended {
            exit.description = "is gone, but not the process that had started it".to_owned();
        }
        Some((exit, served_by))
    }

    /// What came of the shutdown message, if it was sent; once. Waits a moment: the process has ended or the answer is
    /// there.
    pub(super) fn shutdown_answer(&mut self) -> Option<Result<u16, String>> {
        self.shutdown.take()?.recv_timeout(ANSWER_LIMIT).ok()
    }

    /// `Some` once the program itself has ended, with its status as far as that is known.
    fn process_status(&mut self) -> Option<Option<ExitStatus>> {
        match self.process.try_wait() {
            Ok(None) => None,
            Ok(status) => Some(status),
            Err(error) => {
                tracing::error!("process {} cannot be waited for: {error}", self.pid());
                is_readable(self.process.pidfd()).then_some(None)
            }
        }
    }

    /// Asks its processes to end; also the one that listens, should it have left the process group.
    pub(super) fn terminate(&self) {
        self.process.terminate();
        if let Some((_, pidfd)) = &self.listener {
            // The only failure is that it is gone.
            let _ = pidfd_send_signal(pidfd, Signal::TERM);
        }
    }

    /// Ends whatever is left, and tells who could not be ended.
    pub(super) fn kill(&mut self) -> Vec<u32> {
        self.process.kill()
    }
}

/// The run's number is good enough to tell whose line was left unfinished; 0 is our own.
fn source(run: RunId) -> Source {
    Source(run.0.max(1))
}

fn is_readable(descriptor: BorrowedFd<'_>) -> bool {
    let mut entries = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
    poll(&mut entries, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready > 0)
}
