//! The file that says what `mews serve` hosts: `mews.toml`, or an `applicationHost.config` of IIS.
//!
//! What may stand in it is known to [`mews_model::server_config`]; here it is only fetched.

use std::fmt;
use std::path::Path;

use mews_model::server_config::{self, Loaded, Problems, Surroundings};

use crate::app::{environment, file};

/// The file when none is named.
pub(crate) const DEFAULT_PATH: &str = "/etc/mews/mews.toml";

/// Why a file cannot be used.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// It could not be read. One sentence without its full stop, and what to do.
    Unreadable { problem: String, cure: String },
    /// What it says is wrong.
    Problems(Box<Problems>),
}

impl fmt::Display for LoadError {
    /// For a terminal, with every problem.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { problem, cure } => write!(f, "{problem}; {cure}"),
            Self::Problems(problems) => {
                write!(f, "{} cannot be used\n{}", problems.source.file, problems.render())
            }
        }
    }
}

/// Reads a file. Relative paths in it are relative to the folder of `path` (as it is named, also where that is a
/// symbolic link); `%NAME%` stands for variables of this process.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn load(path: &Path) -> Result<Loaded, LoadError> {
    let unreadable = |error: std::io::Error| {
        let problem = format!("{} cannot be read: {error}", path.display());
        let cure = match error.kind() {
            std::io::ErrorKind::NotFound => {
                format!("write it, or name another with --config [{DEFAULT_PATH}]")
            }
            _ => "check that it is a file that Mews may read".to_owned(),
        };
        LoadError::Unreadable { problem, cure }
    };
    let bytes = file::read(path).map_err(unreadable)?;
    let absolute = std::path::absolute(path).map_err(unreadable)?;
    let inherited = environment::inherited();
    let surroundings = Surroundings {
        file: &path.to_string_lossy(),
        folder: absolute.parent().unwrap_or(Path::new("/")),
        variable: &|name| inherited.get(name).map(str::to_owned),
        processors: std::thread::available_parallelism()
            .map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX)),
    };
    server_config::read(&bytes, surroundings).map_err(LoadError::Problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loaded_and_what_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mews.toml");
        let error = load(&path).unwrap_err().to_string();
        assert!(error.contains("mews.toml cannot be read") && error.contains("--config"), "{error}");
        std::fs::write(&path, "[[site]]\nname = 'a'\nbindings = ['http://*:80']\nphysical_path = 'app'\n")
            .unwrap();
        let loaded = load(&path).unwrap();
        assert_eq!(loaded.config.sites[0].applications[0].physical_path, folder.path().join("app"));
        assert!(loaded.warnings.is_empty());
        std::fs::write(&path, "[[site]]\nname = 5\n").unwrap();
        let error = load(&path).unwrap_err().to_string();
        assert!(error.contains("mews.toml:2:8") && error.contains("cannot be used"), "{error}");
    }
}
