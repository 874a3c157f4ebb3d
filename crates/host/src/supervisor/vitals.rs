//! Asks workers whether they are alive, and what they have done.

use std::time::{Duration, Instant};

use mews_model::lifecycle::{Event, Measured, WorkerId};
use mews_process::memory;

use super::pool::Pool;
use super::worker::Kind;
use crate::control::{SupervisorMessage, Vitals};

/// How often at most; with `idle_timeout`, a quarter of that.
const MEASURE_EVERY: Duration = Duration::from_secs(5);
const LEAST: Duration = Duration::from_millis(50);
/// A worker that is to end tells this often how many connections it still has.
const WHILE_LEAVING: Duration = Duration::from_secs(1);

/// What is known of a worker by asking it.
#[derive(Debug)]
pub(super) struct Pulse {
    asked: Option<(u64, Instant)>,
    next: Option<Instant>,
    number: u64,
    /// What it answered last.
    pub(super) vitals: Vitals,
    /// When it was last seen to have a request, or began.
    active: Instant,
    /// It was given up.
    hung: bool,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            asked: None,
            next: None,
            number: 0,
            vitals: Vitals::default(),
            active: Instant::now(),
            hung: false,
        }
    }
}

impl Pulse {
    /// It is to be asked now, unless it is being asked.
    pub(super) fn hurry(&mut self, now: Instant) {
        if self.asked.is_none() {
            self.next = Some(now);
        }
    }

    /// Whether an answer is due. One that was given up is not waited for.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.is_some() && !self.hung
    }
}

impl Pool {
    /// How often workers are asked; `None`: never.
    fn period(&self) -> Option<Duration> {
        let settings = self.machine.settings();
        let measure = settings.measures().then(|| {
            settings.idle_timeout.map_or(MEASURE_EVERY, |idle| (idle / 4).clamp(LEAST, MEASURE_EVERY))
        });
        measure.into_iter().chain(self.spec.ping.map(|ping| ping.interval.max(LEAST))).min()
    }

    pub(super) fn schedule_pings(&mut self) {
        let Some(period) = self.period() else { return };
        for worker in self.workers.values_mut() {
            let period = if worker.is_leaving() { WHILE_LEAVING } else { period };
            let pulse = worker.pulse_mut();
            if pulse.asked.is_none() {
                let next = Instant::now() + period;
                pulse.next = Some(pulse.next.map_or(next, |known| known.min(next)));
            }
        }
    }

    pub(super) fn next_ping(&self) -> Option<Instant> {
        let limit = self.spec.ping.map(|ping| ping.response_limit);
        let pulses = self.workers.values().map(|worker| worker.pulse()).filter(|pulse| !pulse.hung);
        pulses
            .filter_map(|pulse| match pulse.asked {
                Some((_, asked)) => limit.map(|limit| asked + limit),
                None => pulse.next,
            })
            .min()
    }

    pub(super) fn ping_due(&mut self) {
        let now = Instant::now();
        let limit = self.spec.ping.map(|ping| ping.response_limit);
        let mut ask = Vec::new();
        for (id, worker) in &mut self.workers {
            let pulse = worker.pulse_mut();
            match pulse.asked {
                None if pulse.next.is_some_and(|next| next <= now) => {
                    pulse.number += 1;
                    pulse.asked = Some((pulse.number, now));
                    pulse.next = None;
                    ask.push((*id, pulse.number));
                }
                Some((_, asked)) if !pulse.hung => {
                    let silent = now.duration_since(asked);
                    if limit.is_some_and(|limit| silent >= limit) {
                        pulse.hung = true;
                        self.events.push_back(Event::WorkerHung(*id, silent));
                    }
                }
                _ => {}
            }
        }
        for (id, number) in ask {
            self.tell(id, &SupervisorMessage::Ping(number));
        }
    }

    /// A worker has answered.
    pub(super) fn alive(&mut self, id: WorkerId, vitals: Vitals) {
        let memory_matters = self.machine.settings().memory.is_some();
        let Some(worker) = self.workers.get_mut(&id) else { return };
        let is_app = matches!(worker.kind(), Kind::App(_));
        let pid = worker.pid();
        let pulse = worker.pulse_mut();
        if pulse.asked.is_some_and(|(number, _)| number == vitals.ping) {
            pulse.asked = None;
        }
        if vitals.busy > 0 || vitals.requests != pulse.vitals.requests {
            pulse.active = Instant::now();
        }
        pulse.vitals = vitals;
        if is_app {
            let measured = Measured {
                requests: vitals.requests,
                idle: pulse.active.elapsed(),
                memory: memory_matters.then(|| memory::of_tree(pid)),
            };
            self.events.push_back(Event::WorkerMeasured(id, measured));
        }
    }
}
