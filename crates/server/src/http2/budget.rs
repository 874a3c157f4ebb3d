//! How much of something a client may do within a time.

/// See the module's documentation. Pure: the time comes in as a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    most: u32,
    left: u32,
    since: u64,
}

impl Budget {
    pub(super) fn new(most: u32, now: u64) -> Self {
        Self { most, left: most, since: now }
    }

    /// Spends one; `false` when there is nothing left. After `window` everything is regained.
    pub(super) fn spend(&mut self, now: u64, window: u64) -> bool {
        if now.saturating_sub(self.since) >= window {
            self.left = self.left.max(self.most);
            self.since = now;
        }
        let rest = self.left.checked_sub(1);
        self.left = rest.unwrap_or(0);
        rest.is_some()
    }

    /// Gets some for having done something useful, up to twice the budget.
    pub(super) fn earn(&mut self, count: u32) {
        self.left = self.left.saturating_add(count).min(self.most.saturating_mul(2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_out_and_comes_back() {
        let mut budget = Budget::new(3, 1000);
        assert!((0..3).all(|_| budget.spend(1001, 100)));
        assert!(!budget.spend(1099, 100));
        assert!(budget.spend(1100, 100));
        budget.earn(100);
        assert!((0..6).all(|_| budget.spend(1101, 100)));
        assert!(!budget.spend(1101, 100));
        // What was earned is not lost when time passes.
        budget.earn(5);
        assert!((0..5).all(|_| budget.spend(1200, 100)));
        assert!(!budget.spend(1200, 100));
    }
}
