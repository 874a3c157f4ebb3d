//! What waits for the worker of each pool, and what is on its way there.
//!
//! A connection goes to the worker that the supervisor named last. If there is none, it waits, and the supervisor is
//! told, once. What a worker had not taken over when it ended, or would not take, waits for the next.

use std::collections::{BTreeMap, VecDeque};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mews_process::handoff;
use mews_server::{Arrival, Server};

use super::inbound::Inbound;
use super::tally::Tally;
use crate::control::WorkerMessage;
use crate::handover::{self, ClientSpec, Closed, PoolId, Post, ToWorker};
use crate::worker::Control;

/// What is handed over.
#[derive(Debug)]
pub(super) enum Kind {
    /// A client's connection, from the listener of this number.
    Client(usize),
    /// A connection over which another worker sends the requests of this client.
    Relayed(ClientSpec),
}

pub(super) type Parcel = handover::Parcel<Kind>;

/// See the module's documentation.
pub(super) struct Pools {
    control: Control,
    server: Arc<Server>,
    tally: Arc<Tally>,
    /// Connections that may wait for each pool.
    most: usize,
    state: Mutex<State>,
    /// A worker has taken something over, or has gone.
    moved: Condvar,
}

#[derive(Default)]
struct State {
    pools: BTreeMap<PoolId, Pool>,
    workers: BTreeMap<WorkerKey, Worker>,
    next: u64,
    stopping: bool,
}

#[derive(Default)]
struct Pool {
    /// Who gets the next connections.
    current: Option<WorkerKey>,
    waiting: VecDeque<Parcel>,
}

struct Worker {
    pool: PoolId,
    post: Post<Kind>,
}

impl Worker {
    /// Does something with its post. What the worker turns out not to take any more goes to another.
    fn then(&mut self, act: impl FnOnce(&mut Post<Kind>) -> Result<(), Closed>) -> Vec<(PoolId, Parcel)> {
        let pool = self.pool;
        let unsent = if act(&mut self.post).is_err() { self.post.take_unsent() } else { Vec::new() };
        unsent.into_iter().map(|parcel| (pool, parcel)).collect()
    }
}

/// Names a worker for the life of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WorkerKey(u64);

impl Pools {
    pub(super) fn new(control: Control, server: Arc<Server>, tally: Arc<Tally>, most: usize) -> Arc<Self> {
        Arc::new(Self { control, server, tally, most, state: Mutex::default(), moved: Condvar::new() })
    }

    /// A new worker of the pool is on the other side of this channel, and gets everything from now on.
    pub(super) fn attach(self: &Arc<Self>, pool: PoolId, channel: OwnedFd) {
        let (sender, receiver) = handoff::split(channel);
        let mut state = self.lock();
        let key = WorkerKey(state.next);
        state.next += 1;
        state.workers.insert(key, Worker { pool, post: Post::new(sender) });
        let entry = state.pools.entry(pool).or_default();
        entry.current = Some(key);
        let waiting = std::mem::take(&mut entry.waiting);
        let mut next: Vec<(PoolId, Parcel)> = waiting.into_iter().map(|parcel| (pool, parcel)).collect();
        // Strays that other workers send from now on come here too.
        for worker in state.workers.values_mut().filter(|worker| worker.pool != pool) {
            next.extend(worker.then(|post| post.say(&ToWorker::Moved(pool))));
        }
        drop(state);
        self.deliver_all(next);
        if let Err(error) = self.server.take_over(Box::new(Inbound::new(Arc::clone(self), key, receiver))) {
            tracing::error!("a worker cannot be listened to: {error}");
        }
    }

