//! The server's threads: drivers, spares that take over from stuck drivers, and the dispatch pool are
//! one elastic set, because all of them must be prepared the same way.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::shard::Shard;
use crate::sync::lock;

const STACK: usize = 8 * 1024 * 1024;
/// An idle thread leaves after this long, but for the last few.
const LINGER: Duration = Duration::from_secs(10);
const KEPT_IDLE: usize = 2;

type Run = Box<dyn FnOnce() + Send>;

enum Work {
    Drive(Arc<Shard>, u64),
    Run(Run),
}

#[derive(Default)]
struct State {
    drives: VecDeque<(Arc<Shard>, u64)>,
    runs: VecDeque<Run>,
    idle: usize,
    total: usize,
    stopping: bool,
    refused: bool,
}

impl State {
    fn next(&mut self) -> Option<Work> {
        if let Some((shard, turn)) = self.drives.pop_front() {
            return Some(Work::Drive(shard, turn));
        }
        self.runs.pop_front().map(Work::Run)
    }
}

/// See the module's documentation.
pub(crate) struct Threads {
    state: Mutex<State>,
    work: Condvar,
    gone: Condvar,
    start: Arc<dyn Fn() + Send + Sync>,
    /// Most threads that runs may have made.
    run_limit: usize,
    limit: usize,
}

impl Threads {
    /// `limit` bounds all threads. A part is kept for drivers: a full pool must not keep a stuck
    /// driver from being replaced.
    pub(crate) fn new(start: Arc<dyn Fn() + Send + Sync>, limit: usize, drivers: usize) -> Arc<Self> {
        let limit = limit.max(drivers * 2 + 1);
        let kept = (limit / 8).max(drivers).min(limit - drivers - 1);
        Arc::new(Self {
            state: Mutex::new(State::default()),
            work: Condvar::new(),
            gone: Condvar::new(),
            start,
            run_limit: limit - kept,
            limit,
        })
    }

    /// What each thread does first.
    pub(super) fn thread_start(&self) -> Arc<dyn Fn() + Send + Sync> {
        self.start.clone()
    }

    /// Has a thread drive the shard.
    pub(crate) fn drive(self: &Arc<Self>, shard: Arc<Shard>, turn: u64) {
        let mut state = lock(&self.state);
        state.drives.push_back((shard, turn));
        self.supply(state, self.limit);
    }

    /// Runs `run` on a pool thread, at once unless the limit of threads is reached.
    pub(crate) fn run(self: &Arc<Self>, run: impl FnOnce() + Send + 'static) {
        let mut state = lock(&self.state);
        state.runs.push_back(Box::new(run));
        self.supply(state, self.run_limit);
    }

    /// Runs `run` before all queued runs and within the drivers' limit; waits for its end up to `limit`.
    pub(crate) fn run_first(self: &Arc<Self>, limit: Duration, run: impl FnOnce() + Send + 'static) -> bool {
        let (done, end) = std::sync::mpsc::sync_channel(1);
        let mut state = lock(&self.state);
        state.runs.push_front(Box::new(move || {
            run();
            let _ = done.send(());
        }));
        self.supply(state, self.limit);
        end.recv_timeout(limit).is_ok()
    }

    /// Wakes an idle thread for the work just queued, or makes one.
    fn supply(self: &Arc<Self>, mut state: std::sync::MutexGuard<'_, State>, limit: usize) {
        if state.drives.len() + state.runs.len() <= state.idle {
            drop(state);
            self.work.notify_one();
            return;
        }
        if state.total >= limit {
            if !state.refused {
                state.refused = true;
                tracing::warn!(
                    threads = state.total,
                    "every thread is busy in a handler; requests wait. Raise `max_threads` or do not block in handlers"
                );
            }
            return;
        }
        state.total += 1;
        drop(state);
        let threads = self.clone();
        let spawned =
            thread::Builder::new().name("mews-io".into()).stack_size(STACK).spawn(move || threads.live());
        if let Err(error) = spawned {
            lock(&self.state).total -= 1;
            tracing::error!(%error, "a thread could not be started; its work waits for another one");
        }
    }

    fn live(self: Arc<Self>) {
        (self.start)();
        while let Some(work) = self.next() {
            let outcome = catch_unwind(AssertUnwindSafe(|| match work {
                Work::Drive(shard, turn) => shard.drive(turn),
                Work::Run(run) => run(),
            }));
            if outcome.is_err() {
                tracing::error!("a server thread's work panicked");
            }
        }
        lock(&self.state).total -= 1;
        self.gone.notify_all();
    }

    /// Waits for work; `None` ends the thread.
    fn next(&self) -> Option<Work> {
        let mut state = lock(&self.state);
        loop {
            if let Some(work) = state.next() {
                return Some(work);
            }
            state.refused = false;
            if state.stopping {
                return None;
            }
            state.idle += 1;
            let (back, waited) =
                self.work.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
            state = back;
            state.idle -= 1;
            let nothing = state.drives.is_empty() && state.runs.is_empty();
            if waited.timed_out() && nothing && state.idle >= KEPT_IDLE {
                return None;
            }
        }
    }

    /// Threads that exist now.
    pub(crate) fn total(&self) -> usize {
        lock(&self.state).total
    }

    /// Ends idle threads, and busy ones when they return; waits for that up to `limit`.
    pub(crate) fn stop(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut state = lock(&self.state);
        state.stopping = true;
        state.runs.clear();
        self.work.notify_all();
        while state.total > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.gone.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn runs_that_all_block_get_a_thread_each() {
        let threads = Threads::new(Arc::new(|| {}), 64, 1);
        let barrier = Arc::new(Barrier::new(21));
        for _ in 0..20 {
            let barrier = barrier.clone();
            threads.run(move || {
                barrier.wait();
            });
        }
        // Passes only when all twenty run at the same time.
        barrier.wait();
        assert!(threads.stop(Duration::from_secs(10)));
    }

    #[test]
    fn above_the_limit_runs_wait_and_are_done_later() {
        let threads = Threads::new(Arc::new(|| {}), 4, 1);
        let (release, wait) = mpsc::channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        let (done, finished) = mpsc::channel();
        for _ in 0..10 {
            let (wait, done) = (wait.clone(), done.clone());
            threads.run(move || {
                let _ = wait.lock().unwrap().recv();
                let _ = done.send(());
            });
        }
        assert!(threads.total() <= 4);
        drop(release);
        for _ in 0..10 {
            finished.recv_timeout(Duration::from_secs(10)).unwrap();
        }
        assert!(threads.stop(Duration::from_secs(10)));
    }

    #[test]
    fn every_thread_is_prepared_and_survives_a_panic() {
        let (started, starts) = mpsc::channel();
        let threads = Threads::new(
            Arc::new(move || {
                let _ = started.send(thread::current().id());
            }),
            1,
            0,
        );
        threads.run(|| panic!("on purpose"));
        let (id, ids) = mpsc::channel();
        threads.run(move || id.send(thread::current().id()).unwrap());
        let ran_on = ids.recv_timeout(Duration::from_secs(10)).unwrap();
        assert!(starts.iter().take(1).any(|started| started == ran_on) || threads.total() > 1);
        assert!(threads.stop(Duration::from_secs(10)));
    }
}
