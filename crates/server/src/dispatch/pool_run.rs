//! A handler's run on a pool thread, and how much of it speaks against the handler.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::clock;
use crate::thread_stat::{self, Thread};

/// A run up to this long, in microseconds, was fast.
const FAST_US: u32 = 500;

/// One run in so many has it looked into why it was slow: asking the kernel costs more than a fast run.
pub(super) const LOOKED_INTO: u32 = 16;

/// What a run was like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    /// It would have been no burden to an I/O thread.
    Fast,
    /// It computed or was blocked for long.
    Slow,
    /// It took long, and may have waited for a processor.
    Unclear,
}

impl Ran {
    /// Of a run that took so many microseconds, and waited for a processor in this part of them.
    fn of(micros: u32, waited: Duration) -> Self {
        let waited = u32::try_from(waited.as_micros()).unwrap_or(u32::MAX);
        if micros.saturating_sub(waited) < FAST_US { Self::Fast } else { Self::Slow }
    }
}

/// See the module's documentation. Begun and ended on the same thread.
#[derive(Debug)]
pub(crate) struct PoolRun {
    begun_ns: i64,
    /// How long the thread had waited for a processor before, if that is looked into.
    queued: Option<Duration>,
}

impl PoolRun {
    /// The run begins on this thread.
    pub(crate) fn begin() -> Self {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let looked_into = RUNS.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOKED_INTO);
        Self { queued: looked_into.then(queued).flatten(), begun_ns: clock::now_ns() }
    }

    /// It ends.
    pub(crate) fn end(self) -> Ran {
        let micros = clock::micros_since(self.begun_ns);
        if micros < FAST_US {
            return Ran::Fast;
        }
        match self.queued.zip(queued()) {
            Some((from, to)) => Ran::of(micros, to.saturating_sub(from)),
            None => Ran::Unclear,
        }
    }
}

/// How long this thread has waited for a processor. `None`: the kernel does not tell.
fn queued() -> Option<Duration> {
    Some(thread_stat::times(Thread::Own)?.queued)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::thread::{CpuSet, sched_setaffinity};
    use std::sync::Barrier;
    use std::time::Instant;

    fn looked_into() -> PoolRun {
        PoolRun { queued: queued(), begun_ns: clock::now_ns() }
    }

    #[test]
    fn what_blocks_or_computes_is_slow() {
        let run = looked_into();
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(run.end(), Ran::Slow);
        let (run, from) = (looked_into(), ran());
        while ran() < from + Duration::from_millis(2) {
            std::hint::spin_loop();
        }
        assert_eq!(run.end(), Ran::Slow);
    }

    #[test]
    fn what_is_not_looked_into_is_fast_or_unclear() {
        let run = || PoolRun { queued: None, begun_ns: clock::now_ns() };
        let slow = run();
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(slow.end(), Ran::Unclear);
        let until = Instant::now() + Duration::from_secs(10);
        while run().end() != Ran::Fast {
            assert!(Instant::now() < until, "not one run of nothing was fast");
        }
        let looked_into = (0..100).filter(|_| PoolRun::begin().queued.is_some()).count();
        assert!((1..50).contains(&looked_into), "{looked_into}");
    }

    /// Two threads that compute take turns on one processor, for some milliseconds each: what the later one waits for its first turn is
    /// none of its own.
    #[test]
    fn waiting_for_a_processor_does_not_count() {
        let both = Barrier::new(2);
        let compute = || {
            both.wait();
            let (begun, before, from) = (Instant::now(), queued().unwrap(), ran());
            while ran() < from + Duration::from_millis(100) {
                std::hint::spin_loop();
            }
            (begun.elapsed(), queued().unwrap() - before)
        };
        let (took, waited) = std::thread::scope(|scope| {
            let pinned = scope.spawn(|| {
                let mut one = CpuSet::new();
                one.set(rustix::thread::sched_getcpu());
                sched_setaffinity(None, &one).unwrap();
                // Threads begin where they were made.
                let other = scope.spawn(compute);
                compute().max(other.join().unwrap())
            });
            pinned.join().unwrap()
        });
        assert!(took >= Duration::from_millis(150), "they did not share a processor: {took:?}");
        assert!(waited > Duration::from_millis(40), "{waited:?} of {took:?}");
        assert_eq!(Ran::of(100_000, Duration::from_micros(99_501)), Ran::Fast);
        assert_eq!(Ran::of(100_000, Duration::from_micros(99_500)), Ran::Slow);
    }

    fn ran() -> Duration {
        thread_stat::times(Thread::Own).unwrap().ran
    }
}
