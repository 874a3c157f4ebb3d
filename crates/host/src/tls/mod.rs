//! Certificates for https URLs: read, checked and watched by the supervisor, handed to workers over the control
//! channel. A private key is never part of a command line, an environment or a log line.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `options` | what the command line says |
//! | `file` | one file's contents: PEM or PKCS#12 |
//! | `pfx` | the certificate, its issuers and the key in a PKCS#12 archive |
//! | `load` | all files together, with warnings |
//! | `self_signed` | a certificate for when none is given |
//! | `keeper` | notices changed files |
//! | `spec` | the form that crosses to workers |

mod file;
mod keeper;
mod load;
mod options;
mod pfx;
mod self_signed;
mod spec;

pub(crate) use keeper::{Keeper, News};
pub(crate) use options::TlsOptions;
pub(crate) use spec::TlsSpec;

use std::path::{Path, PathBuf};

/// Why certificates cannot be used: which file, what is wrong with it, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}{}: {problem}", shown(.path.as_deref()))]
pub(crate) struct TlsProblem {
    /// The option that named the file.
    origin: &'static str,
    path: Option<PathBuf>,
    problem: String,
}

impl TlsProblem {
    fn of_file(origin: &'static str, path: &Path, problem: impl Into<String>) -> Self {
        Self { origin, path: Some(path.to_owned()), problem: problem.into() }
    }

    fn of_option(origin: &'static str, problem: impl Into<String>) -> Self {
        Self { origin, path: None, problem: problem.into() }
    }
}

fn shown(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| format!(" {}", path.display()))
}
