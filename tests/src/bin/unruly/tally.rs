//! What is going on in the process, counted.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    /// Connections so far.
    pub(crate) accepted: u64,
    /// Connections now.
    pub(crate) open: u64,
    /// Requests being answered.
    pub(crate) busy: u64,
    /// Clients that left while their request was left hanging.
    pub(crate) gone: u64,
}

#[derive(Default)]
pub(crate) struct Tally {
    counts: Mutex<Counts>,
    changed: Condvar,
}

/// Something that is over when this is dropped.
pub(crate) struct Going<'a> {
    tally: &'a Tally,
    end: fn(&mut Counts),
}

impl Drop for Going<'_> {
    fn drop(&mut self) {
        self.tally.change(self.end);
    }
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    pub(crate) fn counts(&self) -> Counts {
        *self.lock()
    }

    pub(crate) fn connection(&self) -> Going<'_> {
        self.change(|counts| {
            counts.accepted += 1;
            counts.open += 1;
        });
        Going { tally: self, end: |counts| counts.open -= 1 }
    }

    pub(crate) fn request(&self) -> Going<'_> {
        self.change(|counts| counts.busy += 1);
        Going { tally: self, end: |counts| counts.busy -= 1 }
    }

    pub(crate) fn client_gone(&self) {
        self.change(|counts| counts.gone += 1);
    }

    /// Waits until the request of this thread is the only one.
    pub(crate) fn wait_alone(&self) {
        let counts = self.lock();
        drop(self.changed.wait_while(counts, |counts| counts.busy > 1));
    }
}
