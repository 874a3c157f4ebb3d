//! The queue of lines and the thread that writes them. A request never waits for the log: what the queue has no room for
//! is dropped, counted and said.

use std::io::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mews_model::server_config::AccessLogFormat;

use super::format;
use super::record::Record;
use crate::sync::lock;

/// Bytes of lines that wait for the writer.
const QUEUE: usize = 4 << 20;
/// The writer does not gather more.
const ENOUGH: usize = QUEUE / 4;
/// How long the writer gathers lines, so that it is not woken for each.
const GATHER: Duration = Duration::from_millis(100);
/// Between two messages about lines that were lost.
const QUIET: Duration = Duration::from_secs(10);

/// Where lines go.
pub trait Sink: Send {
    /// Writes whole lines. Called by the log's own thread.
    ///
    /// # Errors
    /// Some may not have been written.
    fn write(&mut self, lines: &[u8]) -> io::Result<()>;

    /// For messages.
    fn name(&self) -> String;
}

/// An access log. Clones are the same log.
#[derive(Clone)]
pub struct AccessLog(Arc<Inner>);

struct Inner {
    format: AccessLogFormat,
    queue: Mutex<Queue>,
    /// The writer has something to do.
    work: Condvar,
    /// Everything that was pushed has been written.
    written: Condvar,
    lines: AtomicU64,
    lost: AtomicU64,
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    lines: u64,
    dropped: u64,
    /// The writer is at work.
    busy: bool,
    /// Whoever waits for everything to be written.
    flushes: usize,
    /// The last owner has gone.
    over: bool,
}

impl AccessLog {
    /// Starts the writer.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(format: AccessLogFormat, sink: Box<dyn Sink>) -> io::Result<Self> {
        let inner = Arc::new(Inner {
            format,
            queue: Mutex::default(),
            work: Condvar::new(),
            written: Condvar::new(),
            lines: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        });
        let log = Self(inner.clone());
        thread::Builder::new().name("access log".to_owned()).spawn(move || inner.write_all(sink))?;
        Ok(log)
    }

    /// Lines of stderr.
    pub fn stderr() -> Box<dyn Sink> {
        Box::new(Stderr)
    }

    /// Waits until everything that was logged before has been written; `false` after `limit`.
    pub fn flush(&self, limit: Duration) -> bool {
        let until = Instant::now() + limit;
        let mut queue = lock(&self.0.queue);
        queue.flushes += 1;
        self.0.work.notify_one();
        let mut done = true;
        while queue.busy || !queue.bytes.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                done = false;
                break;
            }
            queue = self.0.written.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.flushes -= 1;
        done
    }

    /// Lines that were written, and lines that were lost.
    pub fn counts(&self) -> (u64, u64) {
        (self.0.lines.load(Ordering::Relaxed), self.0.lost.load(Ordering::Relaxed))
    }

    /// Logs a request that is over.
    pub(super) fn push(&self, record: &Record<'_>) {
        thread_local! {
            static LINE: std::cell::RefCell<Vec<u8>> = const { std::cell::RefCell::new(Vec::new()) };
        }
        LINE.with_borrow_mut(|line| {
            line.clear();
            format::line(line, self.0.format, record);
            let mut queue = lock(&self.0.queue);
            if queue.bytes.len() + line.len() > QUEUE {
                queue.dropped += 1;
                self.0.lost.fetch_add(1, Ordering::Relaxed);
                return;
            }
            let before = queue.bytes.len();
            queue.bytes.extend_from_slice(line);
            queue.lines += 1;
            let enough = before < ENOUGH && queue.bytes.len() >= ENOUGH;
            drop(queue);
            if before == 0 || enough {
                self.0.work.notify_one();
            }
        });
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        // The writer holds the other one.
        if Arc::strong_count(&self.0) == 2 {
            lock(&self.0.queue).over = true;
            self.0.work.notify_one();
        }
    }
}

