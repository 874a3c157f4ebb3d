//! The one [`Runtime`] of the process: opens exchanges, runs them through managed code, ends them.
//!
//! What managed code calls is in `calls`, what the host tells managed code about a running exchange in `notify`.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicPtr};

use super::callbacks::Callbacks;
use super::exchange::{Closing, Exchange, Host, Report};
use super::info::HostInfo;
use super::layout::{HostTable, RawExchange};
use super::memory::trace;
use super::request::{Header, OpenError, Request};
use super::slot::{AbortNotice, Slot, State, index_of};
use super::slots::Slots;
use super::table;

/// The installed runtime, whatever its exchange type; written once, by `install`.
static INSTALLED: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The native half of the function table. One per process, never freed.
pub struct Runtime<E: Exchange> {
    pub(crate) slots: Slots<E>,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) callbacks: OnceLock<Callbacks>,
    asked_to_stop: AtomicBool,
    stopping: AtomicBool,
    table: HostTable,
}

/// A second [`Runtime::install`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this process already hosts an application; CoreCLR runs one per process")]
pub struct AlreadyInstalled;

/// How [`Runtime::dispatch`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dispatched {
    /// The response is complete and was handed to [`Exchange::finish`]; the exchange is released.
    Completed,
    /// The application goes on elsewhere; the handle may be released at any moment.
    Pending,
    /// The managed side failed; the exchange is released. The caller answers 500 (or resets what has begun).
    Failed,
    /// No server is started, or it wants no further requests; the exchange is released. The caller answers 503.
    NotStarted,
}

