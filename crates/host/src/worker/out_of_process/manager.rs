//! The thread that owns the processes: waits for anything to happen, tells the machine, and performs what that
//! decides.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mews_model::Failure;
use mews_model::lifecycle::{Moment, ProcessEvent, ProcessManager, ProcessSettings, Route, RunId, Slot};
use mews_process::descendants;
use mews_server::forward::Held;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::backend::Processes;
use super::inbox::Message;
use super::run::{News, Run};
use crate::app::Outputs;
use crate::control::ProcessSpec;
use crate::worker::{Control, pages};

/// Orphans that end are taken from the process table this often, when nothing else happens.
const TIDY_EVERY: Duration = Duration::from_secs(5);
/// A wait that the system refuses must not become a busy loop.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// The programs that run now, by the number of their app.
pub(super) type Programs = Rc<RefCell<BTreeMap<usize, Vec<u32>>>>;

/// What became of a start before the first request.
pub(super) enum First {
    /// Not known yet.
    Awaited,
    /// A process is ready.
    Ready,
    /// None can be had.
    Failed(Box<Failure>),
    /// That has been told, or there was none.
    Told,
}

/// Starts, watches and ends the processes of one app.
pub(super) struct Manager<'a> {
    pub(super) spec: &'a ProcessSpec,
    pub(super) control: &'a Control,
    pub(super) outputs: &'a Outputs,
    pub(super) https_port: Option<u16>,
    pub(super) processes: Arc<Processes>,
    pub(super) machine: ProcessManager,
    /// Events not yet fed to the machine.
    pub(super) events: VecDeque<ProcessEvent>,
    /// Requests that wait for their slot.
    pub(super) waiting: BTreeMap<Slot, Vec<Held>>,
    /// Slots that have had a process which was ready.
    pub(super) began_once: BTreeSet<Slot>,
    pub(super) runs: BTreeMap<RunId, Run>,
    /// What the run that was killed last had printed.
    pub(super) last_words: Option<(RunId, String)>,
    pub(super) timer: Option<Moment>,
    pub(super) stopped: bool,
    /// The start before the first request: told to the supervisor, not to clients.
    pub(super) first: First,
    /// Whether it was said that the app does not check the token.
    pub(super) unpaired_told: Arc<std::sync::atomic::AtomicBool>,
    /// The number of the app among those of the worker.
    pub(super) number: usize,
    /// The programs of all managers.
    pub(super) programs: Programs,
    began: Instant,
}

