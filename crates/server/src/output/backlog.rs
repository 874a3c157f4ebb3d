//! A client that does not take what waits for it: how long that may last.

use crate::config::{Limits, MinDataRate};

/// Begins when the kernel takes no more, and ends when everything that waited has been handed to it.
#[derive(Debug)]
pub(crate) struct Backlog {
    /// Coarse time at which it began, and what had left then.
    since: u64,
    from: u64,
    /// Coarse time at which the client is given up if no more than that has left.
    stalled_at: u64,
    seen: u64,
    rate: MinDataRate,
    /// What the kernel may hold: that a part of it has been taken is not seen until it is a large part.
    hidden: u64,
}

impl Backlog {
    pub(crate) fn new(now: u64, progress: u64, hidden: u64, limits: &Limits) -> Self {
        Self {
            since: now,
            from: progress,
            stalled_at: stall(now, limits),
            seen: progress,
            rate: limits.min_response_rate,
            hidden,
        }
    }

    /// So many bytes have left by now.
    pub(crate) fn update(&mut self, now: u64, progress: u64, hidden: u64, limits: &Limits) {
        self.hidden = hidden;
        if progress != self.seen {
            self.seen = progress;
            self.stalled_at = stall(now, limits);
        }
    }

    /// Whether the client is to be given up.
    pub(crate) fn is_over(&self, now: u64, progress: u64) -> bool {
        (now >= self.stalled_at && progress == self.seen) || now >= self.too_slow_at(progress)
    }

    /// When to ask again.
    pub(crate) fn deadline(&self, progress: u64) -> u64 {
        self.stalled_at.min(self.too_slow_at(progress))
    }

    fn too_slow_at(&self, progress: u64) -> u64 {
        self.since.saturating_add(self.rate.allowance_ms((progress - self.from).saturating_add(self.hidden)))
    }
}

fn stall(now: u64, limits: &Limits) -> u64 {
    now.saturating_add(u64::try_from(limits.write_timeout.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn stalls_and_slow_rates_are_told_from_progress() {
        let rate = |bytes_per_second| MinDataRate { bytes_per_second, grace: Duration::from_secs(5) };
        let limits = Limits {
            write_timeout: Duration::from_secs(60),
            min_response_rate: rate(100),
            ..Limits::default()
        };
        let mut backlog = Backlog::new(1_000, 500, 0, &limits);
        assert_eq!(backlog.deadline(500), 6_000);
        assert!(!backlog.is_over(5_999, 500) && backlog.is_over(6_000, 500));
        // What the kernel may hold can have been taken already.
        assert_eq!(Backlog::new(1_000, 500, 1_000, &limits).deadline(500), 16_000);
        // 6000 bytes buy a minute.
        backlog.update(5_000, 6_500, 0, &limits);
        assert_eq!(backlog.deadline(6_500), 65_000);
        assert!(!backlog.is_over(64_999, 6_500) && backlog.is_over(66_000, 6_500));
        // Much at first buys no right to stand still afterwards.
        backlog.update(5_000, 1_000_000, 0, &limits);
        assert!(!backlog.is_over(64_999, 1_000_000) && backlog.is_over(65_000, 1_000_000));
        let unlimited = Backlog::new(0, 0, 0, &Limits { min_response_rate: rate(0), ..limits });
        assert!(!unlimited.is_over(59_999, 0) && unlimited.is_over(60_000, 0));
    }
}
