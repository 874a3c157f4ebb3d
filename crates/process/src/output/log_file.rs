//! The stdout log: what an app prints, in files.
//!
//! A thread does the writing, so that a slow disk costs output rather than requests: what does not fit into its
//! bounded queue is dropped and counted. A disk that is full, or a folder that went away, ends nothing; the log says
//! it once, and the file has the size of the gap.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::rotating::Rotating;

/// How much may wait, in bytes.
const MOST_WAITING: usize = 1 << 20;
/// How long the end waits for the disk.
const FINISHING: Duration = Duration::from_secs(2);

/// Where to write, and how much.
#[derive(Clone, Debug)]
pub struct LogFileOptions {
    /// Everything before `_<YYYYMMDDhhmmss>_<pid>.log`, an absolute path. Folders that are missing are created.
    pub prefix: PathBuf,
    /// The time in the name, which is given in UTC.
    pub started: SystemTime,
    /// The process id in the name.
    pub pid: u32,
    /// How long a file may become, in bytes. The full one is then called `…_1.log`, the next `…_2.log`, and so on.
    /// 0 is no limit.
    pub max_bytes: u64,
    /// How many files may be there, the current one included; the oldest are deleted. 0 means 1.
    pub max_files: usize,
}

/// Why there is no log file.
#[derive(Debug, thiserror::Error)]
pub enum LogFileError {
    /// The folder is not there and cannot be made.
    #[error(
        "the folder {} for the stdout log cannot be created: {source}; let the user that mews runs as create it, \
         or change stdoutLogFile", folder.display()
    )]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file cannot be opened.
    #[error(
        "the stdout log {} cannot be opened: {source}; let the user that mews runs as write there, or change \
         stdoutLogFile", path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No thread could be started.
    #[error("the stdout log {} has no thread to write it: {source}", path.display())]
    Thread {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// An open log file. Dropping it writes what still waits (for two seconds at most) and removes a file that
/// stayed empty.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// Bytes that found no room since the last that did.
    dropped: u64,
    /// No more will come.
    closed: bool,
    /// Everything is written, and the file is closed.
    finished: bool,
}

impl LogFile {
    /// Opens the file. One that is there already is appended to, or left alone if somebody writes to it: the name then
    /// gets a `-2` (and so on) before its extension.
    ///
    /// # Errors
    /// When the folder or the file cannot be had.
    pub fn create(options: LogFileOptions) -> Result<Self, LogFileError> {
        Self::start(Rotating::create(&options)?)
    }

    fn start(file: Rotating) -> Result<Self, LogFileError> {
        let path = file.path().to_owned();
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("stdout-log".to_owned()).stack_size(128 * 1024);
        match thread.spawn(move || theirs.run(file)) {
            Ok(_) => Ok(Self { path, shared }),
            Err(source) => Err(LogFileError::Thread { path, source }),
        }
    }

    /// Writes soon. Never waits.
    pub fn write(&mut self, bytes: &[u8]) {
        let mut state = self.shared.lock();
        if state.dropped > 0 || state.waiting.len() + bytes.len() > MOST_WAITING {
            // Until there is room for the note about it, so that the gap is in one place.
            if state.dropped > 0 && state.waiting.is_empty() && bytes.len() < MOST_WAITING {
                let dropped = std::mem::take(&mut state.dropped);
                state.waiting.extend_from_slice(note(dropped, "the disk is too slow").as_bytes());
            } else {
                state.dropped += bytes.len() as u64;
                return;
            }
        }
        state.waiting.extend_from_slice(bytes);
        drop(state);
        self.shared.changed.notify_all();
    }

    /// The current file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for LogFile {
    fn drop(&mut self) {
        let end = Instant::now() + FINISHING;
        let mut state = self.shared.lock();
        state.closed = true;
        self.shared.changed.notify_all();
        while !state.finished {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.shared.changed.wait_timeout(state, left).map_or_else(|e| e.into_inner().0, |r| r.0);
        }
    }
}

