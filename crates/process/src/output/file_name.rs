//! How log files are called.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// `<prefix>_<YYYYMMDDhhmmss>_<pid>.log`, in UTC; from the second on that is in use at the same time, with `-2` and so on
/// before the extension.
pub(super) fn current(prefix: &Path, started: SystemTime, pid: u32, sibling: u32) -> PathBuf {
    let time = timestamp(started);
    let sibling = if sibling < 2 { String::new() } else { format!("-{sibling}") };
    let mut name = OsString::from(prefix);
    name.push(format!("_{time}_{pid}{sibling}.log"));
    name.into()
}

/// What the current file becomes when it is full: `…_N.log`.
pub(super) fn full(current: &Path, number: u32) -> PathBuf {
    let mut name = current.file_stem().map(OsStr::to_os_string).unwrap_or_default();
    name.push(format!("_{number}.log"));
    current.with_file_name(name)
}

fn timestamp(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
}

/// The civil date of a day since 1970. Years are counted from March here, so that the leap day is the last of its
/// year, and in eras of 400 years, which all have the same number of days.
fn date(days: u64) -> (u64, u64, u64) {
    const ERA: u64 = 146_097;
    // From 0000-03-01 to 1970-01-01.
    let days = days + 719_468;
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn times_are_written_in_utc() {
        for (seconds, text) in [
            (0, "19700101000000"),
            (951_782_399, "20000228235959"),
            (951_782_400, "20000229000000"),
            (951_868_800, "20000301000000"),
            (1_709_251_199, "20240229235959"),
            (1_767_225_599, "20251231235959"),
            (4_107_542_400, "21000301000000"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
        assert_eq!(timestamp(UNIX_EPOCH - Duration::from_secs(1)), "19700101000000");
    }

    #[test]
    fn names() {
        let name = |prefix: &str, sibling| current(Path::new(prefix), UNIX_EPOCH, 42, sibling);
        assert_eq!(name("/logs/stdout", 1), Path::new("/logs/stdout_19700101000000_42.log"));
        assert_eq!(name("/logs/", 1), Path::new("/logs/_19700101000000_42.log"));
        assert_eq!(name("/logs/a.b", 3), Path::new("/logs/a.b_19700101000000_42-3.log"));
        assert_eq!(full(&name("/logs/a.b", 3), 7), Path::new("/logs/a.b_19700101000000_42-3_7.log"));
    }
}
