//! Where the binary, the apps and .NET are. A missing one fails the test that needs it; nothing is skipped.

use std::path::{Path, PathBuf};

fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) if !dir.is_empty() => PathBuf::from(dir),
        _ => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"),
    }
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn existing(path: PathBuf, what: &str, variable: &str) -> PathBuf {
    match path.canonicalize() {
        Ok(path) => path,
        Err(error) => panic!(
            "{what} is not there: {}: {error}. Run `cargo xtask test`, which builds it and sets {variable}.",
            path.display()
        ),
    }
}

/// The interpreter that the distribution's modules belong to.
pub const PYTHON: &str = "/usr/bin/python3";

/// The `mews` under test.
///
/// # Panics
/// It is not there.
pub fn program() -> PathBuf {
    let path = variable("MEWS_TEST_BINARY").unwrap_or_else(|| target().join("debug/mews"));
    existing(path, "the program mews", "MEWS_TEST_BINARY")
}

/// The publish folder of the app `name`.
pub(crate) fn app(name: &str) -> PathBuf {
    let apps = variable("MEWS_TEST_APPS").unwrap_or_else(|| target().join("managed"));
    let folder = existing(apps.join(name), "the published app", "MEWS_TEST_APPS");
    existing(folder.join(format!("{name}.dll")), "the published app", "MEWS_TEST_APPS");
    folder
}

/// The folder that holds .NET's `dotnet`, `host` and `shared`.
///
/// # Panics
/// There is none.
pub fn dotnet_root() -> PathBuf {
    let path = variable("MEWS_TEST_DOTNET_ROOT")
        .or_else(|| variable("DOTNET_ROOT"))
        .unwrap_or_else(|| target().join("dotnet"));
    existing(path, "the folder of .NET", "MEWS_TEST_DOTNET_ROOT")
}

/// The program that plays an app's own process; its source says what it can do. Cargo builds it with the tests, beside them.
///
/// # Panics
/// It is not there.
pub fn unruly() -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its own program");
    // Test programs are in a folder `deps` of the profile's folder.
    let profile = own.parent().and_then(Path::parent).expect("the test program is in a folder of cargo's");
    let path = profile.join("unruly");
    match path.canonicalize() {
        Ok(path) => path,
        Err(error) => {
            panic!("{} is not there: {error}. Run `cargo build --package e2e --bins`.", path.display())
        }
    }
}

/// The program `azmcp`, a self-contained single-file ASP.NET Core app that nobody here wrote, or why it cannot be had here.
/// It unpacks libraries into `DOTNET_BUNDLE_EXTRACT_BASE_DIR`, else below `HOME`.
///
/// # Errors
/// `cargo xtask test` could not fetch it, and says why in the error; a test then says that it was left out.
pub fn mcp() -> Result<PathBuf, String> {
    let folder = variable("MEWS_TEST_MCP").unwrap_or_else(|| target().join("mcp"));
    let program = folder.join("dist/azmcp");
    if let Ok(program) = program.canonicalize() {
        return Ok(program);
    }
    let reason = std::fs::read_to_string(folder.join("unavailable.txt"));
    Err(reason.unwrap_or_else(|_| format!("{} is not there: run `cargo xtask test`", program.display())))
}

/// Whether .NET finds ICU here; without it, it starts only when told to do without.
pub(crate) fn has_icu() -> bool {
    let folders = [
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
        "/lib",
        "/usr/local/lib",
    ];
    folders.iter().any(|folder| {
        let Ok(entries) = std::fs::read_dir(folder) else { return false };
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libicuuc.so"))
    })
}
