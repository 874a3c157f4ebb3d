//! What is known of one endpoint, and the rules by which it is trusted on the I/O thread. Pure: times
//! come in as numbers.
//!
//! An endpoint starts on the pool. Two fast runs make it *inline*; inline runs that block send it back to
//! the *pool*, which it leaves after many fast runs, more with every relapse. While any of its inline
//! runs is stuck right now, further ones go to the pool.
//!
//! How long a run took by the clock says nothing on a machine that has other work to do. An inline run
//! counts as blocked only when the watchdog has found its thread off the processor or busy for very
//! long, and of a pool run the time in which its thread waited for a processor does not count.

/// Where a handler is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the thread that read the request.
    Inline,
    /// On a pool thread.
    Pool,
}

/// A first run up to this long, in microseconds, speaks for running inline.
const PROOF_US: u32 = 500;
/// Fast runs in a row that prove a new endpoint.
const PROOFS: u8 = 2;
/// Unproved runs after which an endpoint counts as slow. The first ones compile code and fill caches.
const TRIALS: u8 = 16;
/// Two blocked inline runs within `WINDOW` runs are too many: one may be a garbage collection.
const WINDOW: u32 = 64;
/// One blocked inline run longer than this is too much.
const STUCK_US: u32 = 20_000;
/// Fast pool runs that bring an endpoint back inline, doubled with every relapse.
const REHABILITATION: u32 = 256;
/// A slow pool run takes back so many fast ones: an endpoint that blocks in one of nine runs never comes
/// back.
const SETBACK: u32 = 8;
const MAX_RELAPSES: u8 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Mode {
    #[default]
    New,
    Inline,
    Pool,
}

/// One endpoint's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Entry {
    mode: Mode,
    trials: u8,
    /// Fast runs, less what slow ones took back.
    fast: u32,
    /// Inline runs begun.
    runs: u32,
    /// The value of `runs` at the last blocked one, 0 = none.
    blocked_at: u32,
    relapses: u8,
    /// Inline runs that are stuck right now.
    stuck: u16,
}

impl Entry {
    /// Where the next run goes.
    pub(crate) fn decide(&mut self) -> Place {
        if self.mode == Mode::Inline && self.stuck == 0 {
            self.runs = self.runs.wrapping_add(1).max(1);
            Place::Inline
        } else {
            Place::Pool
        }
    }

    /// A pool run's synchronous part computed or was blocked for so long.
    pub(crate) fn pool_run(&mut self, micros: u32) {
        if self.mode == Mode::Inline {
            return;
        }
        self.fast = if micros < PROOF_US { self.fast + 1 } else { self.fast.saturating_sub(SETBACK) };
        match self.mode {
            Mode::Inline => {}
            Mode::New => {
                self.trials = self.trials.saturating_add(1);
                if self.fast >= u32::from(PROOFS) {
                    self.become_mode(Mode::Inline);
                } else if self.trials >= TRIALS {
                    self.become_mode(Mode::Pool);
                }
            }
            Mode::Pool => {
                if self.fast >= REHABILITATION << self.relapses.min(MAX_RELAPSES) {
                    self.become_mode(Mode::Inline);
                }
            }
        }
    }

    /// An inline run has been stuck long enough for its thread to be replaced.
    pub(crate) fn stalled(&mut self) {
        self.stuck = self.stuck.saturating_add(1);
    }

    /// Such a run has ended after so long.
    pub(crate) fn recovered(&mut self, micros: u32) {
        self.stuck = self.stuck.saturating_sub(1);
        if self.mode != Mode::Inline {
            return;
        }
        let again = self.blocked_at != 0 && self.runs.wrapping_sub(self.blocked_at) <= WINDOW;
        if micros > STUCK_US || again {
            self.become_mode(Mode::Pool);
            self.relapses = (self.relapses + 1).min(MAX_RELAPSES);
        } else {
            self.blocked_at = self.runs;
        }
    }

    fn become_mode(&mut self, mode: Mode) {
        self.mode = mode;
        self.fast = 0;
        self.blocked_at = 0;
        self.runs = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proved() -> Entry {
        let mut entry = Entry::default();
        entry.pool_run(10);
        entry.pool_run(10);
        assert_eq!(entry.decide(), Place::Inline);
        entry
    }

    fn block(entry: &mut Entry, micros: u32) {
        entry.stalled();
        entry.recovered(micros);
    }

    #[test]
    fn two_fast_runs_prove_an_endpoint() {
        let mut entry = Entry::default();
        assert_eq!(entry.decide(), Place::Pool);
        entry.pool_run(40_000);
        entry.pool_run(499);
        entry.pool_run(500);
        assert_eq!(entry.decide(), Place::Pool);
        entry.pool_run(499);
        assert_eq!(entry.decide(), Place::Pool);
        entry.pool_run(499);
        assert_eq!(entry.decide(), Place::Inline);
    }

    #[test]
    fn a_slow_endpoint_is_not_tried_for_ever() {
        let mut entry = Entry::default();
        for _ in 0..16 {
            entry.pool_run(1_000);
        }
        entry.pool_run(10);
        entry.pool_run(10);
        assert_eq!(entry.decide(), Place::Pool);
    }

    #[test]
    fn one_long_block_sends_it_to_the_pool() {
        let mut entry = proved();
        block(&mut entry, 20_001);
        assert_eq!(entry.decide(), Place::Pool);
    }

    #[test]
    fn two_blocks_close_together_do_and_far_apart_do_not() {
        let mut entry = proved();
        block(&mut entry, 2_001);
        for _ in 0..65 {
            assert_eq!(entry.decide(), Place::Inline);
        }
        block(&mut entry, 2_001);
        for _ in 0..64 {
            assert_eq!(entry.decide(), Place::Inline);
        }
        block(&mut entry, 2_001);
        assert_eq!(entry.decide(), Place::Pool);
    }

    #[test]
    fn it_comes_back_after_many_fast_runs_and_later_after_each_relapse() {
        let mut entry = proved();
        for needed in [256 << 1, 256 << 2] {
            block(&mut entry, 30_000);
            for _ in 0..needed - 1 {
                entry.pool_run(499);
                assert_eq!(entry.decide(), Place::Pool);
            }
            // One that was slow, as by a garbage collection, costs a little and no more.
            entry.pool_run(500);
            for _ in 0..8 {
                entry.pool_run(10);
            }
            assert_eq!(entry.decide(), Place::Pool);
            entry.pool_run(10);
            assert_eq!(entry.decide(), Place::Inline);
        }
    }

    #[test]
    fn what_often_blocks_never_comes_back() {
        let mut entry = proved();
        block(&mut entry, 30_000);
        for run in 0..100_000 {
            entry.pool_run(if run % 9 == 0 { 5_000 } else { 10 });
            assert_eq!(entry.decide(), Place::Pool);
        }
    }

    #[test]
    fn while_one_is_stuck_the_others_avoid_the_io_thread() {
        let mut entry = proved();
        entry.stalled();
        entry.stalled();
        assert_eq!(entry.decide(), Place::Pool);
        entry.recovered(2_001);
        assert_eq!(entry.decide(), Place::Pool);
    }
}
