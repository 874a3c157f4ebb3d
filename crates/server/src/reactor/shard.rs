//! A shard: one epoll instance, the queue of what is ready, and the turn that says who drives it.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mio::{Events, Poll, Registry, Token, Waker};

use super::io::Io;
use super::job::Job;
use super::watchdog::Signal;
use crate::clock;
use crate::sync::lock;

const WAKE: Token = Token(usize::MAX);
const EVENTS: usize = 256;
/// Jobs run before the sockets are asked again, so that a busy queue cannot starve them.
const BATCH: usize = 256;
/// Sweeps are at least this far apart, so that scattered deadlines cost one pass.
const SWEEP_GAP_MS: u64 = 250;

static NEXT_UNIQUE: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// Address of the shard this thread drives, and the turn it was at when it entered a job.
    static DRIVING: Cell<(usize, u64)> = const { Cell::new((0, 0)) };
}

struct Core {
    poll: Poll,
    events: Events,
    batch: Vec<Job>,
}

#[derive(Default)]
struct Slab {
    /// Every task has been ended and no other may start.
    cancelled: bool,
    entries: Vec<(u32, Option<Arc<Io>>)>,
    free: Vec<u32>,
}

impl Slab {
    fn get(&self, token: Token) -> Option<&Arc<Io>> {
        let (index, generation) = unpack(token);
        let (current, io) = self.entries.get(index)?;
        if *current == generation { io.as_ref() } else { None }
    }
}

fn pack(index: u32, generation: u32) -> Token {
    Token(((generation as usize) << 32) | index as usize)
}

fn unpack(token: Token) -> (usize, u32) {
    (token.0 & 0xffff_ffff, (token.0 >> 32) as u32)
}

/// Counters a shard keeps for itself, so that shards do not share cache lines.
#[derive(Debug, Default)]
pub(crate) struct ShardCounters {
    pub(crate) requests: AtomicU64,
    pub(crate) inline_runs: AtomicU64,
    pub(crate) pool_runs: AtomicU64,
}

/// See the module's documentation.
#[repr(align(128))]
pub(crate) struct Shard {
    index: usize,
    unique: u64,
    registry: Registry,
    waker: Waker,
    core: Mutex<Core>,
    queue: Mutex<VecDeque<Job>>,
    /// The driver waits, or is about to wait, in epoll.
    sleeping: AtomicBool,
    /// Odd while the driver is inside a job. Only ever grows; whoever fails to move it on has been replaced.
    turn: AtomicU64,
    /// Thread id of the driver, 0 before the first.
    driver: AtomicI32,
    /// Token of the connection whose handler was last called inline.
    current: AtomicUsize,
    slab: Mutex<Slab>,
    load: AtomicUsize,
    next_sweep: AtomicU64,
    stopping: AtomicBool,
    signal: Arc<Signal>,
    pub(crate) counters: ShardCounters,
}

