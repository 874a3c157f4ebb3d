//! The clocks of the request path: exact nanoseconds, coarse milliseconds and the `Date` header.

use std::cell::Cell;
use std::io::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use rustix::time::{ClockId, Timespec, clock_gettime};

/// `CLOCK_MONOTONIC` in nanoseconds.
pub(crate) fn now_ns() -> i64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    tv_sec.saturating_mul(1_000_000_000).saturating_add(tv_nsec)
}

/// `CLOCK_MONOTONIC_COARSE` in milliseconds: a few milliseconds late at most, never 0, and cheap.
pub(crate) fn coarse_ms() -> u64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::MonotonicCoarse);
    let ms = tv_sec.saturating_mul(1000).saturating_add(tv_nsec / 1_000_000);
    u64::try_from(ms).unwrap_or(0).saturating_add(1)
}

/// A deadline `after` from now, in [`coarse_ms`]'s terms.
pub(crate) fn deadline(after: Duration) -> u64 {
    let ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
    coarse_ms().saturating_add(ms)
}

const DATE_LEN: usize = 29;

thread_local! {
    static DATE: Cell<(i64, [u8; DATE_LEN])> = const { Cell::new((i64::MIN, [b' '; DATE_LEN])) };
}

/// Appends the current date as `Sun, 06 Nov 1994 08:49:37 GMT`; formatted once a second and thread.
pub(crate) fn append_date(out: &mut Vec<u8>) {
    let second = clock_gettime(ClockId::RealtimeCoarse).tv_sec;
    let (cached, text) = DATE.get();
    if cached == second {
        out.extend_from_slice(&text);
        return;
    }
    let time = UNIX_EPOCH + Duration::from_secs(u64::try_from(second).unwrap_or(0));
    let mut text = [b' '; DATE_LEN];
    // The text is 29 bytes for every year up to 9999.
    let _ = write!(&mut text[..], "{}", httpdate::HttpDate::from(time));
    DATE.set((second, text));
    out.extend_from_slice(&text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_parses_back_to_now() {
        let mut out = Vec::new();
        append_date(&mut out);
        let parsed = httpdate::parse_http_date(std::str::from_utf8(&out).unwrap()).unwrap();
        let age = parsed.elapsed().unwrap_or_default();
        assert!(age < Duration::from_secs(5), "{age:?}");
        let mut again = Vec::new();
        append_date(&mut again);
        assert_eq!(again.len(), DATE_LEN);
    }

    #[test]
    fn coarse_time_follows_the_exact_one() {
        let exact = u64::try_from(now_ns() / 1_000_000).unwrap();
        let coarse = coarse_ms();
        assert!(exact.abs_diff(coarse) < 100, "{exact} {coarse}");
    }
}
