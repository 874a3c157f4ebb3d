//! Whether a driver that has been inside one job for some time is stuck, by what the kernel tells of its thread.
//!
//! How long a job takes says little: it may serve a hundred streams, and on a busy machine its thread waits for a
//! processor. Stuck is who is kept off the processors by something else, or has computed for very long.

use std::time::{Duration, Instant};

use crate::thread_stat::{self, Thread, Times};

/// A driver that computes is given this many times longer than one that is blocked: another thread would compete with it
/// for the same processors.
const PATIENCE: u32 = 10;

/// Short waits count when they add up to this many times that: a job may call many handlers, each of which waits a little.
const MANY_WAITS: u32 = 5;

/// What a thread is found doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// It computes, or could if it were given a processor; so far it has run for so long.
    Runnable(Duration),
    /// It waits for something else than a processor. So far it has run, and waited for a processor, for so long.
    Off { ran: Duration, queued: Duration },
    /// The kernel does not tell.
    Unknown,
}

impl Look {
    /// At a thread of this process.
    pub(super) fn at(thread: i32) -> Self {
        let thread = Thread::Id(thread);
        // First the state: one that has run meanwhile is then seen to have.
        match (thread_stat::state(thread), thread_stat::times(thread)) {
            (Some(b'R'), Some(Times { ran, .. })) => Self::Runnable(ran),
            (Some(_), Some(Times { ran, queued })) => Self::Off { ran, queued },
            _ => Self::Unknown,
        }
    }
}

/// What is held against one shard's driver.
#[derive(Debug)]
pub(super) struct Suspicion {
    turn: u64,
    since: Instant,
    /// How long it had run when the job was first looked at.
    first: Option<Duration>,
    /// When it was first found off the processors, and how long it had run and waited for them by then.
    since_off: Option<(Instant, Duration)>,
    /// How long it had run when it was last found off the processors.
    off: Option<Duration>,
    /// Of the question whether the handlers' runtime lets threads in, asked when it was found off and had run for so long.
    ticket: (Duration, Option<u64>),
}

impl Suspicion {
    /// Nothing is held against it.
    pub(super) fn new(now: Instant) -> Self {
        Self { turn: 0, since: now, first: None, since_off: None, off: None, ticket: (Duration::ZERO, None) }
    }

    /// Whether it was in the same job at the last sample.
    pub(super) fn is_same(&mut self, turn: u64, now: Instant) -> bool {
        if self.turn != turn {
            *self = Self { turn, ..Self::new(now) };
            return false;
        }
        true
    }

