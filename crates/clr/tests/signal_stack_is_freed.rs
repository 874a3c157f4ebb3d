//! The alternate signal stacks of threads that have ended are unmapped. Alone in its process, because it counts
//! the process's mappings.
#![allow(clippy::unwrap_used, unsafe_code, reason = "this is a test")]

use mews_clr::runtime::prepare_thread;

fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

#[test]
fn many_threads_leave_no_mappings_behind() {
    let run = || std::thread::spawn(|| prepare_thread().unwrap()).join().unwrap();
    (0..8).for_each(|_| run());
    let before = mappings();
    (0..200).for_each(|_| run());
    let after = mappings();
    assert!(after < before + 20, "{before} mappings before, {after} after 200 threads");
}