impl Inner {
    fn write_all(&self, mut sink: Box<dyn Sink>) {
        let mut bytes = Vec::new();
        let mut told: Option<Instant> = None;
        let mut unsaid = 0;
        loop {
            let (lines, dropped) = {
                let mut queue = lock(&self.queue);
                queue.busy = false;
                if queue.bytes.is_empty() {
                    self.written.notify_all();
                }
                while queue.bytes.is_empty() && !queue.over {
                    queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
                }
                if queue.bytes.is_empty() {
                    return;
                }
                let until = Instant::now() + GATHER;
                while queue.flushes == 0 && !queue.over && queue.bytes.len() < ENOUGH {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    queue = self.work.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
                }
                queue.busy = true;
                std::mem::swap(&mut bytes, &mut queue.bytes);
                (std::mem::take(&mut queue.lines), std::mem::take(&mut queue.dropped))
            };
            unsaid += dropped;
            let problem = match sink.write(&bytes) {
                Ok(()) => {
                    self.lines.fetch_add(lines, Ordering::Relaxed);
                    "they came faster than they could be written".to_owned()
                }
                Err(error) => {
                    self.lost.fetch_add(lines, Ordering::Relaxed);
                    unsaid += lines;
                    error.to_string()
                }
            };
            bytes.clear();
            bytes.shrink_to(ENOUGH);
            if unsaid > 0 && told.is_none_or(|told| told.elapsed() >= QUIET) {
                tracing::error!("{unsaid} lines of the access log {} are lost: {problem}", sink.name());
                (told, unsaid) = (Some(Instant::now()), 0);
            }
        }
    }
}

struct Stderr;

impl Sink for Stderr {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut stderr = io::stderr().lock();
        // One call for each: others write to it too.
        lines.split_inclusive(|&byte| byte == b'\n').try_for_each(|line| stderr.write_all(line))
    }

    fn name(&self) -> String {
        "on stderr".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::super::record::Words;
    use super::*;

    struct Slow {
        go_on: mpsc::Receiver<io::Result<()>>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Sink for Slow {
        fn write(&mut self, lines: &[u8]) -> io::Result<()> {
            self.go_on.recv().map_err(io::Error::other)??;
            lock(&self.written).extend_from_slice(lines);
            Ok(())
        }

        fn name(&self) -> String {
            "of the test".to_owned()
        }
    }

    fn push(log: &AccessLog, target: &[u8]) {
        log.push(&Record {
            time_ms: 0,
            site: "",
            application: "",
            client: None,
            server: None,
            words: Words { method: b"GET", target, ..Words::default() },
            version: 11,
            user: "",
            status: 200,
            sub_status: 0,
            win32: 0,
            sent: 0,
            received: 0,
            duration_ns: 0,
            trace: b"",
            reason: "",
        });
    }

    /// With what allows the sink to write, and what it has written.
    type Slowly = (AccessLog, mpsc::Sender<io::Result<()>>, Arc<Mutex<Vec<u8>>>);

    fn log() -> Slowly {
        let (allow, go_on) = mpsc::channel();
        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = Slow { go_on, written: written.clone() };
        (AccessLog::start(AccessLogFormat::W3c, Box::new(sink)).unwrap(), allow, written)
    }

    #[test]
    fn a_disk_that_stands_still_blocks_nobody_and_the_loss_is_counted() {
        let (log, allow, written) = log();
        let target = vec![b'a'; 8000];
        let began = Instant::now();
        for _ in 0..2000 {
            push(&log, &target);
        }
        assert!(began.elapsed() < Duration::from_secs(5));
        assert!(!log.flush(Duration::from_millis(1)));
        let lost = log.counts().1;
        assert!(lost > 500 && lost < 2000, "{lost}");
        for _ in 0..10 {
            allow.send(Ok(())).unwrap();
        }
        assert!(log.flush(Duration::from_secs(20)));
        let lines = lock(&written).iter().filter(|&&byte| byte == b'\n').count() as u64;
        assert_eq!((lines + lost, log.counts()), (2000, (lines, lost)));
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_the_next_lines_are_written() {
        let (log, allow, written) = log();
        push(&log, b"/a");
        allow.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
        assert!(log.flush(Duration::from_secs(20)));
        push(&log, b"/b");
        allow.send(Ok(())).unwrap();
        assert!(log.flush(Duration::from_secs(20)));
        assert_eq!(log.counts(), (1, 1));
        let text = String::from_utf8(lock(&written).clone()).unwrap();
        assert!(text.contains(" /b ") && !text.contains(" /a "), "{text}");
    }

    #[test]
    fn the_writer_ends_with_its_last_owner_after_the_last_line() {
        let (log, allow, written) = log();
        push(&log, b"/a");
        drop(log.clone());
        allow.send(Ok(())).unwrap();
        drop(log);
        let until = Instant::now() + Duration::from_secs(20);
        // The sink, and with it the receiver, goes when the thread ends.
        while allow.send(Ok(())).is_ok() {
            assert!(Instant::now() < until);
            thread::yield_now();
        }
        assert!(!lock(&written).is_empty());
    }
}
