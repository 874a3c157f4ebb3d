//! What the kernel tells of a thread: its state, and how long it has run and waited for a processor.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

/// A thread of this process.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Thread {
    /// The one that asks.
    Own,
    /// By its number.
    Id(i32),
}

/// The times of one thread, since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    /// On a processor.
    pub(crate) ran: Duration,
    /// Ready to run, without having one.
    pub(crate) queued: Duration,
}

/// `None`: the kernel does not tell, or the thread has ended.
pub(crate) fn times(thread: Thread) -> Option<Times> {
    read(thread, "schedstat", parse_times)
}

/// Its state's letter, such as `R` for one that runs or could. `None` as with [`times`].
pub(crate) fn state(thread: Thread) -> Option<u8> {
    read(thread, "stat", parse_state)
}

/// Reads the beginning of a file about the thread.
fn read<T>(thread: Thread, file: &str, parse: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
    let mut text = [0; 128];
    let mut file = match thread {
        Thread::Own => File::open(format!("/proc/thread-self/{file}")),
        Thread::Id(id) => File::open(format!("/proc/self/task/{id}/{file}")),
    }
    .ok()?;
    let length = file.read(&mut text).ok()?;
    parse(text.get(..length)?)
}

/// The state letter of a `stat` file: the field behind the command, which has at most 64 bytes and may hold anything.
fn parse_state(stat: &[u8]) -> Option<u8> {
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    stat.get(end + 2).copied()
}

/// The first two numbers of a `schedstat` file, in nanoseconds.
fn parse_times(text: &[u8]) -> Option<Times> {
    let mut numbers = std::str::from_utf8(text).ok()?.split_ascii_whitespace();
    let mut next = || numbers.next()?.parse().ok().map(Duration::from_nanos);
    Some(Times { ran: next()?, queued: next()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_found_behind_any_name() {
        assert_eq!(parse_state(b"12 (mews-io) R 1 2"), Some(b'R'));
        assert_eq!(parse_state(b"12 (a) S (b)) D 1"), Some(b'D'));
        assert_eq!(parse_state(b"12 (a"), None);
        assert_eq!(parse_state(b"12 (a)"), None);
    }

    #[test]
    fn times_are_nanoseconds() {
        let times = Times { ran: Duration::from_nanos(17), queued: Duration::from_micros(2) };
        assert_eq!(parse_times(b"17 2000 3\n"), Some(times));
        assert_eq!(parse_times(b"17"), None);
        assert_eq!(parse_times(b"17 x"), None);
    }

    #[test]
    fn a_thread_that_computes_has_run_longer() {
        let before = times(Thread::Own).unwrap().ran;
        while times(Thread::Own).unwrap().ran < before + Duration::from_millis(1) {
            std::hint::spin_loop();
        }
        assert_eq!(times(Thread::Id(-1)), None);
    }
}