impl Shard {
    pub(crate) fn new(index: usize, signal: Arc<Signal>) -> io::Result<Arc<Self>> {
        let poll = Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let waker = Waker::new(&registry, WAKE)?;
        let core = Core { poll, events: Events::with_capacity(EVENTS), batch: Vec::with_capacity(EVENTS) };
        Ok(Arc::new(Self {
            index,
            unique: NEXT_UNIQUE.fetch_add(1, Ordering::Relaxed),
            registry,
            waker,
            core: Mutex::new(core),
            queue: Mutex::new(VecDeque::with_capacity(EVENTS)),
            sleeping: AtomicBool::new(false),
            turn: AtomicU64::new(0),
            driver: AtomicI32::new(0),
            current: AtomicUsize::new(usize::MAX),
            slab: Mutex::new(Slab::default()),
            load: AtomicUsize::new(0),
            next_sweep: AtomicU64::new(u64::MAX),
            stopping: AtomicBool::new(false),
            signal,
            counters: ShardCounters::default(),
        }))
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// A request number that no other request of the process has.
    pub(crate) fn next_request_id(&self) -> u64 {
        let count = self.counters.requests.fetch_add(1, Ordering::Relaxed);
        (self.unique << 44).wrapping_add(count).wrapping_add(1)
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Runs `call` on the driving thread; drops it when the server has been stopped.
    pub(crate) fn call(&self, call: Box<dyn FnOnce() + Send>) {
        self.push(Job::Call(call));
        if self.is_cancelled() {
            let jobs = std::mem::take(&mut *lock(&self.queue));
            drop(jobs);
        }
    }

    /// Client connections and listeners that belong to the shard.
    pub(crate) fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }

    /// Makes room for a client's connection or a listener.
    pub(crate) fn reserve(self: &Arc<Self>) -> Arc<Io> {
        self.reserve_as(true)
    }

    /// Makes room for a socket that comes with a client's connection.
    pub(crate) fn reserve_uncounted(self: &Arc<Self>) -> Arc<Io> {
        self.reserve_as(false)
    }

    fn reserve_as(self: &Arc<Self>, counted: bool) -> Arc<Io> {
        let mut slab = lock(&self.slab);
        let index = slab.free.pop().unwrap_or_else(|| {
            slab.entries.push((0, None));
            u32::try_from(slab.entries.len() - 1).unwrap_or(u32::MAX)
        });
        let entry = &mut slab.entries[index as usize];
        let io = Arc::new(Io::new(self.clone(), pack(index, entry.0), counted));
        entry.1 = Some(io.clone());
        if counted {
            self.load.fetch_add(1, Ordering::Relaxed);
        }
        io
    }

    /// Whether a task that starts now would never be polled.
    pub(super) fn is_cancelled(&self) -> bool {
        lock(&self.slab).cancelled
    }

    pub(super) fn forget(&self, token: Token) {
        let mut slab = lock(&self.slab);
        let (index, generation) = unpack(token);
        let Some(entry) = slab.entries.get_mut(index) else { return };
        if entry.0 != generation || entry.1.is_none() {
            return;
        }
        // The top bit stays clear: no token may equal the waker's.
        entry.0 = generation.wrapping_add(1) & 0x7fff_ffff;
        let io = entry.1.take();
        slab.free.push(index as u32);
        if io.as_ref().is_some_and(|io| io.is_counted()) {
            self.load.fetch_sub(1, Ordering::Relaxed);
        }
        drop(slab);
        drop(io);
    }

    /// Every socket of the shard.
    pub(crate) fn sockets(&self) -> Vec<Arc<Io>> {
        lock(&self.slab).entries.iter().filter_map(|(_, io)| io.clone()).collect()
    }

    pub(super) fn push(&self, job: Job) {
        lock(&self.queue).push_back(job);
        self.wake_driver();
    }

    fn wake_driver(&self) {
        if self.sleeping.load(Ordering::SeqCst)
            && self.sleeping.swap(false, Ordering::SeqCst)
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "an I/O thread could not be woken");
        }
    }

    pub(super) fn expect_sweep(&self, deadline: u64) {
        if deadline < self.next_sweep.load(Ordering::Relaxed)
            && deadline < self.next_sweep.fetch_min(deadline, Ordering::SeqCst)
        {
            self.wake_driver();
        }
    }

    /// Remembers whose handler is about to be called on the driving thread.
    pub(crate) fn enter_handler(&self, io: &Io) {
        self.current.store(io.token(), Ordering::Relaxed);
    }

    /// Whether the calling thread still drives this shard; `false` after it has been replaced.
    pub(crate) fn driven_here(&self) -> bool {
        let (shard, turn) = DRIVING.get();
        shard == self.address() && self.turn.load(Ordering::Relaxed) == turn
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Drives the shard until the server stops or another thread has taken over. `turn` is even.
    pub(crate) fn drive(self: &Arc<Self>, mut turn: u64) {
        self.driver.store(rustix::thread::gettid().as_raw_nonzero().get(), Ordering::Relaxed);
        loop {
            for _ in 0..BATCH {
                let Some(job) = lock(&self.queue).pop_front() else { break };
                let inside = turn + 1;
                DRIVING.set((self.address(), inside));
                self.turn.store(inside, Ordering::Release);
                job.run();
                turn += 2;
                if self.turn.compare_exchange(inside, turn, Ordering::AcqRel, Ordering::Acquire).is_err() {
                    DRIVING.set((0, 0));
                    return;
                }
            }
            if self.stopping.load(Ordering::Acquire) {
                DRIVING.set((0, 0));
                return;
            }
            self.poll_sockets();
        }
    }

    fn poll_sockets(&self) {
        let mut core = lock(&self.core);
        let Core { poll, events, batch } = &mut *core;
        self.sleeping.store(true, Ordering::SeqCst);
        let busy = !lock(&self.queue).is_empty() || self.stopping.load(Ordering::SeqCst);
        let timeout = match self.next_sweep.load(Ordering::SeqCst) {
            _ if busy => Some(Duration::ZERO),
            u64::MAX => None,
            at => Some(Duration::from_millis(at.saturating_sub(clock::coarse_ms()))),
        };
        let polled = Self::poll_politely(poll, events, timeout);
        self.sleeping.store(false, Ordering::SeqCst);
        self.signal.awake();
        if let Err(error) = polled {
            if error.kind() != io::ErrorKind::Interrupted {
                tracing::error!(%error, "polling the sockets failed");
            }
            return;
        }
        let slab = lock(&self.slab);
        for event in events.iter() {
            if let Some(io) = slab.get(event.token()) {
                io.note(event);
                Self::notify(io, batch);
            }
        }
        let next = self.next_sweep.load(Ordering::Relaxed);
        if next != u64::MAX && next <= clock::coarse_ms() {
            self.sweep(&slab, batch);
        }
        drop(slab);
        if !batch.is_empty() {
            lock(&self.queue).extend(batch.drain(..));
        }
    }

    /// Looks without waiting first, lets other threads run once if there is nothing, and only then sleeps: under load the
    /// next requests are written in that time, so that they arrive in larger batches and nobody has to wake this thread.
    fn poll_politely(poll: &mut Poll, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        poll.poll(events, Some(Duration::ZERO))?;
        if !events.is_empty() || timeout == Some(Duration::ZERO) {
            return Ok(());
        }
        rustix::thread::sched_yield();
        poll.poll(events, timeout)
    }

    /// An event always has the task polled; with an exchange in flight also the hook is served, because
    /// the task may be inside the handler.
    fn notify(io: &Arc<Io>, batch: &mut Vec<Job>) {
        if io.in_flight() {
            batch.push(Job::Service(io.clone()));
        }
        if let Some(task) = io.task()
            && task.claim()
        {
            batch.push(Job::Poll(task.clone()));
        }
    }

    fn sweep(&self, slab: &Slab, batch: &mut Vec<Job>) {
        let now = clock::coarse_ms();
        self.next_sweep.store(u64::MAX, Ordering::SeqCst);
        let mut earliest = u64::MAX;
        for (_, io) in &slab.entries {
            let Some(io) = io else { continue };
            if io.expire(now) {
                Self::notify(io, batch);
            } else if io.deadline() != 0 {
                earliest = earliest.min(io.deadline());
            }
        }
        if earliest != u64::MAX {
            self.next_sweep.fetch_min(earliest.max(now + SWEEP_GAP_MS), Ordering::SeqCst);
        }
    }

    /// Whether the driver waits for events.
    pub(super) fn is_sleeping(&self) -> bool {
        self.sleeping.load(Ordering::SeqCst)
    }

    pub(super) fn turn(&self) -> u64 {
        self.turn.load(Ordering::Acquire)
    }

    /// Thread id of the thread that drives, or was the last to begin to.
    pub(super) fn driver(&self) -> i32 {
        self.driver.load(Ordering::Relaxed)
    }

    /// Takes the shard from a driver that is still at `seen`. Answers the turn of the next driver.
    pub(super) fn take_over(&self, seen: u64) -> Option<u64> {
        self.turn.compare_exchange(seen, seen + 1, Ordering::AcqRel, Ordering::Acquire).ok().map(|_| seen + 1)
    }

    /// The socket whose handler was last called inline.
    pub(super) fn current(&self) -> Option<Arc<Io>> {
        lock(&self.slab).get(Token(self.current.load(Ordering::Relaxed))).cloned()
    }

    /// Tells the driver to return.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.sleeping.store(false, Ordering::SeqCst);
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "an I/O thread could not be woken");
        }
    }

    /// Ends every task. Called when no driver polls any more, but for stuck ones.
    pub(crate) fn cancel_all(&self) {
        lock(&self.slab).cancelled = true;
        for io in self.sockets() {
            if let Some(hook) = io.hook() {
                hook.kill();
            }
            if let Some(task) = io.task() {
                task.cancel();
            }
            io.release();
        }
        let jobs = std::mem::take(&mut *lock(&self.queue));
        drop(jobs);
    }
}
