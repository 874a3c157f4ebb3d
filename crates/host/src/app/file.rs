//! Reads a small file of the app's folder without ever waiting for it.
//!
//! The supervisor reads these files itself, and must not hang on a pipe or read a device without end.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// More than any of these files has a use for, in bytes.
const MOST_BYTES: u64 = 4 << 20;

/// The contents of a regular file; of a larger one, the beginning and at least one byte more than 4 MiB.
///
/// # Errors
/// When it cannot be opened or read, or is no regular file.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe waits for its other end unless told not to; regular files do not care.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same, of a file that must not be larger.
///
/// # Errors
/// Also when it is.
pub(crate) fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    let bytes = read(path)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other(format!("it is larger than {MOST_BYTES} bytes")));
    }
    Ok(bytes)
}

/// The same as text.
///
/// # Errors
/// Also when it is not UTF-8.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let bytes = read_whole(path)?;
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not valid UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "text").unwrap();
        assert_eq!(read_text(&file).unwrap(), "text");
        assert_eq!(read(folder.path()).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(read(&folder.path().join("gone")).unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::write(&file, b"\xff").unwrap();
        assert!(read_text(&file).unwrap_err().to_string().contains("UTF-8"));
        // Without end, and without a writer.
        assert!(read(Path::new("/dev/zero")).unwrap_err().to_string().contains("regular"));
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(read(&pipe).unwrap_err().to_string().contains("regular"));
    }

    #[test]
    fn what_is_too_large_is_cut_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::File::create(&file).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read(&file).unwrap().len() as u64, MOST_BYTES + 1);
        assert!(read_text(&file).unwrap_err().to_string().contains("larger"));
    }
}
