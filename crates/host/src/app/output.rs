//! What a process prints: passed on, the last of it kept, and written to the stdout log if there is one.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::SystemTime;

use mews_process::output::{LogFile, LogFileError, LogFileOptions, Sink, Source, Tail};
use rustix::io::Errno;

use crate::control::StdoutLog;

/// What is read of one pipe before others have their turn, in bytes.
const TURN: usize = 64 * 1024;
/// How many turns a process that prints without pause has when its last output is collected.
const LAST_TURNS: usize = 64;

/// Where output goes.
#[derive(Clone, Debug)]
pub(crate) struct Outputs {
    /// What apps print.
    pub(crate) stdout: Sink,
    /// What they print as errors, and our log.
    pub(crate) stderr: Sink,
}

impl Outputs {
    /// This process's own stdout and stderr.
    ///
    /// # Errors
    /// When there are no descriptors or threads left.
    pub(crate) fn of_process() -> io::Result<Self> {
        let stdout: OwnedFd = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
        let stderr: OwnedFd = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3)?;
        Ok(Self { stdout: Sink::start("stdout", stdout)?, stderr: Sink::start("stderr", stderr)? })
    }
}

/// The output of one process.
#[derive(Debug)]
pub(crate) struct Output {
    stdout: Pipe,
    stderr: Pipe,
    log: Option<LogFile>,
}

#[derive(Debug)]
struct Pipe {
    /// `None` once the other end is closed.
    end: Option<OwnedFd>,
    tail: Tail,
}

impl Output {
    /// What comes out of these pipes, which do not block.
    pub(crate) fn new(stdout: OwnedFd, stderr: OwnedFd, log: Option<LogFile>) -> Self {
        let pipe = |end| Pipe { end: Some(end), tail: Tail::default() };
        Self { stdout: pipe(stdout), stderr: pipe(stderr), log }
    }

    /// What to wait for.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        [&self.stdout, &self.stderr].into_iter().filter_map(|pipe| pipe.end.as_ref()).map(AsFd::as_fd)
    }

    /// Passes on a turn of what was printed.
    pub(crate) fn relay(&mut self, source: Source, outputs: &Outputs) {
        self.stdout.relay(source, &outputs.stdout, &mut self.log, 1);
        self.stderr.relay(source, &outputs.stderr, &mut self.log, 1);
    }

    /// Passes on everything that was printed up to now.
    pub(crate) fn relay_all(&mut self, source: Source, outputs: &Outputs) {
        self.stdout.relay(source, &outputs.stdout, &mut self.log, LAST_TURNS);
        self.stderr.relay(source, &outputs.stderr, &mut self.log, LAST_TURNS);
    }

    /// What was printed last: errors if there are any.
    pub(crate) fn last_words(&self) -> String {
        if self.stderr.tail.is_empty() { self.stdout.tail.text() } else { self.stderr.tail.text() }
    }
}

impl Pipe {
    fn relay(&mut self, source: Source, sink: &Sink, log: &mut Option<LogFile>, turns: usize) {
        let mut buffer = [0; 16 * 1024];
        let mut left = turns.saturating_mul(TURN);
        while let Some(end) = &self.end {
            match rustix::io::read(end, &mut buffer) {
                Ok(0) => self.end = None,
                Ok(read) => {
                    let chunk = buffer.get(..read).unwrap_or_default();
                    self.tail.push(chunk);
                    sink.write(source, chunk);
                    if let Some(log) = log {
                        log.write(chunk);
                    }
                    left = left.saturating_sub(read);
                    if left == 0 {
                        return;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(errno) => {
                    tracing::error!("the output of process {} cannot be read: {errno}", source.0);
                    self.end = None;
                }
            }
        }
    }
}

/// Begins the stdout log of a process that was just started. Its path is logged: people look for it.
///
/// # Errors
/// Why there is none.
pub(crate) fn open_log(log: &StdoutLog, pid: u32) -> Result<LogFile, LogFileError> {
    let options = LogFileOptions {
        prefix: log.prefix.clone(),
        started: SystemTime::now(),
        pid,
        max_bytes: log.max_bytes,
        max_files: log.max_files,
    };
    let file = LogFile::create(options)?;
    tracing::info!("the output of pid {pid} is written to {} as well", file.path().display());
    Ok(file)
}
