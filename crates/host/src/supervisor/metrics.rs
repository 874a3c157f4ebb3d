//! Metrics: what workers tell when they are asked, what ended workers have told last, and what is counted here.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mews_model::lifecycle::{Event, RecycleCause, WorkerId};
use mews_model::metrics::{Snapshot, Value, names};
use mews_process::listening;

use super::Supervisor;
use super::pool::Pool;
use super::worker::Kind;
use crate::control::SupervisorMessage;
use crate::metrics::Question;

/// Workers that have not answered by then are shown as they were before.
const ANSWERED_IN: Duration = Duration::from_secs(1);

/// Questions that wait for workers.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    questions: Vec<Question>,
    number: u64,
    until: Option<Instant>,
}

/// What is counted of a pool.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// What its ended workers have told last.
    ended: Snapshot,
    counts: BTreeMap<(&'static str, &'static str), u64>,
}

/// What a worker has told last.
#[derive(Debug, Default)]
pub(super) struct Told {
    number: u64,
    snapshot: Snapshot,
}

impl Told {
    pub(super) fn new(number: u64, snapshot: Snapshot) -> Self {
        Self { number, snapshot }
    }

    /// Whether it is the answer to this question, or to a later one.
    pub(super) fn is_of(&self, number: u64) -> bool {
        self.number >= number
    }

    /// What of it counts once whoever has told it has ended.
    pub(super) fn lasting(&self) -> Snapshot {
        self.snapshot.clone().lasting()
    }

    pub(super) fn fill(&self, snapshot: &mut Snapshot) {
        snapshot.add(&self.snapshot);
    }
}

const STARTS: &str = "starts";
const ENDS: &str = "ends";
const RECYCLES: &str = "recycles";

impl Tally {
    fn count(&mut self, what: &'static str, label: &'static str) {
        *self.counts.entry((what, label)).or_default() += 1;
    }

    pub(super) fn started(&mut self, kind: Kind) {
        self.count(STARTS, name(kind));
    }

    /// `asked`: it was told to end, or ended by itself as an app may.
    pub(super) fn ended(&mut self, told: &Told, asked: bool) {
        self.count(ENDS, if asked { "stopped" } else { "crashed" });
        self.ended.add(&told.lasting());
    }

    /// Looks at what the machine is told.
    pub(super) fn heard(&mut self, event: &Event) {
        match event {
            Event::Recycle(cause) => self.count(RECYCLES, cause_name(*cause)),
            Event::WorkerFailed(..) => self.count(ENDS, "failed_start"),
            Event::WorkerHung(..) => self.count(ENDS, "hung"),
            _ => {}
        }
    }

    fn fill(&self, snapshot: &mut Snapshot, pool: &str) {
        for ((what, label), count) in &self.counts {
            let metric = match *what {
                STARTS => names::WORKER_STARTS,
                ENDS => names::WORKER_ENDS,
                _ => names::RECYCLES,
            };
            snapshot.count(metric, &[pool, label], *count);
        }
        snapshot.add(&self.ended);
    }
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::App(_) => "app",
        Kind::Page => "page",
        Kind::Gateway => "gateway",
    }
}

fn cause_name(cause: RecycleCause) -> &'static str {
    match cause {
        RecycleCause::Memory { .. } => "memory",
        RecycleCause::Age(_) => "age",
        RecycleCause::Requests(_) => "requests",
        RecycleCause::Clock { .. } => "clock",
        RecycleCause::Command => "command",
        RecycleCause::WebConfig => "web_config",
        RecycleCause::Release => "release",
        RecycleCause::Configuration => "configuration",
    }
}

impl Pool {
    /// A worker has told what it has counted.
    pub(super) fn counted(&mut self, id: WorkerId, number: u64, snapshot: Snapshot) {
        if let Some(worker) = self.workers.get_mut(&id) {
            *worker.told_mut() = Told::new(number, snapshot);
        }
    }

    fn fill(&self, snapshot: &mut Snapshot) {
        let pool = self.spec.name.as_deref().unwrap_or_default();
        self.tally.fill(snapshot, pool);
        for kind in ["app", "page"] {
            let count = self.workers.values().filter(|worker| name(worker.kind()) == kind).count();
            snapshot.push(names::WORKERS, &[pool, kind], Value::Level(i64::try_from(count).unwrap_or(0)));
        }
        for worker in self.workers.values() {
            worker.told().fill(snapshot);
        }
    }
}

impl Supervisor {
    /// Asks all workers for what the admin address was asked for.
    pub(super) fn gather(&mut self) {
        let Some(asked) = &self.asked else { return };
        let questions = asked.questions();
        if questions.is_empty() {
            return;
        }
        let gathering = &mut self.gathering;
        gathering.questions.extend(questions);
        gathering.number += 1;
        gathering.until = Some(Instant::now() + ANSWERED_IN);
        let message = SupervisorMessage::Metrics(gathering.number);
        for pool in self.pools.values_mut() {
            let workers: Vec<WorkerId> = pool.workers.keys().copied().collect();
            for id in workers {
                pool.tell(id, &message);
            }
        }
        self.gateway.ask_metrics(&message);
    }

    /// Answers once all workers have, or had the time to.
    pub(super) fn answer_gathered(&mut self) {
        let Some(until) = self.gathering.until else { return };
        let number = self.gathering.number;
        let mut workers = self.pools.values().flat_map(|pool| pool.workers.values());
        let all = self.gateway.has_told(number) && workers.all(|worker| worker.told().is_of(number));
        if until > Instant::now() && !all {
            return;
        }
        self.gathering.until = None;
        let mut snapshot = self.gone.clone();
        for pool in self.pools.values() {
            pool.fill(&mut snapshot);
        }
        self.gateway.fill(&mut snapshot);
        self.fill_queues(&mut snapshot);
        for question in self.gathering.questions.drain(..) {
            question.answer(snapshot.clone());
        }
    }

    pub(super) fn gathered_by(&self) -> Option<Instant> {
        self.gathering.until
    }

    /// Keeps what was counted of a pool that is no more.
    pub(super) fn keep_counts(&mut self, pool: &Pool) {
        let mut last = Snapshot::default();
        pool.fill(&mut last);
        self.gone.add(&last.lasting());
    }

    /// Connections that wait in the kernel for a worker to accept them.
    fn fill_queues(&self, snapshot: &mut Snapshot) {
        let mut seen = Vec::new();
        for listening in self.pools.values().flat_map(|pool| &pool.spec.listening) {
            for bound in listening.bound() {
                let Ok(address) = bound.socket.local_addr() else { continue };
                if seen.contains(&address) {
                    continue;
                }
                seen.push(address);
                let sockets = listening::on_port(address.port()).unwrap_or_default();
                let same = |ip: std::net::IpAddr| ip.to_canonical();
                let waiting = sockets.iter().filter(|socket| same(socket.address.ip()) == same(address.ip()));
                let waiting: u64 = waiting.map(|socket| u64::from(socket.waiting)).sum();
                snapshot.level(names::QUEUE_LENGTH, &[&bound.url], waiting);
            }
        }
    }
}
