//! Problems in a text that a person wrote: where, what, and how to mend it.
//!
//! Rendered like a compiler's, with the line and a caret below the place.

use std::fmt::Write as _;
use std::ops::Range;

/// The text that diagnostics point into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// How the file is called in messages.
    pub file: String,
    /// Its whole text.
    pub text: String,
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The text cannot be used.
    Error,
    /// It can, but hardly as it was meant.
    Warning,
}

/// A place in a text, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// In characters, at least 1; ends at the line's end at the latest.
    pub length: usize,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as in [`Source::file`].
    pub file: String,
    /// Where in the file; `None` when it concerns the whole.
    pub span: Option<Span>,
    /// What is wrong, with the offending text; no full stop.
    pub message: String,
    /// A few words about what belongs there.
    pub expected: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

impl Source {
    /// A text and the name of its file.
    pub fn new(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { file: file.into(), text: text.into() }
    }

    /// The place of a range of bytes. A range outside the text or across characters is moved into it.
    pub fn span(&self, range: Range<usize>) -> Span {
        let start = floor(&self.text, range.start);
        let end = floor(&self.text, range.end).max(start);
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[start..].find(['\n', '\r']).map_or(self.text.len(), |at| start + at);
        Span {
            line: self.text[..start].matches('\n').count() + 1,
            column: self.text[line_start..start].chars().count() + 1,
            length: self.text[start..end.min(line_end).max(start)].chars().count().max(1),
        }
    }

    /// The place of a line and column as parsers report them, both from 1.
    pub fn point(&self, line: usize, column: usize) -> Span {
        Span { line: line.max(1), column: column.max(1), length: 1 }
    }

    /// An error at a range of bytes.
    pub fn error(&self, range: Range<usize>, message: impl Into<String>) -> Diagnostic {
        self.diagnostic(Severity::Error, Some(self.span(range)), message.into())
    }

    /// An error at a place.
    pub fn error_at(&self, span: Span, message: impl Into<String>) -> Diagnostic {
        self.diagnostic(Severity::Error, Some(span), message.into())
    }

    /// A warning at a range of bytes.
    pub fn warning(&self, range: Range<usize>, message: impl Into<String>) -> Diagnostic {
        self.diagnostic(Severity::Warning, Some(self.span(range)), message.into())
    }

    /// An error of the file as a whole.
    pub fn error_in_file(&self, message: impl Into<String>) -> Diagnostic {
        self.diagnostic(Severity::Error, None, message.into())
    }

