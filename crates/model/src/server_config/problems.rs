//! What came of reading a file.

use super::ServerConfig;
use crate::diagnostic::{Diagnostic, Source, render};

/// A file without errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// What it says.
    pub config: ServerConfig,
    /// The text that the warnings point into.
    pub source: Source,
    /// In the order of the file.
    pub warnings: Vec<Diagnostic>,
}

/// Everything that is wrong with a file; at least one error among it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// The text that they point into.
    pub source: Source,
    /// In the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

impl Problems {
    /// For a terminal: every problem with its line.
    pub fn render(&self) -> String {
        render(&self.diagnostics, &self.source)
    }
}
