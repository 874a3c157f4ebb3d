//! How a process ended, in words.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// A phrase that goes after a subject: `exited with code 134`, `was killed by SIGSEGV (signal 11, core
/// dumped)`.
pub fn describe(status: ExitStatus) -> String {
    if let Some(code) = status.code() {
        return format!("exited with code {code}");
    }
    let Some(signal) = status.signal() else {
        return "ended in an unknown way".to_owned();
    };
    let dumped = if status.core_dumped() { ", core dumped" } else { "" };
    match name(signal) {
        Some(name) => format!("was killed by {name} (signal {signal}{dumped})"),
        None => {
            format!("was killed by signal {signal}{}", if dumped.is_empty() { "" } else { " (core dumped)" })
        }
    }
}

/// The names of the signals that end processes; the numbers are Linux's for all architectures that .NET
/// runs on.
const NAMES: &[(i32, &str)] = &[
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (3, "SIGQUIT"),
    (4, "SIGILL"),
    (5, "SIGTRAP"),
    (6, "SIGABRT"),
    (7, "SIGBUS"),
    (8, "SIGFPE"),
    (9, "SIGKILL"),
    (10, "SIGUSR1"),
    (11, "SIGSEGV"),
    (12, "SIGUSR2"),
    (13, "SIGPIPE"),
    (14, "SIGALRM"),
    (15, "SIGTERM"),
    (24, "SIGXCPU"),
    (25, "SIGXFSZ"),
    (31, "SIGSYS"),
];

fn name(signal: i32) -> Option<&'static str> {
    NAMES.iter().find(|(number, _)| *number == signal).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases() {
        for (raw, phrase) in [
            (0, "exited with code 0"),
            (134 << 8, "exited with code 134"),
            (11, "was killed by SIGSEGV (signal 11)"),
            (11 | 0x80, "was killed by SIGSEGV (signal 11, core dumped)"),
            (40, "was killed by signal 40"),
        ] {
            assert_eq!(describe(ExitStatus::from_raw(raw)), phrase);
        }
    }
}
