//! `rapidFailProtection`: how many failures within a span of time are too many.

use std::collections::VecDeque;

use crate::lifecycle::Moment;
use crate::server_config::RapidFailProtection;

/// The moments of the last failures. The window rolls: unlike `rapidFailsPerMinute`, which is the module's and counts in
/// fixed minutes.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    moments: VecDeque<Moment>,
}

impl Failures {
    /// Notes a failure; answers whether that is one too many.
    pub fn note(&mut self, protection: RapidFailProtection, now: Moment) -> bool {
        self.moments.retain(|at| now.since(*at) < protection.window);
        self.moments.push_back(now);
        let most = usize::try_from(protection.failures.max(1)).unwrap_or(usize::MAX);
        self.moments.len() >= most
    }

    /// Forgets them.
    pub fn clear(&mut self) {
        self.moments.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn only_failures_within_the_window_count() {
        let protection = RapidFailProtection { failures: 3, window: Duration::from_secs(10) };
        let at = |seconds| Moment::at(Duration::from_secs(seconds));
        let mut failures = Failures::default();
        assert!(!failures.note(protection, at(0)));
        assert!(!failures.note(protection, at(5)));
        assert!(!failures.note(protection, at(11)));
        assert!(failures.note(protection, at(12)));
        failures.clear();
        assert!(!failures.note(protection, at(13)));
        let once = RapidFailProtection { failures: 0, ..protection };
        assert!(Failures::default().note(once, at(0)));
    }
}
