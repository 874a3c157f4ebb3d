//! The thread that notices drivers stuck inside a job and has their shards taken over.
//!
//! It samples the shards about once a millisecond while any of them is awake and sleeps otherwise: an
//! idle server is not woken by it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant};

use super::probe::{Enter, Probe};
use super::shard::Shard;
use super::suspicion::{Look, Suspicion};
use super::threads::Threads;
use crate::sync::lock;

const SAMPLE: Duration = Duration::from_millis(1);
/// Samples without an awake shard before the watchdog goes to sleep.
const IDLE_SAMPLES: u32 = 16;

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
        enter: Option<Enter>,
    ) -> io::Result<Self> {
        let probe = enter.map(|enter| Probe::start(threads.thread_start(), enter)).transpose()?;
        let watch = Watch { signal: signal.clone(), shards, threads, stall_after, probe };
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
    probe: Option<Probe>,
}

impl Watch {
    fn run(self) {
        let mut suspicions: Vec<Suspicion> =
            self.shards.iter().map(|_| Suspicion::new(Instant::now())).collect();
        let mut idle = 0;
        while !self.signal.stopping.load(Ordering::SeqCst) {
            let mut awake = false;
            let now = Instant::now();
            let let_in = |ticket: &mut _| self.probe.as_ref().is_none_or(|probe| probe.let_in(ticket));
            for (shard, suspicion) in self.shards.iter().zip(&mut suspicions) {
                awake |= !shard.is_sleeping();
                let turn = shard.turn();
                if turn % 2 == 1
                    && suspicion.is_same(turn, now)
                    && suspicion.is_confirmed(Look::at(shard.driver()), now, self.stall_after, let_in)
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