    /// Hands the parcel to the pool's worker, or has it wait for one.
    pub(super) fn deliver(&self, pool: PoolId, parcel: Parcel) {
        let mut state = self.lock();
        let mut next = VecDeque::from([parcel]);
        let mut wanted = false;
        let mut refused = Vec::new();
        while let Some(parcel) = next.pop_front() {
            let State { pools, workers, stopping, .. } = &mut *state;
            let entry = pools.entry(pool).or_default();
            let worker = entry.current.and_then(|key| workers.get_mut(&key));
            let Some(worker) = worker.filter(|worker| worker.post.is_open()) else {
                entry.current = None;
                if *stopping || entry.waiting.len() >= self.most {
                    refused.push(parcel);
                } else {
                    // The supervisor knows of those before.
                    wanted |= entry.waiting.is_empty();
                    entry.waiting.push_back(parcel);
                }
                continue;
            };
            if worker.post.len() >= self.most {
                refused.push(parcel);
                continue;
            }
            let message = match &parcel.kind {
                Kind::Client(listener) => ToWorker::Client(*listener),
                Kind::Relayed(client) => ToWorker::Relayed(client.clone()),
            };
            next.extend(
                worker.then(|post| post.send(&message, parcel)).into_iter().map(|(_, parcel)| parcel),
            );
        }
        drop(state);
        if wanted {
            self.control.send(&WorkerMessage::Wanted(pool));
        }
        refused.into_iter().for_each(|parcel| self.refuse(parcel));
    }

    /// Connections that wait for a worker.
    pub(super) fn waiting(&self) -> usize {
        self.lock().pools.values().map(|pool| pool.waiting.len()).sum()
    }

    /// Another worker has sent this for a pool.
    pub(super) fn relay(&self, pool: PoolId, parcel: Parcel) {
        self.tally.relayed();
        self.deliver(pool, parcel);
    }

    fn deliver_all(&self, parcels: Vec<(PoolId, Parcel)>) {
        for (pool, parcel) in parcels {
            self.deliver(pool, parcel);
        }
    }

    /// The worker has so many more.
    pub(super) fn taken(&self, worker: WorkerKey, count: usize) {
        self.with(worker, |post| {
            post.acknowledge(count);
            post.pump()
        });
    }

    /// So many strays of the worker are ours.
    pub(super) fn thank(&self, worker: WorkerKey, strays: usize) {
        self.with(worker, |post| post.say(&ToWorker::Taken(strays)));
    }

    fn with(&self, worker: WorkerKey, act: impl FnOnce(&mut Post<Kind>) -> Result<(), Closed>) {
        let mut state = self.lock();
        let Some(worker) = state.workers.get_mut(&worker) else { return };
        let back = worker.then(act);
        drop(state);
        self.moved.notify_all();
        self.deliver_all(back);
    }

    /// The worker has ended.
    pub(super) fn gone(&self, worker: WorkerKey) {
        let mut state = self.lock();
        let Some(Worker { pool, mut post }) = state.workers.remove(&worker) else { return };
        drop(state);
        self.moved.notify_all();
        // Whoever was to get the next finds out that it is not there.
        self.deliver_all(post.take_all().into_iter().map(|parcel| (pool, parcel)).collect());
    }

    /// From now on nothing waits: workers come to their ends.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.stopping = true;
        let waiting: Vec<Parcel> = state.pools.values_mut().flat_map(|pool| pool.waiting.drain(..)).collect();
        drop(state);
        waiting.into_iter().for_each(|parcel| self.refuse(parcel));
    }

    /// Waits until workers have everything that was handed to them, for as long as this at most.
    pub(super) fn wait_taken(&self, limit: Duration) {
        let state = self.lock();
        let waits = |state: &mut State| {
            state.workers.values().any(|worker| worker.post.is_open() && worker.post.len() > 0)
        };
        drop(self.moved.wait_timeout_while(state, limit, waits));
    }

    /// Tells the client that nobody is there for it. One that speaks TLS cannot be told.
    fn refuse(&self, parcel: Parcel) {
        let arrival = match parcel.kind {
            Kind::Client(listener) => {
                let stream = TcpStream::from(parcel.descriptor);
                let mut first = [0];
                let speaks_http =
                    stream.peek(&mut first).is_ok_and(|count| count == 1 && first[0].is_ascii_alphabetic());
                self.tally.no_worker(speaks_http);
                if !speaks_http {
                    return;
                }
                Arrival::Client { stream, listener, tls: None }
            }
            Kind::Relayed(client) => {
                Arrival::Relayed { stream: UnixStream::from(parcel.descriptor), client: client.into() }
            }
        };
        if let Err(error) = self.server.adopt(arrival) {
            tracing::debug!("a client that cannot be served could not be told so: {error}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
