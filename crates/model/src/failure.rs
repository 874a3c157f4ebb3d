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
    /// One plain sentence. Clients see it, so it holds nothing that the app said.
    pub cause: String,
    /// What the app itself gave as the reason, one line (an exception's message). May hold secrets: shown
    /// to clients only when detailed errors are on.
    pub reason: Option<String>,
    /// What to do about it.
    pub cure: String,
    /// Lines for a developer; may hold secrets as well.
    pub detail: Option<String>,
}

impl Failure {
    /// A failure with the status's own cure.
    pub fn new(code: StatusCode, cause: impl Into<String>) -> Self {
        Self { code, cause: cause.into(), reason: None, cure: code.cure().to_owned(), detail: None }
    }

    /// The same failure with another cure.
    #[must_use]
    pub fn with_cure(mut self, cure: impl Into<String>) -> Self {
        self.cure = cure.into();
        self
    }

    /// The same failure with what the app gave as the reason. An empty text counts as none.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        self.reason = (!reason.trim().is_empty()).then_some(reason);
        self
    }

    /// The same failure with lines for a developer. Empty lines count as none.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        self.detail = (!detail.trim().is_empty()).then_some(detail);
        self
    }

    /// The failure as clients may see it.
    #[must_use]
    pub fn shown(self, detailed_errors: bool) -> Self {
        if detailed_errors {
            Self { cause: self.explanation(), reason: None, ..self }
        } else {
            Self { reason: None, detail: None, ..self }
        }
    }

    /// Cause and reason, for the log.
    pub fn explanation(&self) -> String {
        let Some(reason) = &self.reason else { return self.cause.clone() };
        let end = if reason.ends_with(['.', '!', '?']) { "" } else { "." };
        format!("{} {reason}{end}", self.cause)
    }
}

impl fmt::Display for Failure {
    /// For the log: everything but the detail.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}): {} {}", self.code, self.explanation(), self.cure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_see_what_the_app_said_only_when_they_may() {
        let failure = Failure::new(StatusCode::START_FAILED, "It ended.")
            .with_cure("Look.")
            .with_reason("System.Exception: password=1")
            .with_detail("at X");
        assert_eq!(failure.to_string(), "(500.30): It ended. System.Exception: password=1. Look.");
        let shown = failure.clone().shown(false);
        assert!(!format!("{shown:?}").contains("password") && shown.detail.is_none());
        let shown = failure.shown(true);
        assert_eq!(shown.cause, "It ended. System.Exception: password=1.");
        assert_eq!(shown.detail.as_deref(), Some("at X"));
    }
}
