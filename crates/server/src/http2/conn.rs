//! What a connection's task and the threads that work on its exchanges share.
//!
//! Lock order: `receiver`, then `leaving`, then `state`. The handler is called with none of them held, but for
//! `prepare`, which is called with `receiver`. No exchange is let go with `state` held: its end needs it.
//!
//! The task reads frames, runs handlers inline, and sends everything at the end of its turn in one write. When it is stuck
//! in a handler, the hook does its work on another thread, so that a handler may block until the connection brings it
//! what it waits for.

use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use super::receiver::Receiver;
use super::state::{Ending, Notice, State};
use crate::clock;
use crate::config::Limits;
use crate::dispatch::InlineRun;
use crate::handler::ConnectionInfo;
use crate::output::{Backlog, Queue, Wire};
use crate::reactor::{Hook, Io, Shard, Threads};
use crate::server::Shared;
use crate::stats::Counters;
use crate::sync::lock;
use crate::tls::Gate;

const ABORT_RETRY: Duration = Duration::from_millis(50);

/// Frames that are leaving, and how long the client has not taken them.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    pub(super) queue: Queue,
    backlog: Option<Backlog>,
}

impl Leaving {
    fn watch(&mut self, wire: &Wire, limits: &Limits) {
        if !self.queue.is_blocked() || self.queue.is_empty() {
            self.backlog = None;
            return;
        }
        let (now, progress) = (clock::coarse_ms(), self.queue.progress());
        match &mut self.backlog {
            Some(backlog) => backlog.update(now, progress, wire.kernel_buffer(), limits),
            None => self.backlog = Some(Backlog::new(now, progress, wire.kernel_buffer(), limits)),
        }
    }

    pub(super) fn is_stuck(&self, now: u64) -> bool {
        self.backlog.as_ref().is_some_and(|backlog| backlog.is_over(now, self.queue.progress()))
    }

    /// When to ask again; `u64::MAX` = never.
    pub(super) fn deadline(&self) -> u64 {
        self.backlog.as_ref().map_or(u64::MAX, |backlog| backlog.deadline(self.queue.progress()))
    }
}

/// See the module's documentation.
pub(crate) struct Connection {
    pub(super) info: ConnectionInfo,
    pub(super) server: Arc<Shared>,
    pub(super) io: Arc<Io>,
    pub(super) wire: Wire,
    /// Answers every request in place of the application.
    pub(super) gate: Option<Gate>,
    pub(super) receiver: Mutex<Receiver>,
    pub(super) leaving: Mutex<Leaving>,
    pub(super) state: Mutex<State>,
    /// The task is being polled.
    pub(super) polling: AtomicBool,
    /// It is stuck in a handler: waking it is of no use.
    pub(super) stuck: AtomicBool,
    pub(super) inline_run: InlineRun,
    /// Coarse time at which a head that has begun, or the preface, must have come; 0 = none is awaited.
    pub(super) head_until: AtomicU64,
    /// Coarse time at which bytes came last.
    pub(super) heard_at: AtomicU64,
    this: Weak<Connection>,
}

impl Connection {
    /// A place for a handler's state: there is none, since requests of several clients may come side by side.
    pub(crate) fn state(&self) -> Option<&OnceLock<Arc<dyn Any + Send + Sync>>> {
        None
    }

    /// The threads that may run handlers.
    pub(crate) fn threads(&self) -> &Arc<Threads> {
        self.server.threads()
    }

    /// A client that left while a run was queued or young could not be reported yet.
    pub(crate) fn look_for_abort(&self) {
        if !lock(&self.state).lost.is_empty() {
            self.have_work_done();
        }
    }

    pub(crate) fn new(
        info: ConnectionInfo,
        server: Arc<Shared>,
        io: Arc<Io>,
        wire: Wire,
        gate: Option<Gate>,
    ) -> Arc<Self> {
        let limits = server.limits();
        let (receiver, state) = (Receiver::default(), State::new(&limits.http2));
        let head_until = clock::deadline(limits.header_timeout);
        Counters::add(&server.counters().http2_connections);
        Arc::new_cyclic(|this| Self {
            info: ConnectionInfo { several: true, ..info },
            io,
            wire,
            gate,
            receiver: Mutex::new(receiver),
            leaving: Mutex::default(),
            state: Mutex::new(state),
            polling: AtomicBool::new(false),
            stuck: AtomicBool::new(false),
            inline_run: InlineRun::default(),
            head_until: AtomicU64::new(head_until),
            heard_at: AtomicU64::new(clock::coarse_ms()),
            this: this.clone(),
            server,
        })
    }

    pub(crate) fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    pub(crate) fn shard(&self) -> &Arc<Shard> {
        self.io.shard()
    }