    /// Whether it is stuck: off the processors at two looks, without having run between them, and in the job for
    /// `stall_after`; off for [`MANY_WAITS`] times that within the job, all in all; or running for [`PATIENCE`] times that.
    /// Time in which the handlers' runtime lets nobody in does not count; `let_in` tells whether it has let in somebody since
    /// it was first asked with a ticket.
    pub(super) fn is_confirmed(
        &mut self,
        look: Look,
        now: Instant,
        stall_after: Duration,
        let_in: impl Fn(&mut Option<u64>) -> bool,
    ) -> bool {
        let is_late = now.duration_since(self.since) >= stall_after;
        match look {
            Look::Runnable(ran) => {
                self.off = None;
                ran.saturating_sub(*self.first.get_or_insert(ran)) >= stall_after * PATIENCE
            }
            Look::Off { ran, queued } => {
                self.first.get_or_insert(ran);
                if self.ticket.0 != ran {
                    self.ticket = (ran, None);
                }
                let is_asked = self.ticket.1.is_some();
                if !let_in(&mut self.ticket.1) && is_asked {
                    self.since_off = None;
                    self.off = None;
                    return false;
                }
                let (since, busy) = *self.since_off.get_or_insert((now, ran + queued));
                let waited = now.duration_since(since).saturating_sub((ran + queued).saturating_sub(busy));
                let again = self.off.replace(ran) == Some(ran);
                (again && is_late) || waited >= stall_after * MANY_WAITS
            }
            Look::Unknown => is_late,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STALL: Duration = Duration::from_millis(2);

    /// Whether looks a millisecond apart, of one job, confirm it; and at which one.
    fn confirmed(looks: &[Look]) -> Option<usize> {
        confirmed_while(looks, |_| true)
    }

    /// The same, while threads are let in at some looks only.
    fn confirmed_while(looks: &[Look], is_open: impl Fn(usize) -> bool) -> Option<usize> {
        let begun = Instant::now();
        let mut suspicion = Suspicion::new(begun);
        assert!(!suspicion.is_same(1, begun));
        looks.iter().enumerate().position(|(at, &look)| {
            let now = begun + Duration::from_millis(1 + at as u64);
            assert!(suspicion.is_same(1, now));
            suspicion.is_confirmed(look, now, STALL, |ticket| {
                let asked = *ticket.get_or_insert(at as u64);
                (asked as usize..=at).any(&is_open)
            })
        })
    }

    fn us(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    fn off(ran: u64, queued: u64) -> Look {
        Look::Off { ran: us(ran), queued: us(queued) }
    }

    #[test]
    fn who_is_blocked_is_found_at_once() {
        assert_eq!(confirmed(&[off(500, 0); 9]), Some(1));
        let late = [Look::Runnable(us(500)), Look::Runnable(us(900)), off(950, 0), off(950, 0)];
        assert_eq!(confirmed(&late), Some(3));
    }

    #[test]
    fn whom_the_runtime_holds_up_is_not_stuck() {
        // Off at nine looks, and nobody is let in before the tenth.
        let held_up: Vec<Look> = [off(500, 0); 9].into_iter().chain([off(600, 100); 9]).collect();
        assert_eq!(confirmed_while(&held_up[..10], |at| at >= 9), None);
        // Still blocked after that.
        assert_eq!(confirmed_while(&held_up, |at| at >= 9), Some(10));
        assert_eq!(confirmed_while(&[off(500, 0); 99], |at| at >= 9), Some(10));
        // Let in for a moment, and off again for each look: it adds up only while the runtime is open.
        let looks: Vec<Look> = (0..100).map(|at| off(at * 100, at * 100)).collect();
        assert_eq!(confirmed_while(&looks, |_| true), Some(13));
    }

    #[test]
    fn who_stops_for_moments_is_not_unless_they_add_up() {
        let looks = |ran: u64, queued: u64| (0..100).map(|at| off(at * ran, at * queued)).collect::<Vec<_>>();
        // Of each millisecond, a tenth and four fifths.
        assert_eq!(confirmed(&looks(100, 800)[..99]), None);
        assert_eq!(confirmed(&looks(100, 100)), Some(13));
        let looks: Vec<Look> = (0..100)
            .map(|at| if at % 2 == 0 { off(7 + at * 990, 0) } else { Look::Runnable(us(7)) })
            .collect();
        assert_eq!(confirmed(&looks), None);
    }

    #[test]
    fn who_waits_for_a_processor_is_not() {
        assert_eq!(confirmed(&[Look::Runnable(us(500)); 1000]), None);
    }

    #[test]
    fn who_computes_for_long_is() {
        let looks: Vec<Look> = (0..100).map(|at| Look::Runnable(us(at * 1000))).collect();
        assert_eq!(confirmed(&looks), Some(20));
    }

    #[test]
    fn without_the_kernels_word_time_decides() {
        assert_eq!(confirmed(&[Look::Unknown; 9]), Some(1));
    }

    #[test]
    fn another_job_begins_anew() {
        let now = Instant::now();
        let mut suspicion = Suspicion::new(now);
        assert!(!suspicion.is_same(3, now) && suspicion.is_same(3, now));
        assert!(!suspicion.is_confirmed(off(1, 0), now, STALL, |_| true));
        assert!(!suspicion.is_same(5, now));
        assert!(!suspicion.is_confirmed(off(1, 0), now + STALL, STALL, |_| true));
    }

    #[test]
    fn a_computing_thread_runs_and_a_blocked_one_is_off() {
        let (tell, told) = std::sync::mpsc::channel();
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let blocked = std::thread::spawn(move || {
            tell.send(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
            let _ = wait.recv();
        });
        let id = told.recv().unwrap();
        let until = Instant::now() + Duration::from_secs(10);
        while !matches!(Look::at(id), Look::Off { .. }) {
            assert!(Instant::now() < until, "a blocked thread still counts as runnable");
            std::thread::yield_now();
        }
        assert_eq!(Look::at(id), Look::at(id));
        assert!(matches!(Look::at(rustix::thread::gettid().as_raw_nonzero().get()), Look::Runnable(_)));
        assert_eq!(Look::at(-1), Look::Unknown);
        drop(release);
        blocked.join().unwrap();
    }
}
