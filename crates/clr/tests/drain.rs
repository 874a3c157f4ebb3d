//! The end of an application: after `server_stop` nothing is begun, and `on_drained` comes exactly once.
#![allow(clippy::unwrap_used, unsafe_code, reason = "this is a test")]

mod support;

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use mews_clr::abi::Dispatched;
use support::{Fake, open, request, world};

#[test]
fn drains_exactly_once_in_the_middle_of_a_storm() {
    let world = world();
    support::start(&world);
    let (runtime, table) = (world.runtime, world.managed.table);
    // One exchange that was opened and is never dispatched in time, one that is pending: both hold the end up.
    let undispatched = open(runtime, "/sync", &Fake::default());
    let (pending, _) = request(runtime, "/park", &Fake::default());
    let refused = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let refused = &refused;
            scope.spawn(move || {
                let mut round = 0;
                while refused.load(SeqCst) < 1000 {
                    round += 1;
                    let fake = Fake::default();
                    let target = if (round + thread) % 2 == 0 { "/sync" } else { "/later" };
                    match request(runtime, target, &fake).1 {
                        Dispatched::NotStarted => {
                            refused.fetch_add(1, SeqCst);
                        }
                        _ => fake.wait_end(),
                    }
                }
            });
        }
        while world.managed.requests.load(SeqCst) < 2000 {
            std::thread::yield_now();
        }
        // SAFETY: takes nothing.
        unsafe { (table.server_stop)() };
        // SAFETY: takes nothing; the second time does nothing.
        unsafe { (table.server_stop)() };
    });
    assert_eq!(world.host.stopping.load(SeqCst), 1);
    assert!(!runtime.serving());
    assert_eq!(world.managed.drained.load(SeqCst), 0, "two exchanges are still open");
    assert_eq!(runtime.dispatch(undispatched), Dispatched::NotStarted);
    // What `/later` left behind is released by other threads, each after its response was seen.
    while runtime.active() > 1 {
        std::thread::yield_now();
    }
    assert_eq!(world.managed.drained.load(SeqCst), 0, "one exchange is still open");
    // SAFETY: handles are checked on the other side.
    assert_eq!(unsafe { (table.complete)(pending, 0, 1) }, 0);
    assert_eq!((runtime.active(), world.managed.drained.load(SeqCst)), (0, 1));
    assert_eq!(request(runtime, "/sync", &Fake::default()).1, Dispatched::NotStarted);
    // SAFETY: takes nothing.
    unsafe { (table.server_stop)() };
    assert_eq!(world.managed.drained.load(SeqCst), 1, "exactly once");
    assert!(runtime.stop(), "stopping twice is no fault");
}
