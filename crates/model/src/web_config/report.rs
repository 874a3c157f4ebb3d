//! Where problems are collected while files are read.

use std::ops::Range;

use crate::diagnostic::{Diagnostic, Severity, Source};

/// More problems than these are not told: nobody reads them, and each costs a look through the file.
const MOST: usize = 100;

/// A place in one of the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Which file.
    pub(crate) layer: usize,
    /// First byte.
    pub(crate) start: usize,
    /// First byte behind.
    pub(crate) end: usize,
}

impl Place {
    pub(crate) fn new(layer: usize, range: Range<usize>) -> Self {
        Self { layer, start: range.start, end: range.end }
    }
}

/// What is wrong, so far.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    sources: &'a [Source],
    found: Vec<(Place, Diagnostic)>,
    /// Whether something violates the schema.
    pub(crate) violates_schema: bool,
    /// Whether warnings are left out: a parent's file has been warned about with its own app.
    pub(crate) quiet: bool,
    more: bool,
}

impl<'a> Report<'a> {
    pub(crate) fn new(sources: &'a [Source]) -> Self {
        Self { sources, found: Vec::new(), violates_schema: false, quiet: false, more: false }
    }

    /// Whether nothing more is taken down, so that looking on is of no use.
    pub(crate) fn is_full(&self) -> bool {
        self.more
    }

    /// An error of the kind that IIS answers with 500.19.
    pub(crate) fn violation(
        &mut self,
        at: Place,
        message: impl Into<String>,
        adorn: impl FnOnce(Diagnostic) -> Diagnostic,
    ) {
        self.violates_schema = true;
        self.push(at, Severity::Error, message.into(), adorn);
    }

    /// An error that the module itself finds, answered with 500.0.
    pub(crate) fn refusal(
        &mut self,
        at: Place,
        message: impl Into<String>,
        adorn: impl FnOnce(Diagnostic) -> Diagnostic,
    ) {
        self.push(at, Severity::Error, message.into(), adorn);
    }

    /// Something that is hardly meant so.
    pub(crate) fn warning(
        &mut self,
        at: Place,
        message: impl Into<String>,
        adorn: impl FnOnce(Diagnostic) -> Diagnostic,
    ) {
        if !self.quiet {
            self.push(at, Severity::Warning, message.into(), adorn);
        }
    }

    /// The one attribute that the module cannot do without. It is not asked for where it was misspelt, or where the
    /// section is kept elsewhere.
    pub(crate) fn missing_process_path(&mut self, at: Place) {
        let told = |problem: &Diagnostic| {
            let misspelt = problem.help.as_deref().is_some_and(|help| help.contains("'processPath'"));
            misspelt || problem.message.starts_with("aspNetCore is kept elsewhere")
        };
        if !self.found.iter().any(|(_, problem)| told(problem)) {
            self.refusal(at, "the attribute 'processPath' is missing", |problem| {
                problem.help("write for instance processPath=\"dotnet\" arguments=\".\\Shop.dll\"")
            });
        }
    }

    fn push(
        &mut self,
        at: Place,
        severity: Severity,
        message: String,
        adorn: impl FnOnce(Diagnostic) -> Diagnostic,
    ) {
        if self.found.len() >= MOST {
            self.more = true;
            return;
        }
        // What counts for several paths is looked at for each.
        if self.found.iter().any(|(place, problem)| *place == at && problem.message == message) {
            return;
        }
        let Some(source) = self.sources.get(at.layer) else { return };
        let diagnostic = match severity {
            Severity::Error => source.error(at.start..at.end, message),
            Severity::Warning => source.warning(at.start..at.end, message),
        };
        self.found.push((at, adorn(diagnostic)));
    }

    /// Line and file of a place, for messages about another one.
    pub(crate) fn show(&self, at: Place) -> String {
        let Some(source) = self.sources.get(at.layer) else { return String::new() };
        format!("{}:{}", source.file, source.span(at.start..at.end).line)
    }

    /// The problems in the order of the files, and whether one of them is an error.
    pub(crate) fn finish(mut self) -> (Vec<Diagnostic>, bool) {
        self.found.sort_by_key(|(at, _)| (at.layer, at.start));
        let mut all: Vec<Diagnostic> = self.found.into_iter().map(|(_, diagnostic)| diagnostic).collect();
        if self.more
            && let Some(source) = self.sources.last()
        {
            let message = format!("there are more than {MOST} problems; the others are not shown");
            all.push(source.error_in_file(message).help("mend these first"));
        }
        let failed = self.more || all.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        (all, failed)
    }
}
