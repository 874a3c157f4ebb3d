//! The handler that runs inline on a connection's I/O thread, as the thread and the watchdog see it: a stall is counted once, and what was
//! counted is taken back once.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Table;

/// The watchdog has counted the run as stuck.
const STALLED: u64 = u64::MAX;

/// See the module's documentation. Holds the run's dispatch key; 0 = none runs.
#[derive(Debug, Default)]
pub(crate) struct InlineRun(AtomicU64);

impl InlineRun {
    /// A run begins.
    pub(crate) fn begin(&self, key: u64) {
        self.0.store(key, Ordering::Release);
    }

    /// It has ended. Whether a stall was counted, which is then the caller's to take back.
    pub(crate) fn end(&self) -> bool {
        self.0.swap(0, Ordering::AcqRel) == STALLED
    }

    /// The watchdog has replaced its thread.
    pub(crate) fn stalled(&self, table: &Table) {
        let key = self.0.load(Ordering::Acquire);
        if key == 0 || key == STALLED {
            return;
        }
        table.stalled(key);
        if self.0.compare_exchange(key, STALLED, Ordering::AcqRel, Ordering::Acquire).is_err() {
            // The run has ended meanwhile: nobody else will take the count back.
            table.recovered(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_counted_and_taken_back_once() {
        let (run, table) = (InlineRun::default(), Table::new());
        run.stalled(&table);
        assert!(!run.end());
        run.begin(5);
        assert!(!run.end());
        run.begin(5);
        run.stalled(&table);
        run.stalled(&table);
        assert!(run.end() && !run.end());
    }
}
