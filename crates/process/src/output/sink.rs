//! A way out (stdout or stderr) that never makes its user wait.
//!
//! Whoever reads our output may be slow, stopped or gone. A thread of the sink's own does the writing; what
//! does not fit into its bounded queue is dropped and counted, and when there is room again the loss
//! is said in place.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// How much may wait, in bytes.
const MOST_WAITING: usize = 1 << 20;

/// Who wrote something; used to begin a new line when another source left one unfinished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source(pub u32);

/// A shared way out. Clones write to the same place.
#[derive(Clone, Debug)]
pub struct Sink {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    chunks: VecDeque<Vec<u8>>,
    /// Bytes in `chunks`.
    waiting: usize,
    /// Bytes not taken since the last time that something was.
    dropped: u64,
    /// A chunk is being written.
    writing: bool,
    /// Nobody reads any more; everything is discarded.
    gone: bool,
    unfinished: Option<Source>,
}

impl Sink {
    /// Writes to `out` until the process ends.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(name: &str, out: OwnedFd) -> io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::new(State::default()), changed: Condvar::new() });
        let theirs = Arc::clone(&shared);
        thread::Builder::new().name(name.to_owned()).stack_size(64 * 1024).spawn(move || theirs.run(&out))?;
        Ok(Self { shared })
    }

    /// Takes what a source printed, whole or not at all.
    pub fn write(&self, source: Source, bytes: &[u8]) {
        let Some(last) = bytes.last() else { return };
        let mut state = self.shared.lock();
        if state.gone {
            return;
        }
        if state.waiting + bytes.len() > MOST_WAITING {
            state.dropped += bytes.len() as u64;
            return;
        }
        let mut chunk = Vec::with_capacity(bytes.len() + 1);
        if state.unfinished.is_some_and(|other| other != source)
            || (state.dropped > 0 && state.unfinished.is_some())
        {
            chunk.push(b'\n');
        }
        if state.dropped > 0 {
            let note = format!("[mews: {} bytes of output dropped: the reader is too slow]\n", state.dropped);
            chunk.extend_from_slice(note.as_bytes());
            state.dropped = 0;
        }
        chunk.extend_from_slice(bytes);
        state.unfinished = (*last != b'\n').then_some(source);
        state.waiting += chunk.len();
        state.chunks.push_back(chunk);
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Waits until everything is written, or nobody reads, or the limit is over; `false` in the last case.
    pub fn flush(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        let mut state = self.shared.lock();
        while !state.gone && (state.writing || !state.chunks.is_empty()) {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.shared.changed.wait_timeout(state, left).map_or_else(|e| e.into_inner().0, |r| r.0);
        }
        true
    }
}

impl Shared {
    /// A panic under the lock is impossible but for a bug; output goes on after it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, out: &OwnedFd) {
        loop {
            let mut state = self.lock();
            let chunk = loop {
                if let Some(chunk) = state.chunks.pop_front() {
                    break chunk;
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            };
            state.writing = true;
            drop(state);
            let written = write_all(out, &chunk);
            let mut state = self.lock();
            state.writing = false;
            state.waiting = state.waiting.saturating_sub(chunk.len());
            if written.is_err() {
                state.gone = true;
                state.chunks = VecDeque::new();
            }
            let gone = state.gone;
            drop(state);
            self.changed.notify_all();
            if gone {
                return;
            }
        }
    }
}

fn write_all(out: &OwnedFd, mut bytes: &[u8]) -> rustix::io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(out, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            // Somebody who shares the terminal may have made it non-blocking.
            Err(Errno::AGAIN) => {
                let _ = poll(&mut [PollFd::from_borrowed_fd(out.as_fd(), PollFlags::OUT)], None);
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Read;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn what_is_written_comes_out_and_sources_do_not_share_a_line() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let sink = Sink::start("test", write).unwrap();
        sink.write(Source(1), b"half ");
        sink.write(Source(1), b"line");
        sink.write(Source(2), b"other\n");
        sink.write(Source(1), b"rest\n");
        assert!(sink.flush(LONG));
        let mut bytes = [0; 64];
        let n = File::from(read).read(&mut bytes).unwrap();
        assert_eq!(&bytes[..n], b"half line\nother\nrest\n");
    }

    #[test]
    fn a_reader_that_is_gone_ends_nothing() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        drop(read);
        let sink = Sink::start("test", write).unwrap();
        sink.write(Source(1), b"x\n");
        assert!(sink.flush(LONG));
        sink.write(Source(1), b"y\n");
        assert!(sink.flush(LONG));
    }

    #[test]
    fn a_stopped_reader_costs_output_not_time() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let sink = Sink::start("test", write).unwrap();
        let line = [b"z".repeat(1023), b"\n".to_vec()].concat();
        for _ in 0..4096 {
            sink.write(Source(1), &line);
        }
        assert!(!sink.flush(Duration::ZERO));
        // The reader wakes up: what was kept comes, then the loss is told.
        let reader = thread::spawn(move || {
            let mut all = Vec::new();
            File::from(read).take(1_500_000).read_to_end(&mut all).map(|_| all)
        });
        assert!(sink.flush(LONG));
        sink.write(Source(1), b"after\n");
        assert!(sink.flush(LONG));
        // Fill up to the reader's count, so that it ends.
        while !reader.is_finished() {
            sink.write(Source(1), &line);
        }
        let all = String::from_utf8(reader.join().unwrap().unwrap()).unwrap();
        assert!(all.contains("bytes of output dropped: the reader is too slow]\nafter\n"));
    }
}
