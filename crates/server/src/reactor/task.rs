//! A task: a future and the atomic state that makes sure it is polled by one thread at a time, is never
//! queued twice, and loses no wake-up.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use super::job::Job;
use super::shard::Shard;
use crate::sync::lock;

const IDLE: u8 = 0;
const SCHEDULED: u8 = 1;
const RUNNING: u8 = 2;
/// Woken while being polled: polled once more afterwards.
const NOTIFIED: u8 = 3;
const DONE: u8 = 4;

type Body = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A future that belongs to a shard.
pub(crate) struct Task {
    state: AtomicU8,
    body: Mutex<Option<Body>>,
    shard: Arc<Shard>,
}

impl Task {
    pub(crate) fn new(shard: Arc<Shard>, body: impl Future<Output = ()> + Send + 'static) -> Arc<Self> {
        Arc::new(Self { state: AtomicU8::new(IDLE), body: Mutex::new(Some(Box::pin(body))), shard })
    }

    /// Has the task polled soon; harmless when it already will be, or is done.
    pub(crate) fn schedule(self: &Arc<Self>) {
        if self.claim() {
            self.shard.push(Job::Poll(self.clone()));
        }
    }

    /// Marks the task as queued; `true` means that the caller must queue it.
    pub(super) fn claim(&self) -> bool {
        let mut state = self.state.load(Ordering::SeqCst);
        loop {
            let (next, queue) = match state {
                IDLE => (SCHEDULED, true),
                RUNNING => (NOTIFIED, false),
                _ => return false,
            };
            match self.state.compare_exchange_weak(state, next, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return queue,
                Err(now) => state = now,
            }
        }
    }

    /// Polls the future once. Called by a driver that holds nothing of the shard: this may take long.
    pub(super) fn run(self: Arc<Self>) {
        if self.state.compare_exchange(SCHEDULED, RUNNING, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return;
        }
        if self.poll().is_ready() {
            self.state.store(DONE, Ordering::SeqCst);
            let body = lock(&self.body).take();
            drop(body);
            return;
        }
        if self.state.compare_exchange(RUNNING, IDLE, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            return;
        }
        if self.state.compare_exchange(NOTIFIED, SCHEDULED, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            let shard = self.shard.clone();
            shard.push(Job::Poll(self));
        } else {
            // Cancelled during the poll.
            let body = lock(&self.body).take();
            drop(body);
        }
    }

    fn poll(self: &Arc<Self>) -> Poll<()> {
        let waker = Waker::from(self.clone());
        let mut context = Context::from_waker(&waker);
        let mut body = lock(&self.body);
        let Some(future) = body.as_mut() else { return Poll::Ready(()) };
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context))) {
            Ok(poll) => poll,
            Err(_) => {
                tracing::error!("a connection's task panicked; the connection is closed");
                Poll::Ready(())
            }
        }
    }

    /// Ends the task: the future is dropped now, or after the poll that is going on.
    pub(super) fn cancel(&self) {
        let before = self.state.swap(DONE, Ordering::SeqCst);
        if before != RUNNING && before != NOTIFIED {
            let body = lock(&self.body).take();
            drop(body);
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.schedule();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.schedule();
    }
}
