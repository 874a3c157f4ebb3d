//! One slot: the memory of an exchange and whose turn it is.
//!
//! A slot goes round: open (native alone) → entered (managed code may call) → retired (the handle is stale) →
//! back to the pool, once nobody is inside a call any more. The mutex is held for a few instructions only, never
//! while the host or managed code is called.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::layout::RawExchange;
use super::memory::Memory;
use super::request::{Header, OpenError, Request};

/// What has become of the news that the client is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AbortNotice {
    /// The client has not gone.
    None,
    /// It has, but managed code cannot be told yet.
    Waiting,
    /// Managed code was told, perhaps before it had taken up the exchange.
    Unsure,
    /// Managed code knows.
    Told,
}

/// Whose turn it is.
#[derive(Debug)]
pub(crate) struct State<E> {
    /// The host's exchange; `None` once the handle has been released.
    pub(crate) exchange: Option<E>,
    /// Calls that use the slot's memory at this moment.
    pub(crate) users: u32,
    /// The response head has been handed to the host.
    pub(crate) started: bool,
    /// The response is complete.
    pub(crate) completed: bool,
    /// Managed code has been seen to hold the handle.
    pub(crate) attached: bool,
    /// The request's trailers have been laid down.
    pub(crate) trailers_laid: bool,
    pub(crate) abort: AbortNotice,
    pub(crate) memory: Memory,
}

/// One slot, on cache lines of its own: its neighbours belong to other threads.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Slot<E> {
    /// What managed code sees.
    pub(crate) raw: RawExchange,
    /// The generation that is not stale; never 0. Changed with the state locked.
    generation: AtomicU32,
    /// `on_request` has been entered, or the exchange was discarded before.
    entered: AtomicBool,
    /// `on_body_ready` is owed.
    pub(crate) awaits_body: AtomicBool,
    /// `on_writable` is owed.
    pub(crate) awaits_room: AtomicBool,
    state: Mutex<State<E>>,
}

impl<E> Slot<E> {
    pub(crate) fn new() -> Self {
        Self {
            raw: RawExchange::default(),
            generation: AtomicU32::new(1),
            entered: AtomicBool::new(true),
            awaits_body: AtomicBool::new(false),
            awaits_room: AtomicBool::new(false),
            state: Mutex::new(State {
                exchange: None,
                users: 0,
                started: false,
                completed: false,
                attached: false,
                trailers_laid: false,
                abort: AbortNotice::None,
                memory: Memory::empty(),
            }),
        }
    }

    /// Locks the state, whatever it is. A poisoned lock is no reason to stop: no invariant spans a panic.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the state if `handle` still names what is in the slot.
    pub(crate) fn current(&self, handle: u64) -> Option<MutexGuard<'_, State<E>>> {
        let state = self.lock();
        (self.generation.load(Relaxed) == generation_of(handle) && state.exchange.is_some()).then_some(state)
    }

    /// Fills a slot that came from the pool, and answers its handle.
    pub(crate) fn open<'a, H>(
        &self,
        index: u32,
        request: &Request<'a, H>,
        exchange: E,
    ) -> Result<u64, OpenError>
    where
        H: IntoIterator<Item = Header<'a>> + Clone,
    {
        let mut state = self.lock();
        state.memory.lay(&self.raw, request)?;
        state.exchange = Some(exchange);
        state.started = false;
        state.completed = false;
        state.attached = false;
        state.trailers_laid = false;
        state.abort = AbortNotice::None;
        let handle = u64::from(self.generation.load(Relaxed)) << 32 | u64::from(index);
        self.raw.handle.store(handle, Relaxed);
        self.awaits_body.store(false, Relaxed);
        self.awaits_room.store(false, Relaxed);
        self.entered.store(false, Release);
        Ok(handle)
    }

    /// Claims the right to enter managed code for `handle`: granted once.
    pub(crate) fn enter(&self, handle: u64) -> bool {
        self.generation.load(Acquire) == generation_of(handle) && !self.entered.swap(true, AcqRel)
    }

    /// Whether `on_request` may be running.
    pub(crate) fn entered(&self) -> bool {
        self.entered.load(Acquire)
    }

    /// Makes the handle stale and takes the exchange out. The state must be locked by the caller. The slot goes
    /// back to the pool when the last user has left.
    pub(crate) fn retire(&self, state: &mut State<E>) -> Option<E> {
        let next = self.generation.load(Relaxed).checked_add(1).unwrap_or(1);
        self.generation.store(next, Release);
        state.exchange.take()
    }
}

/// The low half of a handle.
pub(crate) fn index_of(handle: u64) -> u32 {
    handle as u32
}

/// The high half of a handle.
pub(crate) fn generation_of(handle: u64) -> u32 {
    (handle >> 32) as u32
}
