//! Storms of events against the machine of an application pool, with a shadow of what a supervisor would have
//! running. A failing storm names its seed; `storm(SEED)` replays it.
#![allow(clippy::panic, reason = "that is how a test fails")]

use std::collections::BTreeMap;
use std::time::Duration;

use mews_model::lifecycle::{AppPool, Effect, Event, Exit, Moment, Phase, Settings, WorkerId};
use mews_model::{Failure, StatusCode};

const STORMS: u64 = 1000;
const STEPS: u64 = 300;

/// SplitMix64: small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        let len = u64::try_from(of.len()).ok().filter(|len| *len > 0)?;
        of.get(usize::try_from(self.below(len)).ok()?).copied()
    }
}

#[derive(Debug, Default)]
struct Process {
    page: bool,
    started: bool,
    /// It was told to stop, or said that it stops or failed.
    leaving: bool,
    killed: bool,
}

struct World {
    seed: u64,
    random: Random,
    pool: AppPool,
    now: Moment,
    timer: Option<Moment>,
    processes: BTreeMap<WorkerId, Process>,
    last_id: u32,
    stop_requested: bool,
    exited: Option<u8>,
    history: Vec<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let settings = Settings {
            startup_limit: Duration::from_secs(random.below(5)),
            shutdown_limit: Duration::from_secs(random.below(5)),
        };
        Self {
            seed,
            pool: AppPool::new(settings),
            now: Moment::at(Duration::from_secs(random.below(1000))),
            random,
            timer: None,
            processes: BTreeMap::new(),
            last_id: 0,
            stop_requested: false,
            exited: None,
            history: Vec::new(),
        }
    }

    fn check(&self, holds: bool, what: &str) {
        if !holds {
            let history = self.history.join("\n");
            panic!(
                "{history}\nseed {}: {what}; now {:?}, {:?}",
                self.seed,
                self.pool.phase(),
                self.processes
            );
        }
    }

    fn step(&mut self, event: Event) {
        self.history.push(format!("{:?} {event:?}", self.now));
        let effects = self.pool.step(event, self.now);
        let count = effects.len();
        for (at, effect) in effects.into_iter().enumerate() {
            self.history.push(format!("    {effect:?}"));
            self.check(self.exited.is_none(), "an effect after Exit");
            self.perform(effect);
            self.check(self.exited.is_none() || at + 1 == count, "Exit is not the last effect");
        }
        self.invariants();
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::SpawnWorker(id) => {
                self.spawn(id, false);
                let staying = self.processes.values().filter(|p| !p.page && !p.leaving).count();
                self.check(staying == 1, "two app workers, none of them leaving");
            }
            Effect::SpawnFailurePage(id, _) => {
                self.spawn(id, true);
                let staying = self.processes.values().filter(|p| p.page && !p.leaving).count();
                self.check(staying == 1, "two page workers, none of them leaving");
            }
            Effect::UpdateFailurePage(id, _) => {
                let page = self.processes.get(&id).is_some_and(|p| p.page && !p.leaving);
                self.check(page, "an update for no page worker");
            }
            Effect::StopWorker(id) => {
                let fresh = self.processes.get(&id).is_some_and(|p| !p.leaving);
                self.check(fresh, "a stop for a worker that is gone or leaving");
                if let Some(process) = self.processes.get_mut(&id) {
                    process.leaving = true;
                }
            }
            Effect::KillWorker(id) => {
                let alive = self.processes.get(&id).is_some_and(|p| !p.killed);
                self.check(alive, "a kill for a worker that is gone or killed");
                if let Some(process) = self.processes.get_mut(&id) {
                    process.killed = true;
                    process.leaving = true;
                }
            }
            Effect::SetTimer(at) => {
                self.check(at.is_none_or(|at| at >= self.now), "a timer in the past");
                self.timer = at;
            }
            Effect::Exit(code) => {
                self.check(self.stop_requested, "Exit without a stop");
                self.exited = Some(code);
            }
            Effect::Log { text, .. } => self.check(!text.is_empty(), "an empty log line"),
        }
    }

    fn spawn(&mut self, id: WorkerId, page: bool) {
        self.check(id.0 > self.last_id, "a worker's number is used twice");
        self.check(!self.stop_requested, "a spawn after a stop");
        self.last_id = id.0;
        self.processes.insert(id, Process { page, ..Process::default() });
    }

    fn invariants(&self) {
        if self.exited.is_some() {
            self.check(self.pool.phase() == Phase::Stopped, "exited but not stopped");
            return;
        }
        let waits = !matches!(self.pool.phase(), Phase::Idle | Phase::Running { .. });
        self.check(!waits || self.timer.is_some(), "it waits without a timer");
        if self.pool.phase() == Phase::Idle || self.stop_requested {
            return;
        }
        let page = self.processes.values().any(|p| p.page && !p.leaving);
        let app = self.processes.values().any(|p| !p.page && !p.leaving);
        self.check(app || page || self.timer.is_some(), "nothing answers and nothing is under way");
        let running = matches!(self.pool.phase(), Phase::Running { .. });
        self.check(!(running && page), "a page is shown while the app runs");
        let started = self.processes.values().any(|p| !p.page && p.started && !p.leaving);
        self.check(running == started, "the phase and the worker disagree");
    }

    fn ids(&self, filter: impl Fn(&Process) -> bool) -> Vec<WorkerId> {
        self.processes.iter().filter(|(_, p)| filter(p)).map(|(id, _)| *id).collect()
    }

    fn exit(&mut self, id: WorkerId) {
        self.processes.remove(&id);
        let clean = self.random.below(2) == 0;
        let exit = Exit { clean, description: "ended".to_owned(), ..Exit::default() };
        self.step(Event::WorkerExited(id, exit));
    }

    fn advance(&mut self, by: Duration) {
        self.now = self.now + by;
        if self.timer.is_some_and(|at| at <= self.now) {
            self.timer = None;
            self.step(Event::TimerFired);
        }
    }

    fn anything(&mut self) {
        let failure = Failure::new(StatusCode::START_FAILED, format!("No {}.", self.random.below(3)));
        let starting = self.ids(|p| !p.page && !p.started && !p.leaving);
        let running = self.ids(|p| !p.page && p.started && !p.leaving);
        let all = self.ids(|_| true);
        match self.random.below(24) {
            0..=4 => {
                let by = Duration::from_millis(self.random.below(4000));
                self.advance(by);
            }
            5 => {
                let by = Duration::from_secs(self.random.below(100));
                self.advance(by);
            }
            6..=9 => {
                if let Some(id) = self.random.pick(&starting) {
                    if let Some(process) = self.processes.get_mut(&id) {
                        process.started = true;
                    }
                    self.step(Event::WorkerStarted(id));
                }
            }
            10..=12 => {
                if let Some(id) = self.random.pick(&starting) {
                    if let Some(process) = self.processes.get_mut(&id) {
                        process.leaving = true;
                    }
                    self.step(Event::WorkerFailed(id, failure));
                }
            }
            13 => {
                if let Some(id) = self.random.pick(&running) {
                    if let Some(process) = self.processes.get_mut(&id) {
                        process.leaving = true;
                    }
                    self.step(Event::WorkerStopping(id));
                }
            }
            14..=16 => {
                if let Some(id) = self.random.pick(&all) {
                    self.exit(id);
                }
            }
            17..=18 => self.step(Event::FilesChanged),
            19 => {
                // A message that was under way when its sender was given up, or is nonsense.
                let leaving = self.ids(|p| p.leaving);
                let id = self.random.pick(&leaving).unwrap_or(WorkerId(u32::MAX));
                let event = match self.random.below(3) {
                    0 => Event::WorkerStarted(id),
                    1 => Event::WorkerFailed(id, failure),
                    _ => Event::WorkerStopping(id),
                };
                self.step(event);
            }
            20 => self.step(Event::Start),
            // Early and late timers do no harm.
            21 => self.step(Event::TimerFired),
            22 => {
                let settings = Settings {
                    startup_limit: Duration::from_secs(self.random.below(5)),
                    shutdown_limit: Duration::from_secs(self.random.below(5)),
                };
                self.pool.configure(settings);
            }
            _ => {
                if self.random.below(40) == 0 {
                    self.stop_requested = true;
                    let second = self.random.below(4) == 0;
                    self.step(if second { Event::SecondStop } else { Event::StopRequested });
                }
            }
        }
    }

    /// Everything is as unhelpful as it can be, and still there is an end.
    fn end(&mut self) {
        if !self.stop_requested {
            self.stop_requested = true;
            self.step(Event::StopRequested);
        }
        let stubborn = self.random.below(2) == 0;
        let began = self.now;
        while self.exited.is_none() {
            self.check(self.now.since(began) < Duration::from_secs(60), "no end");
            if !stubborn {
                let killed = self.ids(|p| p.killed);
                if let Some(id) = self.random.pick(&killed) {
                    self.exit(id);
                    continue;
                }
            }
            if self.random.below(50) == 0 {
                self.advance(Duration::from_millis(250));
                if self.exited.is_some() {
                    break;
                }
                self.step(Event::StopRequested);
                self.check(self.exited.is_some(), "the second stop did not end it");
                continue;
            }
            self.advance(Duration::from_millis(500));
        }
        let history = self.history.len();
        self.step(Event::Start);
        self.step(Event::StopRequested);
        self.step(Event::TimerFired);
        self.check(self.history.len() == history + 3, "effects after the end");
    }
}

fn storm(seed: u64) {
    let mut world = World::new(seed);
    if !seed.is_multiple_of(16) {
        world.step(Event::Start);
    }
    for _ in 0..STEPS {
        if world.exited.is_some() {
            return;
        }
        if world.stop_requested {
            break;
        }
        world.anything();
    }
    if world.exited.is_none() {
        world.end();
    }
}

#[test]
fn storms() {
    for seed in 0..STORMS {
        storm(seed);
    }
}