    fn diagnostic(&self, severity: Severity, span: Option<Span>, message: String) -> Diagnostic {
        Diagnostic { severity, file: self.file.clone(), span, message, expected: None, help: None }
    }
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl Diagnostic {
    /// The same with a few words about what belongs at the place.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// The same with what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// On one line: `web.config:5:19: unknown attribute 'x'; did you mean 'y'?`
    pub fn one_line(&self) -> String {
        let mut line = self.place();
        let _ = write!(line, ": {}", self.message);
        if let Some(expected) = &self.expected {
            let _ = write!(line, " ({expected})");
        }
        if let Some(help) = &self.help {
            let _ = write!(line, "; {help}");
        }
        in_one_line(&line)
    }

    /// `web.config:5:19`, or the file alone.
    pub fn place(&self) -> String {
        match self.span {
            Some(span) => format!("{}:{}:{}", self.file, span.line, span.column),
            None => self.file.clone(),
        }
    }
}

/// Several problems with their lines, in the order given, separated by empty lines. Ends without a newline.
pub fn render(diagnostics: &[Diagnostic], source: &Source) -> String {
    let blocks: Vec<String> = diagnostics.iter().map(|diagnostic| block(diagnostic, source)).collect();
    blocks.join("\n\n")
}

/// A line longer than this is shown from a little before the place on.
const WIDEST: usize = 120;

fn block(diagnostic: &Diagnostic, source: &Source) -> String {
    let mut out = String::new();
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    // Writing to a `String` cannot fail, here and below.
    let _ = write!(out, "{severity}: {}\n  --> {}", in_one_line(&diagnostic.message), diagnostic.place());
    let mut gutter = 1;
    if let Some(span) = diagnostic.span {
        let line = source.text.lines().nth(span.line - 1).unwrap_or("");
        let number = span.line.to_string();
        gutter = number.len();
        let skipped = if line.chars().count() > WIDEST { span.column.saturating_sub(41) } else { 0 };
        let mark = if skipped > 0 { "…" } else { "" };
        let shown: String = line.chars().skip(skipped).take(WIDEST).map(visible).collect();
        let before = span.column - 1 - skipped + mark.chars().count();
        let carets = "^".repeat(span.length.min(WIDEST + 1 - before.min(WIDEST)));
        let label = diagnostic.expected.as_deref().unwrap_or("");
        let _ = write!(out, "\n {:gutter$} |\n {number} | {mark}{shown}", "");
        let _ = write!(out, "\n {:gutter$} | {}", "", format!("{:before$}{carets} {label}", "").trim_end());
    } else if let Some(expected) = &diagnostic.expected {
        let _ = write!(out, "\n {:gutter$} = expected: {expected}", "");
    }
    if let Some(help) = &diagnostic.help {
        let _ = write!(out, "\n {:gutter$} = help: {}", "", in_one_line(help));
    }
    out
}

/// What a file says may be quoted in a text; its line ends must not pass for those of the log.
fn in_one_line(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// Tabs and stray control characters take one column, as the caret's position assumes.
fn visible(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_line_ends_stay_in_the_line() {
        let source = Source::new("web.config", "<a>");
        let problem = source.error_in_file("the encoding 'x\ny' is not read").help("not 'x\r\ny'");
        assert_eq!(problem.one_line(), "web.config: the encoding 'x y' is not read; not 'x  y'");
        assert_eq!(render(&[problem], &source).lines().count(), 3);
    }

    fn source() -> Source {
        Source::new("web.config", "<a>\r\n\t<ä proccessPath=\"x\"\r\n</a>")
    }

    #[test]
    fn like_a_compiler() {
        let source = source();
        let at = source.text.find("proccess").unwrap();
        let diagnostic = source
            .error(at..at + 12, "unknown attribute 'proccessPath'")
            .expected("an attribute of aspNetCore")
            .help("did you mean 'processPath'?");
        assert_eq!(
            diagnostic.one_line(),
            "web.config:2:5: unknown attribute 'proccessPath' (an attribute of aspNetCore); did you mean \
             'processPath'?"
        );
        let whole = source.error_in_file("no root").help("write one");
        assert_eq!(
            render(&[diagnostic, whole], &source),
            "error: unknown attribute 'proccessPath'
  --> web.config:2:5
   |
 2 |  <ä proccessPath=\"x\"
   |     ^^^^^^^^^^^^ an attribute of aspNetCore
   = help: did you mean 'processPath'?

error: no root
  --> web.config
   = help: write one"
        );
    }

    #[test]
    fn a_span_ends_with_its_line_and_strange_ranges_are_harmless() {
        let source = source();
        assert_eq!(source.span(0..usize::MAX), Span { line: 1, column: 1, length: 3 });
        assert_eq!(source.span(usize::MAX..usize::MAX).line, 3);
        for start in 0..source.text.len() + 2 {
            for end in 0..source.text.len() + 2 {
                let span = source.span(start..end);
                assert!(span.length >= 1);
                render(&[source.error_at(span, "x")], &source);
            }
        }
        render(&[source.error_at(source.point(99, 99), "x")], &source);
    }

    #[test]
    fn a_long_line_is_shown_in_part() {
        let source = Source::new("f", format!("{}here{}", "x".repeat(5000), "y".repeat(5000)));
        let text = render(&[source.error(5000..5004, "m")], &source);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().all(|line| line.chars().count() < 140));
        let caret = lines[4].chars().position(|c| c == '^').unwrap();
        let shown: String = lines[3].chars().skip(caret).take(4).collect();
        assert_eq!(shown, "here");
        render(&[source.error(0..10_000, "m")], &source);
    }
}