    /// Sends what is ready, as far as the client takes it. Callable from any thread.
    pub(super) fn flush(&self) {
        let limits = self.server.limits();
        let mut leaving = lock(&self.leaving);
        if self.io.take_writable() {
            leaving.queue.unblock();
        }
        loop {
            match leaving.queue.flush(&self.wire) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::debug!(%error, "a response could not be sent");
                    drop(leaving);
                    self.wire.reset();
                    lock(&self.state).die();
                    self.io.wake();
                    return;
                }
            }
            let mut state = lock(&self.state);
            state.pump(limits);
            if state.out.is_empty() {
                break;
            }
            std::mem::swap(leaving.queue.tail(), &mut state.out);
        }
        leaving.watch(&self.wire, limits);
        if leaving.deadline() != u64::MAX {
            self.io.bring_forward(leaving.deadline());
        }
    }

    /// Something has been added to what is ready: has it sent by whoever is due to. The lock on the state must be free.
    pub(super) fn after_change(&self, urgency: Urgency) {
        match urgency {
            Urgency::None => {}
            Urgency::Task => self.have_work_done(),
            Urgency::Now => {
                self.flush();
                let state = lock(&self.state);
                let left = !state.notices.is_empty() || !state.lost.is_empty();
                let over = state.ending != Ending::Open;
                drop(state);
                if left || over {
                    self.have_work_done();
                }
            }
        }
    }

    /// Has the task do what there is to do, or whoever stands in for it.
    pub(super) fn have_work_done(&self) {
        if self.stuck.load(Ordering::SeqCst)
            && let Some(this) = self.this.upgrade()
        {
            self.io.shard().call(Box::new(move || this.service()));
        }
        // Also when it is stuck: it may not be any more.
        self.io.wake();
    }

    /// Gives up what has waited for too long.
    pub(super) fn check_times(&self, now: u64) {
        let mut state = lock(&self.state);
        if now < state.check_at {
            return;
        }
        let given_up = state.check(now, self.server.limits());
        let counters = self.server.counters();
        counters.body_timeouts.fetch_add(given_up.bodies, Ordering::Relaxed);
        counters.http2_stalled_streams.fetch_add(given_up.responses, Ordering::Relaxed);
        if state.check_at != u64::MAX {
            self.io.bring_forward(state.check_at);
        }
    }

    /// Tells handlers what has been noticed; answers whether there was anything.
    pub(super) fn deliver(&self) -> bool {
        let mut any = false;
        loop {
            let notices = std::mem::take(&mut lock(&self.state).notices);
            if notices.is_empty() {
                break;
            }
            any = true;
            for (exchange, notice) in notices {
                match notice {
                    Notice::BodyReady => exchange.handler().body_ready(&exchange),
                    Notice::Writable => exchange.handler().writable(&exchange),
                }
            }
        }
        self.tell_lost();
        any
    }

    fn tell_lost(&self) {
        let lost = std::mem::take(&mut lock(&self.state).lost);
        if lost.is_empty() {
            return;
        }
        let now = clock::coarse_ms();
        for seq in lost {
            let exchange = {
                let state = lock(&self.state);
                state.find(seq).and_then(|index| state.streams[index].exchange.upgrade())
            };
            let Some(exchange) = exchange else { continue };
            if !exchange.notify_aborted(now) {
                lock(&self.state).lost.push(seq);
                self.io.bring_forward(clock::deadline(ABORT_RETRY));
            }
        }
    }

    /// The same when there is no later: the connection is gone.
    fn tell_lost_now(&self) {
        loop {
            let (lost, notices, runs) = {
                let mut state = lock(&self.state);
                let lost: Vec<_> = std::mem::take(&mut state.lost);
                let lost: Vec<_> = lost
                    .into_iter()
                    .filter_map(|seq| {
                        state.find(seq).and_then(|index| state.streams[index].exchange.upgrade())
                    })
                    .collect();
                (lost, std::mem::take(&mut state.notices), std::mem::take(&mut state.runs))
            };
            if lost.is_empty() && notices.is_empty() && runs.is_empty() {
                return;
            }
            for (exchange, notice) in notices {
                match notice {
                    Notice::BodyReady => exchange.handler().body_ready(&exchange),
                    Notice::Writable => exchange.handler().writable(&exchange),
                }
            }
            for exchange in lost {
                exchange.notify_closed();
            }
            for run in runs {
                run.exchange.discard();
            }
        }
    }

    /// The task has ended: nothing more is sent, and whoever still holds an exchange learns it.
    pub(super) fn closed(&self) {
        self.io.set_in_flight(false);
        self.io.release();
        let settled = {
            let leaving = lock(&self.leaving);
            let mut state = lock(&self.state);
            let settled = leaving.queue.is_empty() && state.out.is_empty() && state.in_use == 0;
            state.die();
            settled
        };
        if settled {
            self.wire.close()
        } else {
            self.wire.cut()
        }
        self.tell_lost_now();
    }
}

/// Who sends what has been added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Whoever is at it already.
    None,
    /// The task, together with what else comes until then.
    Task,
    Now,
}

impl Hook for Connection {
    fn service(&self) {
        // Otherwise the task is polled next and does it.
        if self.polling.load(Ordering::SeqCst)
            && let Some(this) = self.this.upgrade()
        {
            this.stand_in();
        }
    }

    fn stalled(&self) {
        self.inline_run.stalled(self.server.dispatch(self.io.shard()));
        // In this order: who finds that nothing is collected any more must also find that the task is stuck.
        self.stuck.store(true, Ordering::SeqCst);
        lock(&self.state).corked = false;
        self.flush();
        // Events that came before the thread was replaced, and requests that were read, wait for somebody.
        self.have_work_done();
    }

    fn kill(&self) {
        lock(&self.state).die();
        self.wire.cut();
        self.tell_lost_now();
    }
}
