//! What was found, for people and for machines.

use std::fmt::Write as _;
use std::path::PathBuf;

use mews_model::{HostingModel, Severity, StatusCode};
use serde_json::{Map, Value, json};

use super::problem::Problem;

/// Everything that was found.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) folder: Option<PathBuf>,
    /// The model and why.
    pub(super) hosting_model: Option<(HostingModel, &'static str)>,
    /// Facts worth knowing: name and value.
    pub(super) facts: Vec<(&'static str, String)>,
    /// The middle of `would … .`: what would be started and how. `None` when that is not known.
    pub(super) start: Option<String>,
    pub(super) problems: Vec<Problem>,
}

impl Report {
    pub(super) fn add(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn fact(&mut self, name: &'static str, value: impl Into<String>) {
        self.facts.push((name, value.into()));
    }

    pub(super) fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    pub(super) fn has_status(&self, status: StatusCode) -> bool {
        self.problems.iter().any(|problem| problem.status == Some(status))
    }

    /// The problems of texts as `mews run` logs them.
    pub(super) fn one_lines(&self) -> Vec<String> {
        self.problems.iter().filter_map(Problem::one_line).collect()
    }

    pub(super) fn count(&self, severity: Severity) -> usize {
        self.problems.iter().filter(|problem| problem.severity == severity).count()
    }

    /// The status of the first error that has one.
    pub(super) fn status(&self) -> Option<StatusCode> {
        let mut errors = self.problems.iter().filter(|problem| problem.severity == Severity::Error);
        errors.find_map(|problem| problem.status)
    }

    /// One line: what would happen.
    fn summary(&self) -> String {
        if self.has_errors() {
            return match (self.status(), &self.start) {
                (Some(status), _) => {
                    format!("would not start ('mews explain {status}' tells more about {status})")
                }
                (None, Some(start)) => format!("would not run as asked; otherwise it would {start}"),
                (None, None) => "would not start".to_owned(),
            };
        }
        match &self.start {
            Some(start) => format!("would {start}"),
            None => "nothing is wrong with it".to_owned(),
        }
    }

    /// Every problem, with an empty line behind each.
    pub(super) fn problem_text(&self) -> String {
        self.problems.iter().map(|problem| format!("{}\n\n", problem.text())).collect()
    }

    /// The folder, and what is known about it.
    pub(super) fn fact_text(&self) -> String {
        let mut out = String::new();
        // Writing to a `String` cannot fail, here and below.
        if let Some(folder) = &self.folder {
            let _ = writeln!(out, "{}", folder.display());
        }
        if let Some((model, why)) = self.hosting_model {
            let _ = writeln!(out, "  hosting model: {model}, {why}");
        }
        for (name, value) in &self.facts {
            let _ = writeln!(out, "  {name}: {value}");
        }
        out
    }

    pub(super) fn text(&self) -> String {
        let errors = count(self.count(Severity::Error), "error");
        let warnings = count(self.count(Severity::Warning), "warning");
        format!("{}{}{errors}, {warnings}: {}\n", self.problem_text(), self.fact_text(), self.summary())
    }

    pub(super) fn json(&self) -> String {
        format!("{:#}\n", self.value())
    }

    pub(super) fn value(&self) -> Value {
        let facts: Map<String, Value> =
            self.facts.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.clone()))).collect();
        json!({
            "folder": self.folder.as_ref().map(|folder| folder.to_string_lossy()),
            "hostingModel": self.hosting_model.map(|(model, _)| model),
            "hostingModelReason": self.hosting_model.map(|(_, why)| why),
            "facts": facts,
            "wouldStart": !self.has_errors() && self.start.is_some(),
            "status": self.status().map(|status| status.to_string()),
            "summary": self.summary(),
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
            "problems": self.problems.iter().map(Problem::json).collect::<Vec<_>>(),
        })
    }
}

/// `1 error`, `2 errors`
pub(super) fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    }
}