/// Goes on until everything has ended after a stop. `ready` is called when requests may come. One app that does not
/// start keeps no other from being served: its requests are answered with why.
///
/// # Errors
/// Why none of the processes that were to be started before that were.
pub(super) fn run(mut managers: Vec<Manager<'_>>, ready: &dyn Fn()) -> Result<(), Box<Failure>> {
    let mut failed = None;
    let mut told = false;
    for manager in managers.iter_mut().filter(|manager| matches!(manager.first, First::Awaited)) {
        manager.start_all();
    }
    while managers.iter().any(|manager| !manager.stopped) {
        if !told && managers.iter().all(|manager| !matches!(manager.first, First::Awaited)) {
            told = true;
            let mut failures: Vec<_> = managers.iter_mut().filter_map(Manager::take_failure).collect();
            if failures.len() == managers.len() {
                failed = Some(failures.swap_remove(0));
                managers.iter_mut().for_each(Manager::stop);
                continue;
            }
            ready();
        }
        wait(&managers);
        for manager in managers.iter_mut().filter(|manager| !manager.stopped) {
            manager.turn();
        }
        // On the thread that starts programs, so that no start is under way.
        let known: Vec<u32> =
            managers.iter().flat_map(|manager| manager.runs.values()).map(Run::pid).collect();
        descendants::reap_orphans(&known);
    }
    let stopping = pages::stopping();
    for message in managers.iter().flat_map(|manager| manager.processes.inbox().close()) {
        if let Message::Request(_, request) = message {
            request.fail(&stopping);
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Waits until something happens.
fn wait(managers: &[Manager<'_>]) {
    let live = || managers.iter().filter(|manager| !manager.stopped);
    let runs = || live().flat_map(|manager| manager.runs.values());
    let inboxes = live().map(|manager| manager.processes.inbox().descriptor());
    let descriptors = inboxes.chain(runs().flat_map(Run::descriptors));
    let mut entries: Vec<_> =
        descriptors.map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN)).collect();
    let now = Instant::now();
    let looks = runs().filter_map(Run::next_look).map(|at| at.saturating_duration_since(now));
    // A moment longer than asked for, so that the timer is due when the wait is over.
    let timers =
        live().filter_map(|manager| Some(manager.timer?.since(manager.now()) + Duration::from_millis(1)));
    let tidy = runs().next().map(|_| TIDY_EVERY);
    let limit = looks.chain(timers).chain(tidy).min();
    let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
    match poll(&mut entries, limit.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => {
            tracing::error!("waiting for events failed: {errno}");
            std::thread::sleep(AFTER_ERROR);
        }
    }
}

impl<'a> Manager<'a> {
    /// Nothing is started yet.
    pub(super) fn new(
        spec: &'a ProcessSpec,
        control: &'a Control,
        outputs: &'a Outputs,
        https_port: Option<u16>,
        processes: Arc<Processes>,
        (number, programs): (usize, &Programs),
    ) -> Self {
        let settings = ProcessSettings {
            processes: spec.processes,
            startup_limit: spec.app.startup_limit,
            shutdown_limit: spec.shutdown_limit,
            rapid_fails_per_minute: spec.rapid_fails_per_minute,
        };
        Self {
            spec,
            control,
            outputs,
            https_port,
            processes,
            machine: ProcessManager::new(settings, Moment::default()),
            events: VecDeque::new(),
            waiting: BTreeMap::new(),
            began_once: BTreeSet::new(),
            runs: BTreeMap::new(),
            last_words: None,
            timer: None,
            stopped: false,
            first: if spec.eager { First::Awaited } else { First::Told },
            unpaired_told: Arc::default(),
            number,
            programs: Programs::clone(programs),
            began: Instant::now(),
        }
    }

    /// Why the processes that were to be started before the first request were not; once.
    fn take_failure(&mut self) -> Option<Box<Failure>> {
        match std::mem::replace(&mut self.first, First::Told) {
            First::Failed(failure) => Some(failure),
            First::Awaited | First::Ready | First::Told => None,
        }
    }

    /// Does what there is to do.
    fn turn(&mut self) {
        for message in self.processes.inbox().take() {
            self.receive(message);
        }
        self.look();
        self.feed();
    }

    fn stop(&mut self) {
        self.events.push_back(ProcessEvent::StopRequested);
        self.feed();
    }

    /// As if a request had come for each slot.
    fn start_all(&mut self) {
        for slot in 0..self.spec.processes {
            let (_, effects) = self.machine.request(Slot(slot), self.now());
            for effect in effects {
                self.perform(effect);
            }
        }
        self.feed();
    }

    pub(super) fn now(&self) -> Moment {
        Moment::at(self.began.elapsed())
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Request(slot, request) => self.request(slot, request),
            Message::ShutdownAnswered(run) => {
                let answer = self.runs.get_mut(&run).and_then(Run::shutdown_answer);
                self.events.extend(answer.map(|answer| ProcessEvent::ShutdownAnswered { run, answer }));
            }
            Message::Offline(offline) => self.events.push_back(ProcessEvent::Offline(offline)),
            Message::Stop => self.events.push_back(ProcessEvent::StopRequested),
        }
    }

    fn request(&mut self, slot: Slot, request: Held) {
        // A crowd that comes at once must find what the request before has led to.
        self.feed();
        if request.is_abandoned() {
            return;
        }
        let (route, effects) = self.machine.request(slot, self.now());
        // While a process that was there is started again, its requests go to the others.
        let other = (self.began_once.contains(&slot) && !matches!(route, Route::Ready(_)))
            .then(|| self.processes.other_ready(slot))
            .flatten();
        match route {
            _ if let Some(upstream) = &other => request.forward(upstream),
            Route::Ready(run) => match self.runs.get(&run).and_then(|run| run.upstream.as_ref()) {
                Some(upstream) => request.forward(upstream),
                None => tracing::error!("run {run} is ready and cannot be forwarded to"),
            },
            Route::Wait => self.waiting.entry(slot).or_default().push(request),
            Route::Refused { failure, retry_after } => {
                request.fail(&pages::process_failure(&failure, &self.spec.app.rules.answers, retry_after));
            }
        }
        for effect in effects {
            self.perform(effect);
        }
    }

    /// Looks at every process: what it printed, whether it has ended, whether it listens.
    fn look(&mut self) {
        let due = self.timer.is_some_and(|at| at <= self.now());
        for (id, run) in &mut self.runs {
            run.relay(*id, self.outputs);
            if let Some((exit, served_by)) = run.ended(*id, self.outputs) {
                // It may end more quickly than its answer is read.
                let answer = run.shutdown_answer();
                self.events.extend(answer.map(|answer| ProcessEvent::ShutdownAnswered { run: *id, answer }));
                self.events.push_back(ProcessEvent::Exited { run: *id, exit, served_by });
            }
            // Before the time is said to be over, what is wrong is found out.
            match run.look(due) {
                Some(News::Listening(pid)) => {
                    self.events.push_back(ProcessEvent::Listening { run: *id, pid })
                }
                Some(News::Seen(what)) => self.events.push_back(ProcessEvent::Seen { run: *id, what }),
                None => {}
            }
        }
        if due {
            self.timer = None;
            self.events.push_back(ProcessEvent::TimerFired);
        }
    }

    fn feed(&mut self) {
        while let Some(event) = self.events.pop_front() {
            tracing::debug!(?event, "event");
            let effects = self.machine.step(event, self.now());
            for effect in effects {
                self.perform(effect);
            }
        }
    }
}
