//! What a file is that is to be executed, before it is.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

const MACHINE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
const ELF_MACHINE: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };

/// Why a file that is there cannot be executed: what it is, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// What goes after the file's name: `is a folder`.
    pub(super) what: String,
    /// A sentence.
    pub(super) cure: String,
}

fn problem(what: impl Into<String>, cure: impl Into<String>) -> Option<Problem> {
    Some(Problem { what: what.into(), cure: cure.into() })
}

/// What is wrong with a file, if that can be told from outside.
pub(super) fn problem_of(path: &Path) -> Option<Problem> {
    if path.is_dir() {
        return problem("is a folder", "Name the executable in processPath, or dotnet.");
    }
    let head = head(path);
    let Ok(head) = head else {
        // It may be executable all the same; the system says if it is not.
        return (!is_executable(path)).then_some(()).and_then(|()| not_executable(path));
    };
    if head.starts_with(b"MZ") {
        return problem(
            "is a program for Windows",
            "Publish the app for Linux (dotnet publish -r linux-x64), or start its .dll: processPath=\"dotnet\" \
             arguments=\".\\App.dll\".",
        );
    }
    if let Some(class) = head.strip_prefix(b"\x7fELF").and_then(|rest| rest.first()) {
        let machine = head.get(18..20).and_then(|bytes| Some(u16::from_le_bytes(*bytes.first_chunk()?)));
        if (*class, machine) != (2, Some(ELF_MACHINE)) {
            let machine = match (class, machine) {
                (_, Some(3)) => "x86",
                (_, Some(40)) => "arm",
                (_, Some(62)) => "x64",
                (_, Some(183)) => "arm64",
                _ => "another kind of machine",
            };
            return problem(
                format!("is a program for {machine}, and this machine is {MACHINE}"),
                format!("Publish the app for this machine (dotnet publish -r linux-{MACHINE})."),
            );
        }
    }
    if is_executable(path) { None } else { not_executable(path) }
}

fn not_executable(path: &Path) -> Option<Problem> {
    problem(
        "is not executable for the user that mews runs as",
        format!("Set its permissions: chmod +x '{}'.", path.display()),
    )
}

fn head(path: &Path) -> std::io::Result<Vec<u8>> {
    if !path.metadata()?.is_file() {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let mut head = Vec::new();
    File::open(path)?.take(64).read_to_end(&mut head)?;
    Ok(head)
}

fn is_executable(path: &Path) -> bool {
    rustix::fs::access(path, Access::EXEC_OK).is_ok()
}

/// An executable of this name in the folders of `PATH`.
pub(super) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|file| file.is_file() && is_executable(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn elf(machine: u16) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(64, 0);
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes
    }

    #[test]
    fn what_cannot_be_executed_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("App");
        let other = if ELF_MACHINE == 62 { 183 } else { 62 };
        for (bytes, mode, expected) in [
            (b"#!/bin/sh\n".to_vec(), 0o755, None),
            (elf(ELF_MACHINE), 0o755, None),
            (elf(other), 0o755, Some("and this machine is")),
            (elf(3), 0o755, Some("for x86")),
            (b"MZ\x90".to_vec(), 0o755, Some("for Windows")),
            (elf(ELF_MACHINE), 0o644, Some("is not executable")),
        ] {
            fs::write(&file, &bytes).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            let found = problem_of(&file).map(|problem| problem.what);
            match expected {
                Some(part) => assert!(found.as_ref().is_some_and(|what| what.contains(part)), "{found:?}"),
                None => assert_eq!(found, None),
            }
        }
        assert_eq!(problem_of(folder.path()).unwrap().what, "is a folder");
    }

    #[test]
    fn the_shell_is_on_the_path() {
        assert!(on_path("sh").is_some_and(|sh| sh.is_absolute()));
        assert_eq!(on_path("no such program"), None);
    }
}
