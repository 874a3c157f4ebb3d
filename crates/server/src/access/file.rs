//! The file of an access log. Several processes may write to one: each appends whole lines, whoever finds that a new file
//! is due renames the current one under its lock, and the others notice that its name is another file's now. So they do
//! when `logrotate` renames it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use mews_model::server_config::{AccessLog, Period};
use rustix::fs::{FlockOperation, OFlags, flock};

use super::format;
use super::log::Sink;
use crate::clock::{self, Utc, utc};

/// Attempts to find the file where its name says; others may rename it at the same time.
const ATTEMPTS: usize = 8;

/// Why a log file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the access log {path} cannot be opened: {source}; check the folder and its permissions")]
pub struct FileError {
    path: String,
    source: io::Error,
}

/// See the module's documentation.
#[derive(Debug)]
pub struct RotatingFile {
    options: AccessLog,
    current: Current,
}

#[derive(Debug)]
struct Current {
    file: File,
    identity: (u64, u64),
    /// Number of the period that the file's lines belong to.
    period: i64,
}

impl RotatingFile {
    /// Opens the file, with the folders that are missing.
    ///
    /// # Errors
    /// It cannot be opened for appending.
    pub fn open(options: AccessLog) -> Result<Self, FileError> {
        let opened = options.file.parent().map_or(Ok(()), fs::create_dir_all);
        match opened.and_then(|()| open(&options, clock::real_ms())) {
            Ok(current) => Ok(Self { options, current }),
            Err(source) => Err(FileError { path: options.file.display().to_string(), source }),
        }
    }

    fn write_at(&mut self, lines: &[u8], now_ms: i64) -> io::Result<()> {
        for _ in 0..ATTEMPTS {
            if identity_of(&self.options.file) != Some(self.current.identity) {
                self.current = open(&self.options, now_ms)?;
            }
            if !self.is_due(lines.len(), now_ms)? {
                break;
            }
            self.rotate(now_ms)?;
        }
        let mut file = &self.current.file;
        file.write_all(lines)
    }

    fn is_due(&self, more: usize, now_ms: i64) -> io::Result<bool> {
        let length = self.current.file.metadata()?.len();
        let begun = format::header(self.options.format, now_ms).len() as u64;
        let full = self.options.max_bytes.is_some_and(|most| length + more as u64 > most);
        let old = self.current.period != period(self.options.period, now_ms);
        Ok(length > begun && (full || old))
    }

    /// Gives the current file its last name, unless somebody else just did.
    fn rotate(&mut self, now_ms: i64) -> io::Result<()> {
        let lock = Lock::of(&self.current.file);
        if identity_of(&self.options.file) == Some(self.current.identity) {
            let written = self.current.file.metadata()?.mtime();
            let name = (1..1000).map(|number| archived(&self.options.file, written, number));
            let free = name.into_iter().find(|name| !name.exists()).ok_or(ErrorKind::AlreadyExists)?;
            fs::rename(&self.options.file, free)?;
            remove_old(&self.options);
        }
        drop(lock);
        self.current = open(&self.options, now_ms)?;
        Ok(())
    }
}

impl Sink for RotatingFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.write_at(lines, clock::real_ms())
    }

    fn name(&self) -> String {
        self.options.file.display().to_string()
    }
}

/// A lock on a file among the processes that write to it; some file systems know none.
struct Lock<'a>(&'a File);

impl<'a> Lock<'a> {
    fn of(file: &'a File) -> Self {
        let _ = flock(file, FlockOperation::LockExclusive);
        Self(file)
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        let _ = flock(self.0, FlockOperation::Unlock);
    }
}

fn open(options: &AccessLog, now_ms: i64) -> io::Result<Current> {
    // Its folder may be anybody's: no link is followed, and no pipe waited for.
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).map_err(io::Error::other)?;
    for _ in 0..ATTEMPTS {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o640)
            .custom_flags(flags)
            .open(&options.file)?;
        let lock = Lock::of(&file);
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is there and not a regular file"));
        }
        let identity = (metadata.dev(), metadata.ino());
        if identity_of(&options.file) != Some(identity) {
            continue;
        }
        let began_ms = if metadata.len() == 0 { now_ms } else { metadata.mtime().saturating_mul(1000) };
        let header = if metadata.len() == 0 { format::header(options.format, now_ms) } else { Vec::new() };
        let written = (&file).write_all(&header);
        drop(lock);
        written?;
        return Ok(Current { file, identity, period: period(options.period, began_ms) });
    }
    Err(io::Error::new(ErrorKind::ResourceBusy, "it is renamed again and again"))
}

fn identity_of(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// The number of the period that a moment belongs to.
fn period(period: Period, ms: i64) -> i64 {
    let hours = ms.div_euclid(3_600_000);
    let days = hours.div_euclid(24);
    match period {
        Period::Never => 0,
        Period::Hourly => hours,
        Period::Daily => days,
        // The first of January 1970 was a Thursday.
        Period::Weekly => (days + 3).div_euclid(7),
        Period::Monthly => {
            let Utc { year, month, .. } = utc(ms.div_euclid(1000));
            i64::from(year) * 12 + i64::from(month)
        }
    }
}

/// `access.log`, last written to then, becomes `access-20261128-120203.log`, or `access-20261128-120203-2.log`.
fn archived(path: &Path, second: i64, number: u32) -> PathBuf {
    let (stem, extension) = name_parts(path);
    let Utc { year, month, day, hour, minute, second } = utc(second);
    let more = if number > 1 { format!("-{number}") } else { String::new() };
    let stamp = format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}");
    path.with_file_name(format!("{stem}-{stamp}{more}{extension}"))
}

fn name_parts(path: &Path) -> (String, String) {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
    (stem, extension.unwrap_or_default())
}

/// The time and the number in the name of a file that was archived from `path`.
fn stamp_of(path: &Path, name: &str) -> Option<(String, u32)> {
    let (stem, extension) = name_parts(path);
    let middle = name.strip_prefix(&stem)?.strip_prefix('-')?.strip_suffix(&extension)?;
    let (stamp, more) = middle.split_at_checked(15)?;
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (date, time) = stamp.split_once('-')?;
    let number = match more.strip_prefix('-') {
        None if more.is_empty() => 1,
        None => return None,
        Some(number) => number.parse().ok().filter(|_| digits(number))?,
    };
    (date.len() == 8 && digits(date) && digits(time)).then(|| (stamp.to_owned(), number))
}

/// Removes the oldest archived files. One that cannot be deleted is too many, not a reason to lose what comes.
fn remove_old(options: &AccessLog) {
    let Some(keep) = options.keep else { return };
    let Some(entries) = options.file.parent().and_then(|folder| fs::read_dir(folder).ok()) else { return };
    let mut old: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let stamp = stamp_of(&options.file, entry.file_name().to_str()?)?;
            Some((stamp, entry.path()))
        })
        .collect();
    old.sort();
    let keep = usize::try_from(keep).unwrap_or(usize::MAX);
    for (_, path) in old.iter().take(old.len().saturating_sub(keep)) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
