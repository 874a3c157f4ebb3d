//! Names of sites and pools: they become names of folders and arguments of commands.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::super::draft::Placed;
use crate::web_config::hints::shorten;
use crate::web_config::report::{Place, Report};

/// As in IIS.
const LONGEST: usize = 64;
/// What has a meaning in paths, on command lines or to IIS.
const REFUSED: &[char] = &['/', '\\', '"', '\'', '`', '|', '<', '>', ':', '*', '?', '%', '$', '\u{fffd}'];

/// A site, as messages call it.
pub(super) fn site(name: &str) -> String {
    if name.is_empty() { "this site".to_owned() } else { format!("the site '{}'", shorten(name)) }
}

/// Complains about a name that cannot be one.
pub(super) fn check(what: &str, name: &Placed<String>, report: &mut Report<'_>) {
    let text = name.value.as_str();
    if text.is_empty() {
        // That it is missing has been said.
        return;
    }
    let problem = if text.chars().count() > LONGEST {
        format!("it is longer than {LONGEST} characters")
    } else if let Some(bad) = text.chars().find(|c| c.is_control() || REFUSED.contains(c)) {
        format!(
            "{} cannot stand in it",
            if bad.is_control() { "a control character".into() } else { format!("'{bad}'") }
        )
    } else if text.trim() != text || text.starts_with('-') || matches!(text, "." | "..") {
        "it begins or ends with a space, begins with '-', or is '.' or '..'".to_owned()
    } else {
        return;
    };
    let message = format!("'{}' can be no name of a {what}: {problem}", shorten(text));
    report
        .violation(name.at, message, |problem| problem.help("use letters, digits, '-', '_', '.' and spaces"));
}

/// Names that are taken: as they are compared, and as they are written.
pub(super) type Names = HashMap<String, (String, Place)>;

/// Complains about a name that is taken, and takes it.
pub(super) fn unique(what: &str, name: &Placed<String>, taken: &mut Names, report: &mut Report<'_>) {
    if name.value.is_empty() || report.is_full() {
        return;
    }
    match taken.entry(name.value.to_ascii_lowercase()) {
        Entry::Vacant(place) => {
            place.insert((name.value.clone(), name.at));
        }
        Entry::Occupied(first) => {
            let (other, first) = first.get();
            let first = report.show(*first);
            let case = if *other == name.value { "" } else { " (case does not count)" };
            let message = format!("the {what} '{}' is there twice{case}", shorten(&name.value));
            report.violation(name.at, message, |problem| {
                problem.help(format!("the first is at {first}: give this one another name"))
            });
        }
    }
}
