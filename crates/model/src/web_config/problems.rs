//! Everything that is wrong with a file.

use crate::diagnostic::{Diagnostic, Severity, Source, render};
use crate::failure::Failure;
use crate::status::StatusCode;

/// The problems of one file (and of the files above it), at least one of them an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// The app's own file.
    pub source: Source,
    /// The files of applications above it, outermost first.
    pub parents: Vec<Source>,
    /// In the order of the files.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether the file violates the schema; otherwise it only asks for something that does not exist.
    pub violates_schema: bool,
}

impl Problems {
    /// For a terminal: every problem with its line.
    pub fn render(&self) -> String {
        let show = |diagnostic: &Diagnostic| {
            let parent = self.parents.iter().find(|source| source.file == diagnostic.file);
            let source = if diagnostic.file == self.source.file {
                &self.source
            } else {
                parent.unwrap_or(&self.source)
            };
            render(std::slice::from_ref(diagnostic), source)
        };
        let blocks: Vec<String> = self.diagnostics.iter().map(show).collect();
        blocks.join("\n\n")
    }

    /// For the log and the failure page. IIS answers 500.19 to what violates the schema and 500.0 to what the
    /// module itself refuses.
    pub fn failure(&self) -> Failure {
        let code =
            if self.violates_schema { StatusCode::BAD_CONFIGURATION } else { StatusCode::CANNOT_RESOLVE };
        let mut errors = self.diagnostics.iter().filter(|d| d.severity == Severity::Error);
        let first = errors.next().map_or_else(|| self.source.file.clone(), Diagnostic::one_line);
        let more = match errors.count() {
            0 => String::new(),
            1 => " (and one more problem)".to_owned(),
            count => format!(" (and {count} more problems)"),
        };
        Failure::new(code, format!("{first}{more}."))
            .with_cure(StatusCode::BAD_CONFIGURATION.cure())
            .with_detail(self.render())
    }
}
