//! The managed side's callbacks: checked once, then called without further checks.

use super::layout::{ManagedCallbacks, RawExchange, VERSION};
use super::status;

/// Callbacks that are all there. Calling one enters managed code on the calling thread, which must have been
/// prepared (see [`crate::runtime::prepare_thread`]).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Callbacks {
    on_request: unsafe extern "C" fn(*mut RawExchange) -> i32,
    on_body_ready: unsafe extern "C" fn(isize, u64),
    on_writable: unsafe extern "C" fn(isize, u64),
    on_abort: unsafe extern "C" fn(isize, u64),
    on_stop: unsafe extern "C" fn(),
    on_drained: unsafe extern "C" fn(),
}

impl Callbacks {
    /// Takes what `server_start` was given; a status code if it is of another version or incomplete.
    pub(crate) fn check(raw: &ManagedCallbacks) -> Result<Self, i32> {
        if raw.version != VERSION || (raw.size as usize) < size_of::<ManagedCallbacks>() {
            return Err(status::UNSUPPORTED);
        }
        let all = || {
            Some(Self {
                on_request: raw.on_request?,
                on_body_ready: raw.on_body_ready?,
                on_writable: raw.on_writable?,
                on_abort: raw.on_abort?,
                on_stop: raw.on_stop?,
                on_drained: raw.on_drained?,
            })
        };
        all().ok_or(status::INVALID)
    }

    /// Runs the application's pipeline on this thread.
    pub(crate) fn request(&self, exchange: &RawExchange) -> i32 {
        // SAFETY: the managed side registered this function for this purpose and catches its exceptions; the
        // structure is made of atomics, so both sides may write it, and is never freed.
        unsafe { (self.on_request)(std::ptr::from_ref(exchange).cast_mut()) }
    }

    /// Body bytes wait.
    pub(crate) fn body_ready(&self, context: isize, handle: u64) {
        // SAFETY: registered for this purpose; `context` is the managed side's own; stale handles are ignored there.
        unsafe { (self.on_body_ready)(context, handle) }
    }

    /// Enters the managed side, where there is nothing to do, and returns.
    pub(crate) fn nothing(&self) {
        self.body_ready(0, 0);
    }

    /// The response window has room.
    pub(crate) fn writable(&self, context: isize, handle: u64) {
        // SAFETY: as for `body_ready`.
        unsafe { (self.on_writable)(context, handle) }
    }

    /// The client is gone.
    pub(crate) fn abort(&self, context: isize, handle: u64) {
        // SAFETY: as for `body_ready`.
        unsafe { (self.on_abort)(context, handle) }
    }

    /// The application shall stop.
    pub(crate) fn stop(&self) {
        // SAFETY: registered for this purpose; takes nothing.
        unsafe { (self.on_stop)() }
    }

    /// Every exchange has been released.
    pub(crate) fn drained(&self) {
        // SAFETY: registered for this purpose; takes nothing.
        unsafe { (self.on_drained)() }
    }
}
