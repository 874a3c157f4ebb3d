//! Storms of events against the machine of an application pool, with a shadow of what a supervisor would have
//! running. A failing storm names its seed; `storm(SEED)` replays it.
#![allow(clippy::panic, reason = "that is how a test fails")]

mod random;

use std::collections::BTreeMap;
use std::time::Duration;

use mews_model::lifecycle::{
    AppPool, Effect, Event, Exit, Leave, Limits, Measured, Moment, Phase, RecycleCause, Settings, Shown,
    WorkerId,
};
use mews_model::server_config::{RapidFailProtection, StartMode};
use mews_model::{Failure, StatusCode};
use random::Random;

const STORMS: u64 = 1000;
const STEPS: u64 = 300;

#[derive(Debug, Default)]
struct Process {
    page: bool,
    started: bool,
    /// It was told to stop, or said that it stops or failed.
    leaving: bool,
    killed: bool,
}

/// Whatever may be configured, with short times.
fn settings(random: &mut Random) -> Settings {
    let mut often = |of: u64| random.below(of) == 0;
    Settings {
        auto_start: !often(16),
        start: if often(2) { StartMode::OnDemand } else { StartMode::Always },
        eager: often(2),
        idle_timeout: often(2).then_some(Duration::from_secs(5)),
        age: often(3).then_some(Duration::from_secs(50)),
        requests: often(3).then_some(100),
        memory: often(3).then_some(1000),
        overlapped: !often(3),
        on_change: !often(4),
        rapid_fail: often(2).then_some(RapidFailProtection { failures: 5, window: Duration::from_secs(20) }),
    }
}

fn limits(random: &mut Random) -> Limits {
    Limits { startup: Duration::from_secs(random.below(5)), shutdown: Duration::from_secs(random.below(5)) }
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
    switched_off: bool,
    offline: bool,
    gone: bool,
    /// The settings have changed while something was under way.
    reconfigured: bool,
    history: Vec<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let settings = settings(&mut random);
        let limits = limits(&mut random);
        Self {
            seed,
            switched_off: !settings.auto_start,
            pool: AppPool::new(settings, limits),
            now: Moment::at(Duration::from_secs(random.below(1000))),
            random,
            timer: None,
            processes: BTreeMap::new(),
            last_id: 0,
            stop_requested: false,
            offline: false,
            gone: false,
            reconfigured: false,
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
            self.check(!self.gone, "an effect after Gone");
            self.perform(effect);
            self.check(!self.gone || at + 1 == count, "Gone is not the last effect");
        }
        self.invariants();
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::SpawnWorker { id, .. } => {
                self.spawn(id, false);
                self.check(!self.switched_off && !self.offline, "a start that is not wanted");
                let starting =
                    self.processes.values().filter(|p| !p.page && !p.leaving && !p.started).count();
                self.check(starting == 1, "two workers start, none of them leaving");
                let running = self.processes.values().filter(|p| !p.page && !p.leaving && p.started).count();
                self.check(running <= 1, "two app workers, none of them leaving");
                let alone = running == 0 || self.pool.settings().overlapped || self.reconfigured;
                self.check(alone, "an app that must not run twice would");
            }
            Effect::SpawnPage(id, shown) => {
                self.spawn(id, true);
                self.check(self.offline || shown != Shown::Offline, "the wrong page");
                let staying = self.processes.values().filter(|p| p.page && !p.leaving).count();
                self.check(staying == 1, "two page workers, none of them leaving");
            }
            Effect::UpdatePage(id, _) => {
                let page = self.processes.get(&id).is_some_and(|p| p.page && !p.leaving);
                self.check(page, "an update for no page worker");
            }
            Effect::StopWorker(id, why) => {
                self.check(self.stop_requested == (why == Leave::Ending), "the wrong reason to stop");
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
            Effect::Gone => {
                self.check(self.stop_requested, "Gone without a stop");
                self.gone = true;
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
        let phase = self.pool.phase();
        if self.gone {
            self.check(phase == Phase::Gone, "gone, but not in its phase");
            return;
        }
        let at_rest = matches!(
            phase,
            Phase::New | Phase::Stopped | Phase::Running { .. } | Phase::Disabled { .. } | Phase::Offline
        );
        self.check(at_rest || self.timer.is_some(), "it waits without a timer");
        if phase == Phase::New || self.stop_requested {
            return;
        }
        let page = self.processes.values().any(|p| p.page && !p.leaving);
        let starting = self.processes.values().any(|p| !p.page && !p.started && !p.leaving);
        let serving = self.ids(|p| !p.page && p.started && !p.leaving);
        let waits = self.pool.awaits_connection();
        self.check(
            page || starting || !serving.is_empty() || waits || self.timer.is_some(),
            "nothing answers and nothing is under way",
        );
        // Else a connection that the app or a page is about to take would start another worker.
        self.check(!(waits && (page || starting || !serving.is_empty())), "it waits, and somebody answers");
        self.check(self.pool.serving().as_slice() == serving, "the phase and the workers disagree");
        self.check(serving.is_empty() || !page, "a page is shown while the app runs");
        if let Phase::Overlapping { worker, next, .. } = phase {
            self.check(worker != next && starting, "nobody takes over");
        }
        if self.switched_off {
            self.check(matches!(phase, Phase::Disabled { .. }), "it is switched off, and does something");
        }
        if self.offline {
            self.check(serving.is_empty() && !starting, "the app runs although it is offline");
        }
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
        match self.random.below(34) {
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
                let limits = limits(&mut self.random);
                self.pool.set_limits(limits);
                if self.random.below(4) == 0 {
                    let settings = settings(&mut self.random);
                    self.reconfigured |= settings.overlapped != self.pool.settings().overlapped;
                    self.pool.configure(settings);
                }
            }
            23..=24 => self.step(Event::ConnectionWaits),
            25 => {
                if let Some(id) = self.random.pick(&all) {
                    let leaving = self.processes.get(&id).is_some_and(|p| p.leaving);
                    self.step(if leaving {
                        Event::WorkerClosed(id)
                    } else {
                        Event::WorkerHung(id, Duration::from_secs(90))
                    });
                }
            }
            26..=28 => {
                if let Some(id) = self.random.pick(&running) {
                    let measured = Measured {
                        requests: self.random.below(110),
                        idle: Duration::from_secs(self.random.below(6)),
                        memory: Some(self.random.below(1100)),
                    };
                    self.step(Event::WorkerMeasured(id, measured));
                }
            }
            29..=30 => {
                let causes = [
                    RecycleCause::Command,
                    RecycleCause::WebConfig,
                    RecycleCause::Release,
                    RecycleCause::Configuration,
                    RecycleCause::Clock { hour: 4, minute: 0 },
                ];
                let cause = self.random.pick(&causes).unwrap_or(RecycleCause::Command);
                self.step(Event::Recycle(cause));
            }
            31 => {
                self.offline = !self.offline || self.random.below(3) == 0;
                self.step(Event::Offline(self.offline));
            }
            32 => {
                let on = self.random.below(3) != 0;
                self.switched_off = !on && self.pool.phase() != Phase::Gone;
                self.step(if on { Event::TurnOn } else { Event::TurnOff });
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
        while !self.gone {
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
                if self.gone {
                    break;
                }
                self.step(Event::StopRequested);
                self.check(self.gone, "the second stop did not end it");
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
        if world.gone {
            return;
        }
        if world.stop_requested {
            break;
        }
        world.anything();
    }
    if !world.gone {
        world.end();
    }
}

#[test]
fn storms() {
    for seed in 0..STORMS {
        storm(seed);
    }
}
