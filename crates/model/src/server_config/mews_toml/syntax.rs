//! What is no TOML, said so that it can be mended.

use toml::de::Error;

use super::read::place;
use crate::web_config::report::Report;

/// All errors of the parser.
pub(super) fn explain(text: &str, errors: &[Error], report: &mut Report<'_>) {
    if text.trim_start().starts_with('<') {
        report.violation(place(0..1), "the file is XML, not TOML", |problem| {
            problem.help("give a file of IIS a name that ends in .config")
        });
        return;
    }
    if let Some(at) = conflict(text) {
        report.violation(place(at..at + 7), "a merge conflict was left in the file", |problem| {
            problem.help("keep one of the two sides, and remove the lines with <<<<<<<, ======= and >>>>>>>")
        });
        return;
    }
    let mut last_line = None;
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        // An error at the end of a line is shown at the last thing on it.
        let start = if span.is_empty() { back(text, span.start) } else { span.start };
        // What follows on the same line is mostly a consequence.
        let line = text.get(..start).map(|before| before.matches('\n').count());
        if std::mem::replace(&mut last_line, line) == line {
            continue;
        }
        let (what, wanted) = match error.message().split_once(", expected ") {
            Some((what, wanted)) => (what, Some(wanted)),
            None => (error.message(), None),
        };
        let written = text.get(span.clone()).unwrap_or_default();
        let help = help(what, written, text.get(start..).unwrap_or_default());
        let wanted = wanted.filter(|_| help.is_none());
        report.violation(place(start..span.end), format!("the file is not valid TOML: {what}"), |problem| {
            let problem = match wanted {
                Some(wanted) => problem.expected(format!("expected {wanted}")),
                None => problem,
            };
            match &help {
                Some(help) => problem.help(help),
                None => problem,
            }
        });
    }
}

fn help(what: &str, written: &str, rest: &str) -> Option<String> {
    if what.starts_with("string values must be quoted") {
        return Some(if written.is_empty() {
            "write a value behind the '='".to_owned()
        } else {
            format!("write \"{written}\"")
        });
    }
    let help = match what {
        "duplicate key" => "keep one of the two; several tables of one kind are written [[site]]",
        _ if what.starts_with("missing escaped value") || what.starts_with("invalid escape") => {
            "write paths with '/', or between single quotes, where '\\' is a plain character"
        }
        _ if what.starts_with("unclosed") => "close the bracket before the line ends",
        _ if what.starts_with("key with no value") => "write key = value; comments begin with '#'",
        _ if what.starts_with("invalid unquoted key") && rest.starts_with([';', '/']) => {
            "comments begin with '#'"
        }
        _ => return None,
    };
    Some(help.to_owned())
}

fn conflict(text: &str) -> Option<usize> {
    const MARK: &str = "<<<<<<< ";
    if text.starts_with(MARK) {
        return Some(0);
    }
    text.find(&format!("\n{MARK}")).map(|at| at + 1)
}

/// The last character on the line before a place.
fn back(text: &str, at: usize) -> usize {
    let line = text.get(..at).unwrap_or_default().rsplit('\n').next().unwrap_or_default();
    let kept = line.trim_end();
    let last = kept.chars().next_back().map_or(0, char::len_utf8);
    at - line.len() + kept.len() - last
}
