//! When the handler runs, and when it can be told that its client is gone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Exchange, carried};
use crate::clock;

const RETURNED: u64 = u64::MAX;

/// A handler that has been running this long knows the exchange: it can be told of its abort.
const KNOWN_AFTER_MS: u64 = 20;

impl Exchange {
    /// Within [`Handler::run`]: the exchange will be gone on with by [`Exchange::defer`].
    pub(crate) fn set_deferred(&self) {
        self.deferred.store(true, Ordering::Release);
        self.entered.store(0, Ordering::Release);
    }

    /// Goes on with the exchange on a thread of the pool, where `work` may block. Until it calls [`Exchange::hand_on`],
    /// the client's leaving is not told to the handler unless the connection ends.
    pub(crate) fn defer(self: &Arc<Self>, work: impl FnOnce(&Arc<Self>) + Send + 'static) {
        self.set_deferred();
        let exchange = self.clone();
        carried!(self, threads()).run(move || {
            if catch_unwind(AssertUnwindSafe(|| work(&exchange))).is_err() {
                let request_id = exchange.request_id;
                tracing::error!(
                    request_id,
                    "the handler panicked; an unfinished response becomes 500 or a reset"
                );
            }
            exchange.entered.store(RETURNED, Ordering::Release);
            carried!(exchange, look_for_abort());
        });
    }

    /// Within the work of [`Exchange::defer`]: runs the handler that is to answer.
    pub(crate) fn hand_on(self: &Arc<Self>, run: impl FnOnce(&Arc<Self>)) {
        if carried!(self, is_open(self.seq)) {
            self.entered.store(clock::coarse_ms(), Ordering::Release);
            run(self);
        } else {
            self.discard();
        }
    }

    /// Calls the handler, unless nothing can be answered any more.
    pub(crate) fn run(self: &Arc<Self>) {
        if carried!(self, is_open(self.seq)) {
            self.entered.store(clock::coarse_ms(), Ordering::Release);
            if catch_unwind(AssertUnwindSafe(|| self.handler().run(self))).is_err() {
                tracing::error!(
                    request_id = self.request_id,
                    "the handler panicked; an unfinished response becomes 500 or a reset"
                );
            }
        } else {
            self.discard();
        }
        if !self.deferred.load(Ordering::Acquire) {
            self.entered.store(RETURNED, Ordering::Release);
        }
    }

    /// The handler will not be called for what it has prepared.
    pub(crate) fn discard(&self) {
        self.handler().discarded(self);
    }

    /// Tells the handler that the client is gone, unless it knows or the response is complete. `false`:
    /// it is too early, because a handler that is only just being entered could miss it.
    pub(crate) fn notify_aborted(&self, now: u64) -> bool {
        let early = match self.entered.load(Ordering::Acquire) {
            RETURNED => false,
            0 => true,
            entered => now.saturating_sub(entered) < KNOWN_AFTER_MS,
        };
        if early {
            return self.over.load(Ordering::Acquire);
        }
        self.notify_closed();
        true
    }

    /// The same when there is no later.
    pub(crate) fn notify_closed(&self) {
        if !self.over.swap(true, Ordering::AcqRel) {
            self.handler().aborted(self);
        }
    }
}
