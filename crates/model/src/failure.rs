//! Why an application is not running: the one text that the log, the failure page and (later)
//! the status command all show.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::status::StatusCode;

/// A start failure or a crash, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The status that requests are answered with meanwhile.
    pub code: StatusCode,
    /// One plain sentence.
    pub cause: String,
    /// What to do about it.
    pub cure: String,
    /// Lines for a developer: may hold secrets, so it is shown to clients only when detailed errors are on.
    pub detail: Option<String>,
}

impl Failure {
    /// A failure with the status's own cure.
    pub fn new(code: StatusCode, cause: impl Into<String>) -> Self {
        Self { code, cause: cause.into(), cure: code.cure().to_owned(), detail: None }
    }

    /// The same failure with another cure.
    #[must_use]
    pub fn with_cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = cure.into();
        self
    }

    /// The same failure with lines for a developer. Empty lines count as none.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        self.detail = (!detail.trim().is_empty()).then_some(detail);
        self
    }
}

impl fmt::Display for Failure {
    /// `500.30: The app ended with exit code 12 before its server had started.`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.cause)
    }
}
