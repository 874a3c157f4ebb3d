//! Errors that end the program, and the exit code that each kind has.

use std::fmt::Display;

/// Why the program ends. The text says what was wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fatal {
    /// The app or the host failed.
    #[error("{0}")]
    Failed(String),
    /// The command line is well-formed, but makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The app folder or a configuration file cannot be used as it is.
    #[error("{0}")]
    Configuration(String),
}

impl Fatal {
    /// The app or the host failed.
    pub(crate) fn failed(text: impl Display) -> Self {
        Self::Failed(text.to_string())
    }

    /// The app folder or a configuration file cannot be used as it is.
    pub(crate) fn configuration(text: impl Display) -> Self {
        Self::Configuration(text.to_string())
    }

    /// The program's exit code.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            // EX_CONFIG of sysexits.h.
            Self::Configuration(_) => 78,
        }
    }
}
