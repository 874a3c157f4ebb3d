//! A flag for background load: on while the test measures, off when it is over, also when it fails.

use std::sync::atomic::{AtomicBool, Ordering};

/// Threads that make load go on while this is on.
pub struct Busy(AtomicBool);

/// Turns a [`Busy`] off when it is dropped, so that a failed assertion does not leave its test waiting for endless load.
pub struct Off<'a>(&'a Busy);

impl Default for Busy {
    fn default() -> Self {
        Self(AtomicBool::new(true))
    }
}

impl Busy {
    /// Whether the load is to go on.
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Ends the load when the answer is dropped.
    pub fn off_on_drop(&self) -> Off<'_> {
        Off(self)
    }
}

impl Drop for Off<'_> {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Relaxed);
    }
}
