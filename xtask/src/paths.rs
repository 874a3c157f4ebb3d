//! Where things are in this repository and its build output. Knows names of folders, reads nothing.

use std::path::{Path, PathBuf};

/// The repository's root folder.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// Cargo's build output: `CARGO_TARGET_DIR` when set, else `target` in the root.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) if !dir.is_empty() => {
            std::path::absolute(PathBuf::from(&dir)).unwrap_or_else(|_| dir.into())
        }
        _ => root().join("target"),
    }
}

/// The private .NET; used as `DOTNET_ROOT` when no other is found.
pub(crate) fn private_dotnet() -> PathBuf {
    target().join("dotnet")
}

/// One publish folder per C# project.
pub(crate) fn managed_output() -> PathBuf {
    target().join("managed")
}

/// The built `mews` of a cargo profile folder (`debug` or `release`).
pub(crate) fn mews(profile_folder: &str) -> PathBuf {
    target().join(profile_folder).join("mews")
}

/// A path as people read it: relative to the root where it lies inside.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