impl Shared {
    /// A panic under the lock is impossible but for a bug; output goes on after it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, file: Rotating) {
        let mut writer = Writer { file, lost: 0, failing: false };
        let mut chunk = Vec::new();
        loop {
            let mut state = self.lock();
            while state.waiting.is_empty() && !state.closed {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.waiting.is_empty() {
                let dropped = state.dropped;
                drop(state);
                if dropped > 0 {
                    writer.write(note(dropped, "the disk is too slow").as_bytes());
                }
                break;
            }
            chunk.clear();
            std::mem::swap(&mut chunk, &mut state.waiting);
            drop(state);
            writer.write(&chunk);
            // A burst's memory is not kept for the app's life.
            chunk.shrink_to(64 * 1024);
        }
        writer.file.finish();
        self.lock().finished = true;
        self.changed.notify_all();
    }
}

/// Writes, and keeps account of what could not be written.
struct Writer {
    file: Rotating,
    /// In bytes, since the last that was written.
    lost: u64,
    /// The log knows that something is wrong.
    failing: bool,
}

impl Writer {
    fn write(&mut self, chunk: &[u8]) {
        if self.lost > 0 {
            let gap = note(self.lost, "they could not be written");
            if self.file.write(gap.as_bytes()).is_err() {
                self.lost += chunk.len() as u64;
                return;
            }
            self.lost = 0;
        }
        match self.file.write(chunk) {
            Ok(()) => self.failing = false,
            Err(failed) => {
                self.lost += chunk.len().saturating_sub(failed.written) as u64;
                if !self.failing {
                    self.failing = true;
                    tracing::warn!(
                        event_id = 1004,
                        "the stdout log {} cannot be written: {}; the app goes on, and so does the log when it can",
                        self.file.path().display(),
                        failed.error
                    );
                }
            }
        }
    }
}