impl<E: Exchange> Runtime<E> {
    /// Makes the table. It and everything it points to live as long as the process.
    ///
    /// # Errors
    /// A runtime has been installed before.
    pub fn install(info: HostInfo, host: Arc<dyn Host>) -> Result<&'static Self, AlreadyInstalled> {
        if TAKEN.swap(true, AcqRel) {
            return Err(AlreadyInstalled);
        }
        let runtime: &'static Self = Box::leak(Box::new(Self {
            slots: Slots::new(),
            host,
            callbacks: OnceLock::new(),
            asked_to_stop: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            table: table::make::<E>(info.leak()),
        }));
        INSTALLED.store(std::ptr::from_ref(runtime).cast_mut().cast(), Release);
        Ok(runtime)
    }

    /// The installed runtime, for the table's functions, which are made for the same `E`.
    pub(crate) fn installed() -> Option<&'static Self> {
        let runtime = INSTALLED.load(Acquire).cast::<Self>();
        // SAFETY: null, or the never-freed runtime that `install` stored. Only the functions of that runtime's own
        // table call this, and `install` instantiates them with the runtime's own `E`.
        unsafe { runtime.as_ref() }
    }

    /// The table's address, for the runtime property `MEWS_HOST_TABLE`.
    #[must_use]
    pub fn table_address(&self) -> usize {
        std::ptr::from_ref(&self.table).addr()
    }

    /// The table itself.
    #[must_use]
    pub fn table(&self) -> &HostTable {
        &self.table
    }

    /// Takes a slot and copies the request into it. The handle must then be dispatched or discarded.
    ///
    /// # Errors
    /// The request does not fit the structures, or no slot is left.
    pub fn open<'a, H>(&self, request: &Request<'a, H>, exchange: E) -> Result<u64, OpenError>
    where
        H: IntoIterator<Item = Header<'a>> + Clone,
    {
        let (index, slot) = self.slots.take().ok_or(OpenError::Exhausted)?;
        slot.open(index, request, exchange).inspect_err(|_| self.give(index))
    }

    /// Calls the application on this thread, which must have been prepared with
    /// [`prepare_thread`](crate::runtime::prepare_thread). Once for each handle.
    pub fn dispatch(&self, handle: u64) -> Dispatched {
        let Some(slot) = self.slots.get(handle).filter(|slot| slot.enter(handle)) else {
            self.host.report(Report::HostFault, "an exchange was dispatched twice or after its end");
            return Dispatched::Failed;
        };
        let Some(callbacks) = self.callbacks.get().filter(|_| !self.stopping.load(Acquire)) else {
            drop(self.end(handle, slot));
            return Dispatched::NotStarted;
        };
        slot.raw.dispatch_ns.store(now_ns(), Relaxed);
        match callbacks.request(&slot.raw) {
            0 => self.ended(handle, slot),
            1 => {
                if let Some(mut state) = slot.current(handle) {
                    state.attached = true;
                    let owed = abort_owed(&mut state, &slot.raw);
                    let traced = state.exchange.clone().zip(trace(&slot.raw));
                    drop(state);
                    if let Some((exchange, trace)) = traced {
                        exchange.traced(trace);
                    }
                    if let Some(context) = owed {
                        callbacks.abort(context, handle);
                    }
                }
                Dispatched::Pending
            }
            _ => {
                drop(self.end(handle, slot));
                Dispatched::Failed
            }
        }
    }

    /// `on_request` answered 0: sends what lies in the slot and recycles it.
    fn ended(&self, handle: u64, slot: &Slot<E>) -> Dispatched {
        let Some(mut state) = slot.current(handle) else {
            // Released although it was also answered: the response has been dealt with by that release.
            self.host
                .report(Report::HostFault, "the managed server released an exchange it had also completed");
            return Dispatched::Pending;
        };
        let response = state.memory.response(&slot.raw, slot.raw.block_len.load(Relaxed) as usize);
        let (started, completed) = (state.started, state.completed);
        let Some(exchange) = slot.retire(&mut state) else { return Dispatched::Pending };
        // Normally nobody else is inside a call; then the slot is this thread's alone from here on, and giving
        // it back needs no second look at its state.
        let alone = state.users == 0;
        state.users += u32::from(!alone);
        drop(state);
        let _back = Back { runtime: self, slot, index: index_of(handle), alone };
        if completed {
            return Dispatched::Completed;
        }
        let Some(response) = response else {
            self.host.report(Report::HostFault, "the managed server described a response outside its memory");
            return Dispatched::Failed;
        };
        exchange.finish((!started).then_some(&response.head), response.block, response.trailers);
        Dispatched::Completed
    }

    /// Gives back an exchange that was opened but will not be dispatched. Otherwise does nothing.
    pub fn discard(&self, handle: u64) {
        if let Some(slot) = self.slots.get(handle).filter(|slot| slot.enter(handle)) {
            drop(self.end(handle, slot));
        }
    }

    /// Releases without sending anything; answers the exchange if the handle was not stale.
    pub(crate) fn end(&self, handle: u64, slot: &Slot<E>) -> Option<(E, bool)> {
        let mut state = slot.current(handle)?;
        let completed = state.completed;
        let exchange = slot.retire(&mut state)?;
        let idle = state.users == 0;
        drop(state);
        if idle {
            self.give(index_of(handle));
        }
        Some((exchange, completed))
    }

    /// Puts a slot back to the pool, and tells managed code if it was the last one.
    pub(crate) fn give(&self, index: u32) {
        if self.slots.give(index) {
            self.drained();
        }
    }

    fn drained(&self) {
        if let Some(callbacks) = self.callbacks.get() {
            callbacks.drained();
        }
    }

    /// Enters the managed side and returns. While the runtime holds up all threads, as for a garbage collection, this takes
    /// until it lets them go on. On a thread that has been prepared as for [`Runtime::dispatch`].
    pub fn visit(&self) {
        if let Some(callbacks) = self.callbacks.get() {
            callbacks.nothing();
        }
    }

    /// Asks the application to stop. `false` if its server has not started: there is nobody to ask yet.
    pub fn stop(&self) -> bool {
        let Some(callbacks) = self.callbacks.get() else { return false };
        // The caller is the host's control thread, which has no other business in managed code.
        if let Err(error) = crate::runtime::prepare_thread() {
            self.host.report(Report::HostFault, &format!("no signal stack for the stopping thread: {error}"));
        }
        callbacks.stop();
        true
    }

    /// `server_stop`: the host empties its connections; then nothing is begun any more.
    pub(crate) fn server_stop(&self) {
        if !self.asked_to_stop.swap(true, AcqRel) && self.host.server_stopping() == Closing::Now {
            self.close();
        }
    }

    /// Nothing is dispatched from here on; managed code is told `on_drained` once every exchange has been released.
    /// Idempotent.
    pub fn close(&self) {
        self.stopping.store(true, Release);
        if self.slots.stop() {
            self.drained();
        }
    }

    /// Whether the application's server has started and has not asked for the end of requests.
    #[must_use]
    pub fn serving(&self) -> bool {
        self.callbacks.get().is_some() && !self.stopping.load(Acquire)
    }

    /// Exchanges that have been opened and not released.
    #[must_use]
    pub fn active(&self) -> usize {
        self.slots.active()
    }
}

/// Gives the slot back when a response has been sent, also when sending it panicked.
struct Back<'r, E: Exchange> {
    runtime: &'r Runtime<E>,
    slot: &'r Slot<E>,
    index: u32,
    alone: bool,
}

impl<E: Exchange> Drop for Back<'_, E> {
    fn drop(&mut self) {
        if self.alone {
            self.runtime.give(self.index);
        } else {
            self.runtime.leave(self.slot, self.index);
        }
    }
}

/// The context to call `on_abort` with, if that is still owed to an exchange that managed code holds by now.
pub(crate) fn abort_owed<E>(state: &mut State<E>, raw: &RawExchange) -> Option<isize> {
    if !matches!(state.abort, AbortNotice::Waiting | AbortNotice::Unsure) {
        return None;
    }
    let context = raw.context.load(Acquire);
    (context != 0).then(|| {
        state.abort = AbortNotice::Told;
        context
    })
}

/// CLOCK_MONOTONIC in nanoseconds.
fn now_ns() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec.wrapping_mul(1_000_000_000).wrapping_add(now.tv_nsec)
}
