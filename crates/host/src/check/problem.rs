//! One thing that is wrong, or may be.

use std::fmt::Write as _;

use mews_model::diagnostic::{Source, Span, render};
use mews_model::{Diagnostic, Failure, Severity, StatusCode};
use serde_json::{Value, json};

/// A problem, with or without a place in a file.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) severity: Severity,
    /// The status that requests would be answered with.
    pub(super) status: Option<StatusCode>,
    file: Option<String>,
    span: Option<Span>,
    message: String,
    expected: Option<String>,
    help: Option<String>,
    detail: Option<String>,
    /// As a compiler would show it, where there is a text to show.
    rendered: Option<String>,
}

impl Problem {
    /// A problem of no place.
    pub(super) fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self {
            severity,
            status: None,
            file: None,
            span: None,
            message: message.into(),
            expected: None,
            help: None,
            detail: None,
            rendered: None,
        }
    }

    /// What `mews run` would fail with.
    pub(super) fn failure(failure: Failure) -> Self {
        let Failure { code, cure, detail, .. } = &failure;
        Self {
            status: Some(*code),
            help: Some(cure.clone()).filter(|cure| !cure.is_empty()),
            detail: detail.clone(),
            ..Self::new(Severity::Error, failure.explanation())
        }
    }

    /// A place in a text.
    pub(super) fn in_text(diagnostic: &Diagnostic, source: Option<&Source>) -> Self {
        Self {
            file: Some(diagnostic.file.clone()),
            span: diagnostic.span,
            expected: diagnostic.expected.clone(),
            help: diagnostic.help.clone(),
            rendered: source.map(|source| render(std::slice::from_ref(diagnostic), source)),
            ..Self::new(diagnostic.severity, diagnostic.message.clone())
        }
    }

    /// The same with the status that it leads to.
    pub(super) fn status(self, status: StatusCode) -> Self {
        Self { status: Some(status), ..self }
    }

    /// The same with what to do.
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// The same with the file that it is about.
    pub(super) fn file(self, file: impl Into<String>) -> Self {
        Self { file: Some(file.into()), ..self }
    }

    /// As [`Diagnostic::one_line`] has it, for what is about a text.
    pub(super) fn one_line(&self) -> Option<String> {
        let diagnostic = Diagnostic {
            severity: self.severity,
            file: self.file.clone()?,
            span: self.span,
            message: self.message.clone(),
            expected: self.expected.clone(),
            help: self.help.clone(),
        };
        Some(diagnostic.one_line())
    }

    /// Several lines, the last without its end.
    pub(super) fn text(&self) -> String {
        let mut out = match &self.rendered {
            Some(rendered) => rendered.clone(),
            None => self.plain(),
        };
        for line in self.detail.iter().flat_map(|detail| detail.lines()) {
            // Writing to a `String` cannot fail.
            let _ = write!(out, "\n   | {line}");
        }
        out
    }

    fn plain(&self) -> String {
        let name = severity_name(self.severity);
        let status = self.status.map_or_else(String::new, |status| format!("[{status}]"));
        let mut out = format!("{name}{status}: {}", self.message);
        // Writing to a `String` cannot fail, here and below.
        let _ = match (&self.file, self.span) {
            (Some(file), Some(span)) => write!(out, "\n  --> {file}:{}:{}", span.line, span.column),
            (Some(file), None) => write!(out, "\n  --> {file}"),
            (None, _) => Ok(()),
        };
        for (name, text) in [("expected", &self.expected), ("help", &self.help)] {
            if let Some(text) = text {
                let _ = write!(out, "\n   = {name}: {text}");
            }
        }
        out
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "severity": severity_name(self.severity),
            "status": self.status.map(|status| status.to_string()),
            "file": self.file,
            "line": self.span.map(|span| span.line),
            "column": self.span.map(|span| span.column),
            "length": self.span.map(|span| span.length),
            "message": self.message,
            "expected": self.expected,
            "help": self.help,
            "detail": self.detail,
        })
    }
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