fn note(bytes: u64, why: &str) -> String {
    format!("\n[mews: {bytes} bytes of output are missing here: {why}]\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::time::UNIX_EPOCH;

    fn options(folder: &Path) -> LogFileOptions {
        LogFileOptions { prefix: folder.join("out"), started: UNIX_EPOCH, pid: 7, max_bytes: 0, max_files: 5 }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn folders_are_made_and_a_file_is_appended_to() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        for text in ["one\n", "two\n"] {
            let mut log = LogFile::create(options(&deep)).unwrap();
            assert_eq!(log.path(), deep.join("out_19700101000000_7.log"));
            log.write(text.as_bytes());
        }
        assert_eq!(fs::read_to_string(deep.join("out_19700101000000_7.log")).unwrap(), "one\ntwo\n");
        // Nothing printed: what was there stays.
        drop(LogFile::create(options(&deep)).unwrap());
        assert_eq!(names(&deep), ["out_19700101000000_7.log"]);
    }

    #[test]
    fn an_empty_file_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = LogFile::create(options(folder.path())).unwrap();
        assert!(log.path().exists());
        log.write(b"");
        drop(log);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn two_at_once_do_not_share_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut logs: Vec<LogFile> =
            (0..3).map(|_| LogFile::create(options(folder.path())).unwrap()).collect();
        for (n, log) in logs.iter_mut().enumerate() {
            log.write(format!("log {n}\n").as_bytes());
        }
        drop(logs);
        assert_eq!(
            names(folder.path()),
            ["out_19700101000000_7-2.log", "out_19700101000000_7-3.log", "out_19700101000000_7.log"]
        );
        let text = fs::read_to_string(folder.path().join("out_19700101000000_7-3.log")).unwrap();
        assert_eq!(text, "log 2\n");
    }

    #[test]
    fn full_files_are_numbered_and_the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let limits = LogFileOptions { max_bytes: 10, max_files: 3, ..options(folder.path()) };
        let mut file = Rotating::create(&limits).unwrap();
        for n in 0..6 {
            file.write(format!("line {n}\n").as_bytes()).unwrap();
        }
        file.finish();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(
            names(folder.path()),
            ["out_19700101000000_7.log", "out_19700101000000_7_4.log", "out_19700101000000_7_5.log"]
        );
        assert_eq!(read("out_19700101000000_7.log"), "line 5\n");
        assert_eq!(read("out_19700101000000_7_4.log"), "line 3\n");
        // More than a whole file at once.
        let mut file = Rotating::create(&limits).unwrap();
        file.write(b"0123456789abcdefghijABC").unwrap();
        assert_eq!(read("out_19700101000000_7.log"), "ABC");
        assert_eq!(read("out_19700101000000_7_2.log"), "0123456789");
        assert_eq!(read("out_19700101000000_7_3.log"), "abcdefghij");
    }

    #[test]
    fn with_one_file_the_old_text_goes() {
        let folder = tempfile::tempdir().unwrap();
        for max_files in [0, 1] {
            let limits = LogFileOptions { max_bytes: 4, max_files, ..options(folder.path()) };
            let mut file = Rotating::create(&limits).unwrap();
            for text in [b"abcd", b"efgh"] {
                file.write(text).unwrap();
            }
            assert_eq!(names(folder.path()), ["out_19700101000000_7.log"]);
            assert_eq!(fs::read(file.path()).unwrap(), b"efgh");
        }
    }

    #[test]
    fn a_file_that_was_deleted_is_begun_anew_at_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = Rotating::create(&LogFileOptions { max_bytes: 4, ..options(folder.path()) }).unwrap();
        file.write(b"abcd").unwrap();
        fs::remove_file(file.path()).unwrap();
        file.write(b"efgh").unwrap();
        assert_eq!(fs::read(file.path()).unwrap(), b"efgh");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_that_says_so() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let error = LogFile::create(options(&folder.path().join("file/sub"))).unwrap_err();
        assert!(matches!(&error, LogFileError::Folder { .. }), "{error}");
        assert!(error.to_string().contains("file/sub for the stdout log cannot be created: "), "{error}");
        let error = LogFile::create(options(&folder.path().join("file"))).unwrap_err();
        assert!(error.to_string().contains("stdoutLogFile"), "{error}");
    }

    #[test]
    fn what_is_no_file_is_not_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out_19700101000000_7.log");
        let target = folder.path().join("target");
        std::os::unix::fs::symlink(&target, &path).unwrap();
        let error = LogFile::create(options(folder.path())).unwrap_err();
        assert!(matches!(error, LogFileError::Open { .. }), "{error}");
        assert!(!target.exists());
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(LogFile::create(options(folder.path())).is_err());
        fs::remove_dir(&path).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)
            .unwrap();
        assert!(LogFile::create(options(folder.path())).is_err());
    }

    #[test]
    fn a_full_disk_leaves_a_gap_that_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let full = || Rotating::to(Path::new("/dev/full"), &folder.path().join("full"));
        let mut writer = Writer { file: full(), lost: 0, failing: false };
        writer.write(b"12345");
        writer.write(b"67890");
        assert!(writer.failing);
        assert_eq!(writer.lost, 10);
        writer.file.replace_file(Rotating::create(&options(folder.path())).unwrap());
        writer.write(b"again\n");
        assert!(!writer.failing);
        let text = fs::read_to_string(folder.path().join("out_19700101000000_7.log")).unwrap();
        assert_eq!(text, "\n[mews: 10 bytes of output are missing here: they could not be written]\nagain\n");
        // And the whole thing does not mind either.
        let mut log = LogFile::start(full()).unwrap();
        log.write(b"lost");
    }

    #[test]
    fn a_disk_that_is_too_slow_costs_output_not_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = Rotating::create(&options(folder.path())).unwrap();
        let path = file.path().to_owned();
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() });
        let mut log = LogFile { path: path.clone(), shared: Arc::clone(&shared) };
        // Nobody writes yet.
        let line = [b"z".repeat(1023), b"\n".to_vec()].concat();
        for _ in 0..4096 {
            log.write(&line);
        }
        assert_eq!(shared.lock().waiting.len(), MOST_WAITING);
        let writer = thread::spawn(move || shared.run(file));
        drop(log);
        writer.join().unwrap();
        let text = fs::read_to_string(path).unwrap();
        let missing = 3 << 20;
        assert!(text.ends_with(&note(missing, "the disk is too slow")));
    }
}
