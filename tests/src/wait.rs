//! Waiting for a condition with a deadline. Tests never sleep for a time that is hoped to be long enough.

use std::time::{Duration, Instant};

const STEP: Duration = Duration::from_millis(10);

/// Asks `probe` until it answers, at most for `limit`.
pub fn poll<T>(limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = probe() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(STEP);
    }
}

/// As [`poll`], and fails the test when `limit` passes; `what` completes the sentence "waited ... for".
///
/// # Panics
/// The condition did not come true in time.
pub fn until<T>(what: &str, limit: Duration, probe: impl FnMut() -> Option<T>) -> T {
    match poll(limit, probe) {
        Some(answer) => answer,
        None => panic!("waited {} s in vain for {what}", limit.as_secs_f32()),
    }
}

/// [`until`] for a plain condition.
///
/// # Panics
/// The condition did not come true in time.
pub fn until_true(what: &str, limit: Duration, mut probe: impl FnMut() -> bool) {
    until(what, limit, || probe().then_some(()));
}
