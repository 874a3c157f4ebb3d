//! `rapidFailsPerMinute`: how often a process may end in a minute before it is not started again.

use std::time::Duration;

use crate::lifecycle::Moment;

/// The length of a window.
const WINDOW: Duration = Duration::from_secs(60);

/// Counts in fixed windows of a minute, not in rolling ones: as the original does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailWindow {
    limit: u64,
    count: u64,
    began: Moment,
    told: bool,
}

impl FailWindow {
    /// A window that begins now; `limit` failures are let pass.
    pub fn new(limit: u64, now: Moment) -> Self {
        Self { limit, count: 0, began: now, told: false }
    }

    /// Notes a failure.
    pub fn failed(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    /// Whether nothing may be started now, and if so, for how long. Begins a new window when the last is over.
    pub fn exceeded(&mut self, now: Moment) -> Option<Duration> {
        let passed = now.since(self.began);
        if passed >= WINDOW {
            *self = Self::new(self.limit, now);
        }
        (self.count > self.limit).then(|| WINDOW.saturating_sub(now.since(self.began)))
    }

    /// How often it failed in this window.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many failures are let pass.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// `true` the first time in a window.
    pub fn first_told(&mut self) -> bool {
        !std::mem::replace(&mut self.told, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::at(Duration::from_secs(seconds))
    }

    #[test]
    fn more_than_the_limit_in_one_window_is_too_much() {
        let mut window = FailWindow::new(2, at(100));
        for _ in 0..2 {
            window.failed();
            assert_eq!(window.exceeded(at(110)), None);
        }
        window.failed();
        assert_eq!(window.exceeded(at(110)), Some(Duration::from_secs(50)));
        assert!(window.first_told() && !window.first_told());
        assert_eq!(window.exceeded(at(159)), Some(Duration::from_secs(1)));
        // A new window begins when it is asked for, not at a full minute.
        assert_eq!(window.exceeded(at(175)), None);
        assert_eq!(window.count(), 0);
        for _ in 0..3 {
            window.failed();
        }
        assert_eq!(window.exceeded(at(234)), Some(Duration::from_secs(1)));
        assert!(window.first_told());
    }

    #[test]
    fn a_limit_of_zero_lets_no_failure_pass() {
        let mut window = FailWindow::new(0, at(0));
        assert_eq!(window.exceeded(at(1)), None);
        window.failed();
        assert!(window.exceeded(at(2)).is_some());
    }
}
