//! Counts failures that follow each other too quickly.

use std::time::Duration;

/// Counts failures of something that had been running. A run that lasts long enough wipes the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RapidFail {
    stable_after: Duration,
    failures: u32,
}

impl RapidFail {
    /// A run of at least `stable_after` counts as stable.
    pub const fn new(stable_after: Duration) -> Self {
        Self { stable_after, failures: 0 }
    }

    /// Notes a failure after a run of `ran`; answers how many rapid ones came before it: 0 for the
    /// first, so that a single failure costs no waiting.
    pub fn failed_after(&mut self, ran: Duration) -> u32 {
        if ran >= self.stable_after {
            self.failures = 0;
        }
        let before = self.failures;
        self.failures = self.failures.saturating_add(1);
        before
    }

    /// Forgets the failures, as after a change that may have mended the cause.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_free_and_a_stable_run_forgives() {
        let mut rapid = RapidFail::new(Duration::from_secs(60));
        assert_eq!(rapid.failed_after(Duration::from_secs(1)), 0);
        assert_eq!(rapid.failed_after(Duration::from_secs(59)), 1);
        assert_eq!(rapid.failed_after(Duration::ZERO), 2);
        assert_eq!(rapid.failed_after(Duration::from_secs(60)), 0);
        assert_eq!(rapid.failed_after(Duration::ZERO), 1);
        rapid.reset();
        assert_eq!(rapid.failed_after(Duration::ZERO), 0);
    }
}
