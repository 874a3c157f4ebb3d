//! Durations, sizes, processors and times of day, as people write them.

use std::time::Duration;

use super::super::TimeOfDay;

/// A number and the letters behind it. A fraction is read exactly, in billionths.
fn parts(text: &str) -> Option<(u64, u64, &str)> {
    const BILLION: u64 = 1_000_000_000;
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let scale = 10_u64.checked_pow(u32::try_from(9 - fraction.len()).ok()?)?;
    let fraction = fraction.parse::<u64>().ok()?.checked_mul(scale)?;
    if fraction >= BILLION {
        return None;
    }
    Some((whole.parse().ok()?, fraction, unit.trim()))
}

/// So many billionths of a unit, without loss.
fn times(whole: u64, fraction: u64, unit: u64) -> Option<u64> {
    let part = u128::from(fraction) * u128::from(unit) / 1_000_000_000;
    whole.checked_mul(unit)?.checked_add(u64::try_from(part).ok()?)
}

/// `90s`, `20m`, `1h 30m`, `29h`, `7d`, `250ms`, and `0` without a unit.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut total = 0_u64;
    let mut last = u64::MAX;
    while !rest.is_empty() {
        let unit_start = rest.find(|c: char| c.is_ascii_alphabetic())?;
        let after = rest.get(unit_start..)?;
        let unit_end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (whole, fraction, unit) = parts(rest.get(..unit_start + unit_end)?)?;
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        // Each unit once, the largest first: "5m 5m" is a slip.
        if milliseconds >= last {
            return None;
        }
        last = milliseconds;
        total = total.checked_add(times(whole, fraction, milliseconds)?)?;
        rest = after.get(unit_end..)?.trim_start();
    }
    (last != u64::MAX).then(|| Duration::from_millis(total))
}

/// `1 GiB`, `512 MiB`, `1.5GB`, and a number of bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    let (whole, fraction, unit) = parts(text)?;
    let bytes = match unit.to_ascii_lowercase().as_str() {
        "" if fraction != 0 => return None,
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        _ => return None,
    };
    times(whole, fraction, bytes)
}

/// Thousandths of a processor: `1.5 cores`, `150%`, and a number of cores.
pub(super) fn processors(text: &str) -> Option<u32> {
    let (whole, fraction, unit) = parts(text)?;
    let thousandths = match unit.to_ascii_lowercase().as_str() {
        "" | "core" | "cores" | "cpu" | "cpus" => times(whole, fraction, 1000)?,
        "%" => times(whole, fraction, 10)?,
        _ => return None,
    };
    u32::try_from(thousandths).ok().filter(|thousandths| *thousandths > 0)
}

/// `04:00`; seconds, as in `04:00:00`, must be 0.
pub(in crate::server_config) fn time_of_day(text: &str) -> Option<TimeOfDay> {
    let mut parts = text.split(':').map(|part| {
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        if digits { part.parse::<u8>().ok() } else { None }
    });
    let (hour, minute) = (parts.next()??, parts.next()??);
    let seconds = parts.next().map_or(Some(0), |part| part)?;
    let whole = hour < 24 && minute < 60 && seconds == 0 && parts.next().is_none();
    whole.then_some(TimeOfDay { hour, minute })
}

/// As [`duration`] reads it, in the fewest words.
pub(super) fn show_duration(time: Duration) -> String {
    let milliseconds = time.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
    let whole = units.into_iter().find(|(unit, _)| milliseconds != 0 && milliseconds.is_multiple_of(*unit));
    whole.map_or_else(|| "0".to_owned(), |(unit, name)| format!("{}{name}", milliseconds / unit))
}

/// As [`size`] reads it.
pub(super) fn show_size(bytes: u64) -> String {
    let units = [(1_u64 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let whole = units.into_iter().find(|(unit, _)| bytes != 0 && bytes.is_multiple_of(*unit));
    whole.map_or_else(|| bytes.to_string(), |(unit, name)| format!("{} {name}", bytes / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, milliseconds) in [
            ("90s", Some(90_000)),
            ("20m", Some(1_200_000)),
            ("29h", Some(104_400_000)),
            ("1h 30m", Some(5_400_000)),
            ("1d12h", Some(129_600_000)),
            ("1.5s", Some(1500)),
            ("250ms", Some(250)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("20", None),
            ("m", None),
            ("20 x", None),
            ("5m 5m", None),
            ("30m 1h", None),
            ("-5m", None),
            ("", None),
            (" ", None),
            ("1..5s", None),
            ("99999999999999999999d", None),
            ("18446744073709551615d", None),
            ("1mé", None),
        ] {
            assert_eq!(duration(text).map(|time| time.as_millis()), milliseconds, "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("1 GiB", Some(1 << 30)),
            ("512MiB", Some(512 << 20)),
            ("1.5 GiB", Some(3 << 29)),
            ("1 gb", Some(1_000_000_000)),
            ("4096", Some(4096)),
            ("0", Some(0)),
            ("1.5", None),
            ("1 GiB extra", None),
            ("GiB", None),
            ("16777216 TiB", None),
        ] {
            assert_eq!(size(text), bytes, "{text}");
        }
    }

    #[test]
    fn processors_and_times() {
        for (text, thousandths) in [
            ("1.5", Some(1500)),
            ("150%", Some(1500)),
            ("2 cores", Some(2000)),
            ("0", None),
            ("0.0001", None),
        ] {
            assert_eq!(processors(text), thousandths, "{text}");
        }
        for (text, time) in [
            ("04:00", Some((4, 0))),
            ("4:05", Some((4, 5))),
            ("23:59:00", Some((23, 59))),
            ("24:00", None),
            ("04:00:30", None),
            ("04", None),
            ("04:60", None),
            ("004:00", None),
            ("04:00:00:00", None),
        ] {
            let time = time.map(|(hour, minute)| TimeOfDay { hour, minute });
            assert_eq!(time_of_day(text), time, "{text}");
        }
    }

    #[test]
    fn shown_as_they_are_read() {
        for seconds in [0, 1, 59, 60, 90, 3600, 86_400, 104_400] {
            let time = Duration::from_secs(seconds);
            assert_eq!(duration(&show_duration(time)), Some(time));
        }
        for bytes in [0, 1, 1 << 10, 3 << 20, 1 << 30, (1 << 30) + 1, u64::MAX] {
            assert_eq!(size(&show_size(bytes)), Some(bytes));
        }
    }
}
