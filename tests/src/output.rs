//! Collects what a child prints, line by line, and lets tests wait for a line.

use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One captured stream. Reading goes on until the last holder of its other end has closed it.
#[derive(Default)]
pub struct Capture {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<String>,
    closed: bool,
}

impl Capture {
    /// Reads `stream` on a thread of its own.
    pub(crate) fn start(stream: impl Read + Send + 'static) -> Arc<Self> {
        let capture = Arc::new(Self::default());
        let own = Arc::clone(&capture);
        std::thread::spawn(move || own.read(stream));
        capture
    }

    fn read(&self, stream: impl Read) {
        let mut stream = BufReader::new(stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            let ended = !matches!(stream.read_until(b'\n', &mut line), Ok(1..));
            let mut state = self.lock();
            if ended {
                state.closed = true;
            } else {
                state.lines.push(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned());
            }
            drop(state);
            self.changed.notify_all();
            if ended {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    /// How many lines there are; with [`Capture::wait_after`] it marks a place in the output.
    pub fn len(&self) -> usize {
        self.lock().lines.len()
    }

    /// Whether nothing was printed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text so far.
    pub fn text(&self) -> String {
        let mut text = self.lock().lines.join("\n");
        text.push('\n');
        text
    }

    /// The first line for which `matches` holds, waiting for it at most `limit`; `None` also when the stream has ended without one.
    pub fn wait_for(&self, limit: Duration, matches: impl Fn(&str) -> bool) -> Option<String> {
        self.wait_after(0, limit, matches)
    }

    /// As [`Capture::wait_for`], among the lines after the first `skip`.
    pub fn wait_after(&self, skip: usize, limit: Duration, matches: impl Fn(&str) -> bool) -> Option<String> {
        let end = Instant::now() + limit;
        let mut state = self.lock();
        loop {
            if let Some(line) = state.lines.iter().skip(skip).find(|line| matches(line)) {
                return Some(line.clone());
            }
            let left = end.saturating_duration_since(Instant::now());
            if state.closed || left.is_zero() {
                return None;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until the stream has ended; `false` when `limit` passed first.
    pub fn wait_closed(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let mut state = self.lock();
        while !state.closed {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_and_the_end_is_seen() {
        let capture = Capture::start(&b"one\r\ntwo\nthree"[..]);
        let limit = Duration::from_secs(5);
        assert_eq!(capture.wait_for(limit, |line| line.starts_with('t')).as_deref(), Some("two"));
        assert_eq!(capture.wait_after(2, limit, |line| line.starts_with('t')).as_deref(), Some("three"));
        assert_eq!(capture.wait_for(limit, |line| line == "four"), None);
        assert!(capture.wait_closed(limit));
        assert_eq!(capture.lines(), ["one", "two", "three"]);
    }
}
