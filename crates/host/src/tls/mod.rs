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
//! | `source` | which files: of the command line, or of sites |
//! | `keeper` | notices changed files |
//! | `spec` | the form that crosses to workers |

mod file;
mod keeper;
mod load;
mod options;
mod pfx;
mod self_signed;
mod source;
mod spec;

pub(crate) use keeper::{Keeper, News};
pub(crate) use options::TlsOptions;
pub(crate) use source::{Configured, Source};
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

    /// The same, where the host's configuration names the files.
    fn in_configuration(self) -> Self {
        let origin = match self.origin {
            "--tls-key" => "key",
            "--tls-ocsp" => "ocsp",
            "--tls-password-file" => "password_file",
            "--client-ca" => "client_ca",
            _ => "cert",
        };
        Self { origin, problem: in_configuration(&self.problem), ..self }
    }

    fn of_option(origin: &'static str, problem: impl Into<String>) -> Self {
        Self { origin, path: None, problem: problem.into() }
    }
}

fn shown(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| format!(" {}", path.display()))
}

/// Names options as the host's configuration does.
fn in_configuration(text: &str) -> String {
    let mut text = text.to_owned();
    for (option, name) in [
        ("--client-certificates allow or require", "client_certificates = \"allow\" or \"require\""),
        ("--tls-password-file", "password_file"),
        ("--tls-cert", "cert"),
        ("--tls-key", "key"),
        ("--tls-ocsp", "ocsp"),
        ("--client-ca", "client_ca"),
    ] {
        text = text.replace(option, name);
    }
    text
}
