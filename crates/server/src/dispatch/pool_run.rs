//! A handler's run on a pool thread, and how much of it speaks against the handler.

use std::time::Duration;

use crate::clock;
use crate::thread_stat::{self, Thread};

/// See the module's documentation. Begun and ended on the same thread.
#[derive(Debug)]
pub(crate) struct PoolRun {
    begun_ns: i64,
    queued: Option<Duration>,
}

impl PoolRun {
    /// The run begins on this thread.
    pub(crate) fn begin() -> Self {
        Self { begun_ns: clock::now_ns(), queued: queued() }
    }

    /// It ends: microseconds that it computed or was blocked. Those in which the thread was ready and had no processor are none
    /// of the handler's.
    pub(crate) fn end(self) -> u32 {
        let micros = clock::micros_since(self.begun_ns);
        let waited = self.queued.zip(queued()).map_or(Duration::ZERO, |(from, to)| to.saturating_sub(from));
        micros.saturating_sub(u32::try_from(waited.as_micros()).unwrap_or(u32::MAX))
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

    #[test]
    fn what_blocks_counts_in_full() {
        let run = PoolRun::begin();
        std::thread::sleep(Duration::from_millis(20));
        assert!(run.end() >= 19_000);
    }

    /// Two threads that compute take turns on one processor: of the time that the later one takes, about half is waiting.
    #[test]
    fn waiting_for_a_processor_does_not_count() {
        let both = Barrier::new(2);
        let compute = || {
            both.wait();
            let (run, begun, from) = (PoolRun::begin(), Instant::now(), ran());
            while ran() < from + Duration::from_millis(100) {
                std::hint::spin_loop();
            }
            (begun.elapsed(), run.end())
        };
        let (took, micros) = std::thread::scope(|scope| {
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
        assert!(u128::from(micros) + 40_000 < took.as_micros(), "{micros} us of {took:?}");
    }

    fn ran() -> Duration {
        thread_stat::times(Thread::Own).unwrap().ran
    }
}
