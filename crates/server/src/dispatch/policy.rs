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

use super::pool_run::{LOOKED_INTO, Ran};

/// Where a handler is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the thread that read the request.
    Inline,
    /// On a pool thread.
    Pool,
}

/// Fast runs that prove a new endpoint.
const PROOFS: u8 = 2;
/// Unproved runs after which an endpoint counts as slow. The first ones compile code and fill caches.
const TRIALS: u8 = 16;
/// Two blocked inline runs within so many are too many; more seldom it may be a garbage collection.
const WINDOW: u32 = 1024;
/// Fast pool runs that bring an endpoint back inline, doubled with every relapse.
const REHABILITATION: u32 = 256;
/// A slow pool run takes back so many fast ones: an endpoint that blocks in one of nine runs never comes
/// back. The slow runs that were not looked into are among them.
const SETBACK: u32 = 8 * LOOKED_INTO;
const MAX_RELAPSES: u8 = 8;
/// Inline runs after which earlier relapses are forgotten.
const FORGIVEN: u32 = 50_000;

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

    /// What a pool run's synchronous part was like.
    pub(crate) fn pool_run(&mut self, ran: Ran) {
        if self.mode == Mode::Inline {
            return;
        }
        match ran {
            Ran::Fast => self.fast += 1,
            Ran::Slow => self.fast = self.fast.saturating_sub(SETBACK),
            Ran::Unclear => {}
        }
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

    /// Such a run has ended.
    pub(crate) fn recovered(&mut self) {
        self.stuck = self.stuck.saturating_sub(1);
        if self.mode != Mode::Inline {
            return;
        }
        let again = self.blocked_at != 0 && self.runs.wrapping_sub(self.blocked_at) <= WINDOW;
        if !again {
            self.blocked_at = self.runs;
            return;
        }
        let relapses = if self.runs > FORGIVEN { 0 } else { self.relapses };
        self.become_mode(Mode::Pool);
        self.relapses = (relapses + 1).min(MAX_RELAPSES);
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
        entry.pool_run(Ran::Fast);
        entry.pool_run(Ran::Fast);
        assert_eq!(entry.decide(), Place::Inline);
        entry
    }

    fn block(entry: &mut Entry) {
        entry.stalled();
        entry.recovered();
    }

    fn relapsed() -> Entry {
        let mut entry = proved();
        block(&mut entry);
        block(&mut entry);
        entry
    }

    #[test]
    fn two_fast_runs_prove_an_endpoint() {
        let mut entry = Entry::default();
        assert_eq!(entry.decide(), Place::Pool);
        entry.pool_run(Ran::Slow);
        entry.pool_run(Ran::Fast);
        entry.pool_run(Ran::Unclear);
        assert_eq!(entry.decide(), Place::Pool);
        entry.pool_run(Ran::Fast);
        assert_eq!(entry.decide(), Place::Inline);
    }

    #[test]
    fn a_slow_endpoint_is_not_tried_for_ever() {
        let mut entry = Entry::default();
        for _ in 0..8 {
            entry.pool_run(Ran::Slow);
            entry.pool_run(Ran::Unclear);
        }
        entry.pool_run(Ran::Fast);
        entry.pool_run(Ran::Fast);
        assert_eq!(entry.decide(), Place::Pool);
    }

    #[test]
    fn two_blocks_close_together_send_it_to_the_pool_and_far_apart_do_not() {
        let mut entry = proved();
        block(&mut entry);
        for _ in 0..=WINDOW {
            assert_eq!(entry.decide(), Place::Inline);
        }
        block(&mut entry);
        for _ in 0..WINDOW {
            assert_eq!(entry.decide(), Place::Inline);
        }
        block(&mut entry);
        assert_eq!(entry.decide(), Place::Pool);
    }

    #[test]
    fn it_comes_back_after_many_fast_runs_and_later_after_each_relapse() {
        let mut entry = relapsed();
        for needed in [256 << 1, 256 << 2] {
            for _ in 0..needed - 1 {
                entry.pool_run(Ran::Fast);
                assert_eq!(entry.decide(), Place::Pool);
            }
            // One that was slow, as by a garbage collection, costs a little and no more.
            entry.pool_run(Ran::Slow);
            for _ in 0..SETBACK {
                entry.pool_run(Ran::Fast);
                entry.pool_run(Ran::Unclear);
            }
            assert_eq!(entry.decide(), Place::Pool);
            entry.pool_run(Ran::Fast);
            assert_eq!(entry.decide(), Place::Inline);
            block(&mut entry);
            block(&mut entry);
        }
    }

    #[test]
    fn a_relapse_after_a_long_time_is_the_first() {
        let mut entry = relapsed();
        let come_back = |entry: &mut Entry| {
            let needed = (1..).find(|_| {
                entry.pool_run(Ran::Fast);
                entry.decide() == Place::Inline
            });
            needed.unwrap()
        };
        assert_eq!(come_back(&mut entry), 256 << 1);
        for _ in 0..FORGIVEN {
            assert_eq!(entry.decide(), Place::Inline);
        }
        block(&mut entry);
        block(&mut entry);
        assert_eq!(come_back(&mut entry), 256 << 1);
        block(&mut entry);
        block(&mut entry);
        assert_eq!(come_back(&mut entry), 256 << 2);
    }

    #[test]
    fn what_often_blocks_never_comes_back() {
        let mut entry = relapsed();
        for run in 0..100_000 {
            let slow = if run % LOOKED_INTO == 0 { Ran::Slow } else { Ran::Unclear };
            entry.pool_run(if run % 9 == 0 { slow } else { Ran::Fast });
            assert_eq!(entry.decide(), Place::Pool);
        }
    }

    #[test]
    fn while_one_is_stuck_the_others_avoid_the_io_thread() {
        let mut entry = proved();
        entry.stalled();
        entry.stalled();
        assert_eq!(entry.decide(), Place::Pool);
        entry.recovered();
        assert_eq!(entry.decide(), Place::Pool);
    }
}
