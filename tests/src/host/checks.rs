//! What must hold after every test, and the story that a failed one tells.

use super::TestHost;
use crate::{Capture, PATIENCE, proc, wait};
use std::path::Path;

/// Whether a line of stderr is a warning or error of `mews` itself: time, level and text, or the line it ends with.
fn is_alarm(line: &str) -> bool {
    let level =
        line.split_whitespace().take(3).any(|word| matches!(word.trim_end_matches(':'), "WARN" | "ERROR"));
    level || line.starts_with("error:") || line.contains("panicked at")
}

impl TestHost {
    /// Waits until the supervisor has collected those of its children that have ended.
    ///
    /// # Panics
    /// It does not.
    pub fn wait_collected(&self) {
        let zombies = || proc::zombies(self.supervisor());
        let none = wait::poll(PATIENCE, || zombies().is_empty().then_some(()));
        assert!(none.is_some(), "not collected: {:?}\n{}", zombies(), self.story());
    }

    /// The supervisor holds no more descriptors than when it was ready.
    pub(super) fn check_descriptors(&self) {
        if self.descriptors.is_empty() {
            return;
        }
        let quiet = || proc::descriptors(self.supervisor()).len() <= self.descriptors.len();
        if wait::poll(PATIENCE, || quiet().then_some(())).is_none() {
            let now = proc::descriptors(self.supervisor());
            let (before, story) = (&self.descriptors, self.story());
            panic!("the supervisor's descriptors have grown\nready: {before:#?}\nnow: {now:#?}\n{story}");
        }
    }

    /// Every process has gone that this host had started.
    pub(super) fn check_processes(&self) {
        if wait::poll(PATIENCE, || proc::marked(&self.id).is_empty().then_some(())).is_none() {
            let left: Vec<String> = proc::marked(&self.id)
                .iter()
                .map(|pid| format!("{pid} {}", proc::command_line(*pid)))
                .collect();
            panic!("mews has left processes behind: {left:#?}\n{}", self.story());
        }
    }

    /// stderr holds the declared warnings and errors, and no others.
    pub(super) fn check_log(&self) {
        let lines = self.stderr.lines();
        for expected in &self.expected_logs {
            assert!(
                lines.iter().any(|line| line.contains(expected)),
                "no line with {expected:?}\n{}",
                self.story()
            );
        }
        if self.any_logs {
            return;
        }
        let declared = |line: &str| {
            self.expected_logs.iter().chain(&self.allowed_logs).any(|text| line.contains(text.as_str()))
        };
        let unexpected: Vec<&String> =
            lines.iter().filter(|line| is_alarm(line) && !declared(line)).collect();
        assert!(unexpected.is_empty(), "unexpected warnings or errors: {unexpected:#?}\n{}", self.story());
    }
}

pub(super) fn story(command: &str, folder: &Path, stdout: &Capture, stderr: &Capture) -> String {
    let listing: String = std::fs::read_dir(folder).map_or_else(
        |error| format!("  {error}\n"),
        |entries| {
            let line = |entry: std::fs::DirEntry| {
                let length = entry.metadata().map_or(0, |metadata| metadata.len());
                format!("  {length:>9} {}\n", entry.file_name().to_string_lossy())
            };
            entries.flatten().map(line).collect()
        },
    );
    format!(
        "---- command\n{command}\n---- stderr\n{}---- stdout (end)\n{}---- {}\n{listing}",
        end(stderr),
        end(stdout),
        folder.display()
    )
}

/// The last lines, so that a talkative app does not bury the rest.
fn end(capture: &Capture) -> String {
    const LINES: usize = 60;
    let lines = capture.lines();
    let skipped = lines.len().saturating_sub(LINES);
    lines[skipped..].iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::is_alarm;

    #[test]
    fn alarms_are_told_from_other_lines() {
        assert!(is_alarm("2026-01-01T00:00:00Z  WARN the app was slow"));
        assert!(is_alarm("10:00:00 ERROR: no"));
        assert!(is_alarm("thread 'main' panicked at src/main.rs:1:1"));
        assert!(!is_alarm("10:00:00 INFO listening on http://127.0.0.1:1"));
    }
}
