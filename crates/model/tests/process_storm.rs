//! Storms of events against the machine of an out-of-process application's processes, with a shadow of what its
//! performer would have running. A failing storm names its seed; `storm(SEED)` replays it.
#![allow(clippy::panic, reason = "that is how a test fails")]

mod random;

use std::collections::BTreeMap;
use std::time::Duration;

use mews_model::lifecycle::{
    Exit, Moment, ProcessEffect, ProcessEvent, ProcessManager, ProcessSettings, Route, RunId, Seen, Slot,
    SlotPhase,
};
use mews_model::{Failure, StatusCode};
use random::Random;

const STORMS: u64 = 1000;
const STEPS: u64 = 300;

#[derive(Debug)]
struct Process {
    slot: usize,
    /// It was executed; before that, nobody was told that it was.
    running: bool,
    /// Requests are forwarded to it.
    ready: bool,
    /// It was told to shut down and has not answered.
    asked: bool,
    /// It was told to end in some way.
    leaving: bool,
}

struct World {
    seed: u64,
    random: Random,
    manager: ProcessManager,
    settings: ProcessSettings,
    now: Moment,
    timer: Option<Moment>,
    processes: BTreeMap<RunId, Process>,
    /// Requests that wait, by slot.
    waiting: Vec<u32>,
    /// Unexpected ends of ready processes, when they happened.
    ends: Vec<Moment>,
    last_run: u32,
    offline: bool,
    stop_requested: bool,
    stopped: bool,
    history: Vec<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let settings = ProcessSettings {
            processes: random.index(4),
            startup_limit: Duration::from_secs(random.below(5)),
            shutdown_limit: Duration::from_secs(random.below(5)),
            rapid_fails_per_minute: random.below(4),
        };
        let now = Moment::at(Duration::from_secs(random.below(1000)));
        Self {
            seed,
            manager: ProcessManager::new(settings, now),
            now,
            random,
            timer: None,
            processes: BTreeMap::new(),
            waiting: vec![0; settings.processes.max(1)],
            ends: Vec::new(),
            last_run: 0,
            offline: false,
            stop_requested: false,
            stopped: false,
            history: Vec::new(),
            settings,
        }
    }

    fn check(&self, holds: bool, what: &str) {
        if !holds {
            let history = self.history.join("\n");
            panic!("{history}\nseed {}: {what}; {:?} waiting {:?}", self.seed, self.processes, self.waiting);
        }
    }

    fn request(&mut self) {
        let slot = self.random.index(self.waiting.len());
        self.history.push(format!("{:?} request {slot}", self.now));
        let (route, effects) = self.manager.request(Slot(slot), self.now);
        self.history.push(format!("    {route:?}"));
        match route {
            Route::Ready(run) => {
                let ready = self.processes.get(&run).is_some_and(|p| p.ready && p.slot == slot);
                self.check(ready, "a request is forwarded to a process that is not ready");
            }
            Route::Wait => {
                self.check(!self.stop_requested && !self.offline, "a request waits although nothing starts");
                self.waiting[slot] += 1;
            }
            Route::Refused { failure, .. } => {
                let rapid = failure.code == StatusCode::PROCESS_FAILED;
                let off = self.stop_requested || self.offline;
                self.check(rapid || off, "a request is refused for no reason");
                let minute = Duration::from_secs(60);
                let recent = self.ends.iter().filter(|at| self.now.since(**at) < minute).count() as u64;
                let many = recent > self.settings.rapid_fails_per_minute;
                self.check(!rapid || many, "refused though few ended within a minute");
            }
        }
        self.perform_all(effects);
    }

    fn step(&mut self, event: ProcessEvent) {
        self.history.push(format!("{:?} {event:?}", self.now));
        let effects = self.manager.step(event, self.now);
        self.perform_all(effects);
    }

    fn perform_all(&mut self, effects: Vec<ProcessEffect>) {
        for effect in effects {
            self.history.push(format!("    {effect:?}"));
            self.check(!self.stopped, "an effect after Stopped");
            self.perform(effect);
        }
        self.invariants();
    }

    fn perform(&mut self, effect: ProcessEffect) {
        match effect {
            ProcessEffect::Spawn { slot, run, attempt } => {
                self.check(run.0 > self.last_run, "a run's number is used twice");
                self.check(!self.stop_requested && !self.offline, "a spawn that nobody is to answer with");
                self.check((1..=2).contains(&attempt), "a third attempt");
                self.check(self.waiting[slot.0] > 0, "a spawn that nobody waits for");
                let free = self.processes.values().all(|p| p.slot != slot.0);
                self.check(free, "two processes in a slot");
                self.last_run = run.0;
                let process =
                    Process { slot: slot.0, running: false, ready: false, asked: false, leaving: false };
                self.processes.insert(run, process);
            }
            ProcessEffect::Release { slot, run, outcome } => {
                let own = self.processes.get(&run).is_none_or(|p| p.slot == slot.0);
                self.check(own, "a release by another slot's process");
                self.waiting[slot.0] = 0;
                if outcome.is_ok() {
                    let running = self.processes.get(&run).is_some_and(|p| p.running && !p.leaving);
                    self.check(running, "a release to a process that does not run");
                    if let Some(process) = self.processes.get_mut(&run) {
                        process.ready = true;
                    }
                }
            }
            ProcessEffect::Withdraw { run, .. } => {
                let ready = self.processes.get(&run).is_some_and(|p| p.ready);
                self.check(ready, "a process is withdrawn that was not ready");
                if let Some(process) = self.processes.get_mut(&run) {
                    process.ready = false;
                }
            }
            ProcessEffect::SendShutdown(run) | ProcessEffect::Terminate(run) => {
                let asked = matches!(effect, ProcessEffect::SendShutdown(_));
                let leaving = self.processes.get(&run).is_some_and(|p| p.leaving);
                let off = self.stop_requested || self.offline;
                self.check(off || leaving, "told to end without a stop");
                let known = self.processes.get(&run).is_some_and(|p| !p.ready);
                self.check(known, "an unknown process is told to end, or one that is forwarded to");
                if let Some(process) = self.processes.get_mut(&run) {
                    process.asked = asked;
                    process.leaving = true;
                }
            }
            ProcessEffect::Kill(run) => {
                let known = self.processes.remove(&run).is_some_and(|p| !p.ready);
                self.check(known, "an unknown process is killed, or one that is forwarded to");
            }
            ProcessEffect::SetTimer(at) => self.timer = at,
            ProcessEffect::Log { text, .. } => {
                self.check(!text.is_empty() && !text.contains("  "), "a log line with holes");
            }
            ProcessEffect::Stopped => {
                self.check(self.stop_requested && self.processes.is_empty(), "stopped, but something runs");
                self.stopped = true;
            }
        }
    }

    fn invariants(&self) {
        for (slot, waiting) in self.waiting.iter().enumerate() {
            let phase = self.manager.phase(Slot(slot));
            // What is ending when the application is back is followed by the next.
            let starting = match phase {
                SlotPhase::Starting(_) => true,
                SlotPhase::Stopping(_) => !self.stop_requested && !self.offline,
                SlotPhase::Empty | SlotPhase::Ready(_) => false,
            };
            self.check(starting || *waiting == 0, "requests wait and nothing is started for them");
            let ready = self.processes.iter().find(|(_, p)| p.slot == slot && p.ready).map(|(run, _)| *run);
            let expected = match phase {
                SlotPhase::Ready(run) => Some(run),
                _ => None,
            };
            self.check(ready == expected, "the slot and its process disagree");
            let waits = matches!(phase, SlotPhase::Starting(_) | SlotPhase::Stopping(_));
            self.check(!waits || self.timer.is_some(), "it waits without a timer");
        }
        let all = self.processes.len();
        self.check(all <= self.waiting.len(), "more processes than slots");
    }

    fn any(&mut self, filter: impl Fn(&Process) -> bool) -> Option<RunId> {
        let found: Vec<RunId> =
            self.processes.iter().filter(|(_, p)| filter(p)).map(|(run, _)| *run).collect();
        self.random.pick(&found)
    }

    fn advance(&mut self, by: Duration) {
        self.now = self.now + by;
        if self.timer.is_some_and(|at| at <= self.now) {
            self.timer = None;
            self.step(ProcessEvent::TimerFired);
        }
    }

    fn exit(&mut self, run: RunId, served_by: Option<u32>) {
        if self.processes.get(&run).is_some_and(|p| p.ready) && served_by.is_none() {
            self.ends.push(self.now);
        }
        let exit = Exit {
            clean: self.random.below(2) == 0,
            description: "ended".to_owned(),
            cause: (self.random.below(2) == 0).then(|| "It fell".to_owned()),
            ..Exit::default()
        };
        self.step(ProcessEvent::Exited { run, exit, served_by });
    }

    fn spawn_ends(&mut self, run: RunId) {
        if self.random.below(4) > 0 {
            if let Some(process) = self.processes.get_mut(&run) {
                process.running = true;
            }
            return self.step(ProcessEvent::Spawned { run, pid: run.0, port: 20_000 });
        }
        self.processes.remove(&run);
        let failure = Failure::new(StatusCode::PROCESS_FAILED, "No.");
        let retry = self.random.below(2) == 0;
        self.step(ProcessEvent::SpawnFailed { run, failure, retry });
    }

    fn anything(&mut self) {
        // A spawn's outcome is known before anything else happens, but for the rest of its step.
        if let Some(run) = self.any(|p| !p.running)
            && self.random.below(8) > 0
        {
            return self.spawn_ends(run);
        }
        match self.random.below(20) {
            0..=4 => self.request(),
            5..=6 => {
                let by = Duration::from_millis(self.random.below(3000));
                self.advance(by);
            }
            7 => {
                let by = Duration::from_secs(self.random.below(40));
                self.advance(by);
            }
            8..=11 => {
                if let Some(run) = self.any(|p| p.running && !p.ready && !p.leaving) {
                    self.step(ProcessEvent::Listening { run, pid: run.0 });
                }
            }
            12..=13 => {
                if let Some(run) = self.any(|p| p.running) {
                    let served_by = (self.random.below(3) == 0).then_some(99);
                    self.exit(run, served_by);
                }
            }
            14 => {
                let run = self.any(|p| p.running).unwrap_or(RunId(u32::MAX));
                let what = match self.random.below(4) {
                    0 => Seen::Nothing,
                    1 => Seen::OnlyIpv6,
                    2 => Seen::Elsewhere(vec![([127, 0, 0, 1], 5000).into()]),
                    _ => Seen::Foreign { pid: None, name: String::new() },
                };
                self.step(ProcessEvent::Seen { run, what });
            }
            15..=16 => self.answer(),
            // Early and late timers do no harm, nor what is told of processes that were given up.
            17 => self.step(ProcessEvent::TimerFired),
            18 => {
                let run = RunId(self.random.below(u64::from(self.last_run) + 1) as u32);
                if !self.processes.contains_key(&run) {
                    self.step(ProcessEvent::Listening { run, pid: 1 });
                    self.exit(run, None);
                    self.step(ProcessEvent::Spawned { run, pid: 1, port: 1 });
                }
            }
            _ => match self.random.below(30) {
                0 => self.stop(),
                1..=4 => {
                    // Before the machine is told, as with a stop.
                    self.offline = !self.offline;
                    self.step(ProcessEvent::Offline(self.offline));
                }
                _ => {}
            },
        }
    }

    fn answer(&mut self) {
        let Some(run) = self.any(|p| p.asked) else { return };
        if let Some(process) = self.processes.get_mut(&run) {
            process.asked = false;
        }
        let answer = match self.random.below(3) {
            0 => Ok(202),
            1 => Ok(404),
            _ => Err("no".to_owned()),
        };
        self.step(ProcessEvent::ShutdownAnswered { run, answer });
    }

    fn stop(&mut self) {
        self.stop_requested = true;
        self.step(ProcessEvent::StopRequested);
    }

    /// Nothing ends by itself, and still there is an end.
    fn end(&mut self) {
        if !self.stop_requested {
            self.stop();
        }
        let began = self.now;
        while !self.stopped {
            self.check(self.now.since(began) <= self.settings.shutdown_limit * 2, "no end");
            self.advance(Duration::from_millis(500));
        }
        self.check(self.waiting.iter().all(|waiting| *waiting == 0), "requests still wait");
        self.request();
        self.step(ProcessEvent::TimerFired);
        self.step(ProcessEvent::StopRequested);
    }
}

fn storm(seed: u64) {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        if world.stopped {
            return;
        }
        world.anything();
    }
    if !world.stopped {
        world.end();
    }
}

#[test]
fn storms() {
    for seed in 0..STORMS {
        storm(seed);
    }
}
