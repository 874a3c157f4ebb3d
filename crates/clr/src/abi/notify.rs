//! What the host tells managed code about a running exchange. A handle released meanwhile is ignored.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

use super::exchange::Exchange;
use super::runtime::Runtime;
use super::slot::{AbortNotice, Slot};

impl<E: Exchange> Runtime<E> {
    /// A call of `body_read` would now make progress. Passed on only if one was told to wait.
    pub fn body_ready(&self, handle: u64) {
        if let Some(context) = self.owed(handle, |slot| &slot.awaits_body)
            && let Some(callbacks) = self.callbacks.get()
        {
            callbacks.body_ready(context, handle);
        }
    }

    /// The response window has room again, or a file has been sent. Passed on only if a call was told to wait.
    pub fn writable(&self, handle: u64) {
        if let Some(context) = self.owed(handle, |slot| &slot.awaits_room)
            && let Some(callbacks) = self.callbacks.get()
        {
            callbacks.writable(context, handle);
        }
    }

    /// The context of a current exchange whose `flag` was up; takes it down.
    fn owed(&self, handle: u64, flag: impl Fn(&Slot<E>) -> &AtomicBool) -> Option<isize> {
        let slot = self.slots.get(handle)?;
        let state = slot.current(handle)?;
        let owed = flag(slot).swap(false, AcqRel);
        drop(state);
        owed.then(|| slot.raw.context.load(Acquire)).filter(|context| *context != 0)
    }

    /// The client is gone.
    ///
    /// Managed code takes an exchange up somewhere inside `on_request`, and would ignore what it is told before. So
    /// news that come before `on_request` wait until managed code has been seen to hold the handle: at its first
    /// call, or when `on_request` has returned. News that come while `on_request` runs and has not called yet are
    /// passed on at once (the application may be blocking on exactly this), and once more at that point.
    pub fn aborted(&self, handle: u64) {
        let Some(slot) = self.slots.get(handle) else { return };
        let Some(mut state) = slot.current(handle) else { return };
        if state.abort != AbortNotice::None {
            return;
        }
        let context = slot.raw.context.load(Acquire);
        state.abort = match (state.attached, slot.entered()) {
            _ if context == 0 => AbortNotice::Waiting,
            (true, _) => AbortNotice::Told,
            (false, true) => AbortNotice::Unsure,
            (false, false) => AbortNotice::Waiting,
        };
        let tell = state.abort != AbortNotice::Waiting;
        drop(state);
        if tell && let Some(callbacks) = self.callbacks.get() {
            callbacks.abort(context, handle);
        }
    }
}
