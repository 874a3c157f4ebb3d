//! A file that gives way to a new one when it is full.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

use super::file_name;
use super::log_file::{LogFileError, LogFileOptions};

/// How many writers may use the same name at once.
const MOST_SIBLINGS: u32 = 1000;

/// The current file and those before it.
#[derive(Debug)]
pub(super) struct Rotating {
    path: PathBuf,
    file: File,
    /// In the current file, what was there before us included.
    length: u64,
    /// 0: no limit.
    max_bytes: u64,
    /// At least 1.
    max_files: u32,
    /// How many were filled.
    filled: u32,
}

impl Rotating {
    /// Opens the file, with the folders that are missing. Appends to one that is there, unless somebody writes
    /// to it at the moment: then one beside it is taken.
    pub(super) fn create(options: &LogFileOptions) -> Result<Self, LogFileError> {
        let named = |sibling| file_name::current(&options.prefix, options.started, options.pid, sibling);
        if let Some(folder) = named(1).parent() {
            fs::create_dir_all(folder)
                .map_err(|source| LogFileError::Folder { folder: folder.to_owned(), source })?;
        }
        let mut last = named(1);
        for sibling in 1..=MOST_SIBLINGS {
            let path = named(sibling);
            match open(&path) {
                Ok(Some((file, length))) => {
                    let max_files = u32::try_from(options.max_files).unwrap_or(u32::MAX).max(1);
                    return Ok(Self {
                        path,
                        file,
                        length,
                        max_bytes: options.max_bytes,
                        max_files,
                        filled: 0,
                    });
                }
                Ok(None) => last = path,
                Err(source) => return Err(LogFileError::Open { path, source }),
            }
        }
        Err(LogFileError::Open { path: last, source: ErrorKind::ResourceBusy.into() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes all of it; a chunk is not divided between files unless it alone is over the limit.
    ///
    /// # Errors
    /// With how much was written before it failed.
    pub(super) fn write(&mut self, mut bytes: &[u8]) -> Result<(), Failed> {
        let mut written = 0;
        let mut rotation = Ok(());
        while !bytes.is_empty() {
            let mut now = bytes;
            if self.max_bytes > 0 {
                let room = self.max_bytes.saturating_sub(self.length);
                let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= room);
                if !fits && self.length > 0 && rotation.is_ok() {
                    rotation = self.rotate();
                    if rotation.is_ok() {
                        continue;
                    }
                }
                // If there is no new file, the old one grows: better too long than lost.
                if !fits && rotation.is_ok() {
                    now = bytes.get(..usize::try_from(room).unwrap_or(bytes.len())).unwrap_or(bytes);
                }
            }
            match self.file.write(now) {
                Ok(0) => return Err(Failed { written, error: ErrorKind::WriteZero.into() }),
                Ok(count) => {
                    written += count;
                    self.length += count as u64;
                    bytes = bytes.get(count..).unwrap_or_default();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Failed { written, error }),
            }
        }
        rotation.map_err(|error| Failed { written, error })
    }

    /// Gives the current file its number and begins a new one.
    fn rotate(&mut self) -> io::Result<()> {
        let number = self.filled + 1;
        if self.max_files == 1 {
            remove(&self.path)?;
        } else {
            match fs::rename(&self.path, file_name::full(&self.path, number)) {
                // Somebody has tidied up.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                renamed => renamed?,
            }
        }
        self.filled = number;
        if let Some(oldest) = number.checked_sub(self.max_files - 1).filter(|&oldest| oldest > 0)
            && self.max_files > 1
        {
            // One that cannot be deleted is too many, not a reason to lose what comes.
            let _ = remove(&file_name::full(&self.path, oldest));
        }
        let (file, length) = open(&self.path)?.ok_or(ErrorKind::ResourceBusy)?;
        (self.file, self.length) = (file, length);
        Ok(())
    }

    /// Removes the file if nothing was ever written to it.
    pub(super) fn finish(self) {
        let Ok(ours) = self.file.metadata() else { return };
        let same =
            fs::symlink_metadata(&self.path).is_ok_and(|it| (it.dev(), it.ino()) == (ours.dev(), ours.ino()));
        if ours.is_file() && ours.len() == 0 && self.filled == 0 && same {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A write that did not write everything.
#[derive(Debug)]
pub(super) struct Failed {
    /// In bytes.
    pub(super) written: usize,
    pub(super) error: io::Error,
}

/// Opens for appending; with its length. `None` if somebody else writes to it.
fn open(path: &Path) -> io::Result<Option<(File, u64)>> {
    // The name can be foreseen, and its folder may be anybody's: no link is followed, and no pipe waited for.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().append(true).create(true).mode(0o640).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is there and not a regular file"));
    }
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => Ok(None),
        // Some file systems know no locks; then two writers may share a file.
        _ => Ok(Some((file, metadata.len()))),
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
impl Rotating {
    /// Writes to a device, which is not at `path`.
    pub(super) fn to(device: &Path, path: &Path) -> Self {
        let file = OpenOptions::new().append(true).open(device).unwrap();
        Self { path: path.to_owned(), file, length: 0, max_bytes: 0, max_files: 1, filled: 0 }
    }

    pub(super) fn replace_file(&mut self, other: Self) {
        self.file = other.file;
    }
}
