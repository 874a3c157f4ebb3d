//! One registered socket as the event loop sees it: readiness, deadline, task, and the hook through
//! which events reach an exchange whose task is stuck in the handler.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use mio::event::{Event, Source};
use mio::{Interest, Token};

use super::shard::Shard;
use super::task::Task;

const READ: u32 = 1;
const WRITE: u32 = 2;
const READ_CLOSED: u32 = 4;
const BROKEN: u32 = 8;

/// What a connection lets the event loop do without its task, which may be stuck in the handler.
pub(crate) trait Hook: Send + Sync {
    /// Something happened on the socket, or a deadline passed, while an exchange is in flight.
    fn service(&self);
    /// The thread that runs the connection's handler inline has been replaced.
    fn stalled(&self);
    /// The server stops: nothing more may be sent or received.
    fn kill(&self);
}

/// A registered socket. Readiness is edge-triggered: a flag is set by an event and cleared before the
/// system call that may find the socket empty, so that no edge is lost.
pub(crate) struct Io {
    shard: Arc<Shard>,
    token: Token,
    /// Whether it counts when connections are spread over the shards.
    counted: bool,
    ready: AtomicU32,
    deadline: AtomicU64,
    in_flight: AtomicBool,
    task: OnceLock<Arc<Task>>,
    hook: OnceLock<Weak<dyn Hook>>,
}

impl Io {
    pub(super) fn new(shard: Arc<Shard>, token: Token, counted: bool) -> Self {
        Self {
            shard,
            token,
            counted,
            ready: AtomicU32::new(0),
            deadline: AtomicU64::new(0),
            in_flight: AtomicBool::new(false),
            task: OnceLock::new(),
            hook: OnceLock::new(),
        }
    }

    pub(crate) fn shard(&self) -> &Arc<Shard> {
        &self.shard
    }

    pub(super) fn is_counted(&self) -> bool {
        self.counted
    }

    pub(crate) fn token(&self) -> usize {
        self.token.0
    }

    /// Registers a stream for both directions, once for its life.
    pub(crate) fn register(&self, source: &mut impl Source) -> io::Result<()> {
        self.shard.registry().register(source, self.token, Interest::READABLE | Interest::WRITABLE)
    }

    /// Registers a listener.
    pub(crate) fn register_read(&self, source: &mut impl Source) -> io::Result<()> {
        self.shard.registry().register(source, self.token, Interest::READABLE)
    }

    /// Has the system watch a stream no more. It otherwise does until the last descriptor of it is closed.
    pub(crate) fn stop_watching(&self, source: &mut impl Source) -> io::Result<()> {
        self.shard.registry().deregister(source)
    }

    /// Takes the socket out of the event loop; events already queued find nobody.
    pub(crate) fn release(&self) {
        self.shard.forget(self.token);
    }

    /// Gives the socket its task and its hook, and polls the task for the first time.
    pub(crate) fn start(&self, task: Arc<Task>, hook: Option<Weak<dyn Hook>>) {
        if let Some(hook) = hook {
            let _ = self.hook.set(hook);
        }
        let _ = self.task.set(task.clone());
        if self.shard.is_cancelled() {
            task.cancel();
        } else {
            task.schedule();
        }
    }

    /// Gives the socket its hook when that is known only after the start; once.
    pub(crate) fn set_hook(&self, hook: Weak<dyn Hook>) {
        let _ = self.hook.set(hook);
    }

    /// Polls the task soon.
    pub(crate) fn wake(&self) {
        if let Some(task) = self.task.get() {
            task.schedule();
        }
    }

    pub(super) fn task(&self) -> Option<&Arc<Task>> {
        self.task.get()
    }

    pub(super) fn hook(&self) -> Option<Arc<dyn Hook>> {
        self.hook.get().and_then(Weak::upgrade)
    }

    pub(super) fn note(&self, event: &Event) {
        let mut ready = 0;
        if event.is_readable() {
            ready |= READ;
        }
        if event.is_writable() {
            ready |= WRITE;
        }
        if event.is_read_closed() {
            ready |= READ_CLOSED;
        }
        if event.is_error() || event.is_write_closed() {
            ready |= BROKEN;
        }
        self.ready.fetch_or(ready, Ordering::SeqCst);
    }

    /// Whether an event says that reading may give something: bytes, the end or an error.
    pub(crate) fn can_read(&self) -> bool {
        self.ready.load(Ordering::SeqCst) & (READ | READ_CLOSED | BROKEN) != 0
    }

    /// Must be called before a read; a later event sets the flag again.
    pub(crate) fn begin_read(&self) {
        self.ready.fetch_and(!READ, Ordering::SeqCst);
    }

    /// After a read that filled its buffer: there may be more without a further event.
    pub(crate) fn more_to_read(&self) {
        self.ready.fetch_or(READ, Ordering::SeqCst);
    }

    /// Whether the socket has become writable since the last call.
    pub(crate) fn take_writable(&self) -> bool {
        self.ready.load(Ordering::Relaxed) & WRITE != 0
            && self.ready.fetch_and(!WRITE, Ordering::SeqCst) & WRITE != 0
    }

    /// The client has closed its sending direction.
    pub(crate) fn read_closed(&self) -> bool {
        self.ready.load(Ordering::SeqCst) & READ_CLOSED != 0
    }

    /// Both directions are gone.
    pub(crate) fn broken(&self) -> bool {
        self.ready.load(Ordering::SeqCst) & BROKEN != 0
    }

    /// When set, events are served through the hook even while the task is being polled.
    pub(crate) fn set_in_flight(&self, in_flight: bool) {
        self.in_flight.store(in_flight, Ordering::SeqCst);
    }

    pub(crate) fn in_flight(&self) -> bool {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// Sets the coarse time at which the connection is woken; 0 = never.
    pub(crate) fn set_deadline(&self, deadline: u64) {
        self.deadline.store(deadline, Ordering::Relaxed);
        if deadline != 0 {
            self.shard.expect_sweep(deadline);
        }
    }

    /// Makes the deadline earlier, or sets it where there is none.
    pub(crate) fn bring_forward(&self, deadline: u64) {
        let current = self.deadline();
        if current == 0 || deadline < current {
            self.set_deadline(deadline);
        }
    }

    pub(super) fn deadline(&self) -> u64 {
        self.deadline.load(Ordering::Relaxed)
    }

    /// Clears the deadline if it has passed; tells whether it had.
    pub(super) fn expire(&self, now: u64) -> bool {
        let deadline = self.deadline();
        deadline != 0
            && deadline <= now
            && self.deadline.compare_exchange(deadline, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}
