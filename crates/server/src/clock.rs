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

/// Microseconds since a moment of [`now_ns`].
pub(crate) fn micros_since(start_ns: i64) -> u32 {
    u32::try_from((now_ns() - start_ns).max(0) / 1000).unwrap_or(u32::MAX)
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

/// Milliseconds since 1970.
pub(crate) fn real_ms() -> i64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Realtime);
    tv_sec.saturating_mul(1000).saturating_add(tv_nsec / 1_000_000)
}

/// A moment in the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Utc {
    pub(crate) year: i32,
    pub(crate) month: u8,
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
}

/// The calendar's names for a second since 1970.
pub(crate) fn utc(second: i64) -> Utc {
    let (day, rest) = (second.div_euclid(86_400), second.rem_euclid(86_400));
    // Years that begin in March end with the leap day; 400 of them are 146097 days, whenever they begin.
    let day = day + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let small = |value: i64| u8::try_from(value).unwrap_or(0);
    Utc {
        year: i32::try_from(era * 400 + year + i64::from(month >= 10)).unwrap_or(0),
        month: small(if month < 10 { month + 3 } else { month - 9 }),
        day: small(day - (153 * month + 2) / 5 + 1),
        hour: small(rest / 3600),
        minute: small(rest / 60 % 60),
        second: small(rest % 60),
    }
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
    fn the_calendar_is_that_of_the_date_header() {
        let mut second = -1;
        while second < 7_000_000_000 {
            let Utc { year, month, day, hour, minute, second: s } = utc(second.max(0));
            let date =
                httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(second.max(0) as u64)).to_string();
            let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
            let name = months[usize::from(month) - 1];
            let ours = format!("{day:02} {name} {year:04} {hour:02}:{minute:02}:{s:02} GMT");
            assert!(date.ends_with(&ours), "{date} {ours}");
            second += 40_003;
        }
    }

    #[test]
    fn coarse_time_follows_the_exact_one() {
        let exact = u64::try_from(now_ns() / 1_000_000).unwrap();
        let coarse = coarse_ms();
        assert!(exact.abs_diff(coarse) < 100, "{exact} {coarse}");
    }
}
