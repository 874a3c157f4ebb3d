//! The thread that notices drivers stuck inside a job and has their shards taken over.
//!
//! It samples the shards about once a millisecond while any of them is awake and sleeps otherwise: an
//! idle server is not woken by it.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use super::shard::Shard;
use super::threads::Threads;
use crate::sync::lock;

const SAMPLE: Duration = Duration::from_millis(1);
/// Samples without an awake shard before the watchdog goes to sleep.
const IDLE_SAMPLES: u32 = 16;

/// A driver that computes, or waits for a processor, is given this many times longer: another thread
/// would compete with it for the same processors.
const PATIENCE: u32 = 10;

/// Whether the thread computes or could. One that cannot be looked at counts as blocked.
fn is_runnable(thread: i32) -> bool {
    // The state stands near the start: number, name of at most 64 bytes, state.
    let mut stat = [0; 128];
    let read = File::open(format!("/proc/self/task/{thread}/stat")).and_then(|mut file| file.read(&mut stat));
    read.is_ok_and(|length| state(&stat[..length]) == Some(b'R'))
}

/// The state letter of a `stat` file: the field behind the command, which may hold anything.
fn state(stat: &[u8]) -> Option<u8> {
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    stat.get(end + 2).copied()
}

/// How shards wake the watchdog.
#[derive(Default)]
pub(crate) struct Signal {
    parked: AtomicBool,
    stopping: AtomicBool,
    thread: std::sync::Mutex<Option<Thread>>,
    replaced: AtomicU64,
}

impl Signal {
    /// A shard has begun to work.
    pub(super) fn awake(&self) {
        if self.parked.load(Ordering::SeqCst) && self.parked.swap(false, Ordering::SeqCst) {
            self.unpark();
        }
    }

    /// Threads replaced so far.
    pub(crate) fn replaced(&self) -> u64 {
        self.replaced.load(Ordering::Relaxed)
    }

    fn unpark(&self) {
        if let Some(thread) = &*lock(&self.thread) {
            thread.unpark();
        }
    }
}

/// The running watchdog.
pub(crate) struct Watchdog {
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    pub(crate) fn start(
        signal: Arc<Signal>,
        shards: Vec<Arc<Shard>>,
        threads: Arc<Threads>,
        stall_after: Duration,
    ) -> io::Result<Self> {
        let watch = Watch { signal: signal.clone(), shards, threads, stall_after };
        let thread = thread::Builder::new().name("mews-watchdog".into()).spawn(move || watch.run())?;
        *lock(&signal.thread) = Some(thread.thread().clone());
        // It may have parked before its handle was known here.
        thread.thread().unpark();
        Ok(Self { signal, thread: Some(thread) })
    }

    /// Stops and joins it; it never blocks for long.
    pub(crate) fn stop(&mut self) {
        self.signal.stopping.store(true, Ordering::SeqCst);
        self.signal.unpark();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Watch {
    signal: Arc<Signal>,
    shards: Vec<Arc<Shard>>,
    threads: Arc<Threads>,
    stall_after: Duration,
}

impl Watch {
    fn run(self) {
        let start = Instant::now();
        let mut seen: Vec<(u64, Instant)> = self.shards.iter().map(|_| (0, start)).collect();
        let mut idle = 0;
        while !self.signal.stopping.load(Ordering::SeqCst) {
            let mut awake = false;
            let now = Instant::now();
            for (shard, seen) in self.shards.iter().zip(&mut seen) {
                awake |= !shard.is_sleeping();
                let turn = shard.turn();
                if turn % 2 == 0 {
                    continue;
                }
                if seen.0 != turn {
                    *seen = (turn, now);
                    continue;
                }
                let inside = now.duration_since(seen.1);
                if inside >= self.stall_after * PATIENCE
                    || (inside >= self.stall_after && !is_runnable(shard.driver()))
                {
                    self.replace(shard, turn);
                }
            }
            idle = if awake { 0 } else { idle + 1 };
            if idle < IDLE_SAMPLES {
                thread::park_timeout(SAMPLE);
            } else {
                self.signal.parked.store(true, Ordering::SeqCst);
                if self.shards.iter().all(|shard| shard.is_sleeping())
                    && !self.signal.stopping.load(Ordering::SeqCst)
                {
                    thread::park();
                }
                self.signal.parked.store(false, Ordering::SeqCst);
                idle = 0;
            }
        }
    }

    fn replace(&self, shard: &Arc<Shard>, turn: u64) {
        let stuck = shard.current();
        let Some(turn) = shard.take_over(turn) else { return };
        self.signal.replaced.fetch_add(1, Ordering::Relaxed);
        // What blocks is learned before the next request of its kind can be begun.
        let hook = stuck.and_then(|io| io.hook());
        if let Some(hook) = &hook {
            hook.stalled();
        }
        self.threads.drive(shard.clone(), turn);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_found_behind_any_name() {
        assert_eq!(state(b"12 (mews-io) R 1 2"), Some(b'R'));
        assert_eq!(state(b"12 (a) S (b)) D 1"), Some(b'D'));
        assert_eq!(state(b"12 (a"), None);
        assert_eq!(state(b"12 (a)"), None);
    }

    #[test]
    fn a_computing_thread_is_runnable_and_a_blocked_one_is_not() {
        let (tell, told) = std::sync::mpsc::channel();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let blocked = thread::spawn(move || {
            tell.send(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
            let _ = wait.recv();
        });
        let id = told.recv().unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        while is_runnable(id) {
            assert!(Instant::now() < until, "a blocked thread still counts as runnable");
            thread::yield_now();
        }
        assert!(is_runnable(rustix::thread::gettid().as_raw_nonzero().get()));
        drop(release);
        blocked.join().unwrap();
    }
}
