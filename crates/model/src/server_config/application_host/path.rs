//! Paths as files of IIS write them: with variables, backslashes and drives.

use std::path::PathBuf;

use super::super::Surroundings;
use crate::expand::expand;
use crate::web_config::hints::shorten;
use crate::web_config::report::Report;
use crate::web_config::tree::Given;

/// The absolute path; `None` when it cannot exist here, which is in the report then.
pub(super) fn read(
    what: &str,
    example: &str,
    given: &Given,
    surroundings: Surroundings<'_>,
    report: &mut Report<'_>,
) -> Option<PathBuf> {
    let mut unset = None;
    let text = expand(given.text.trim(), |name| {
        let value = (surroundings.variable)(name);
        if value.is_none() && is_variable(name) {
            unset.get_or_insert_with(|| name.to_owned());
        }
        value
    });
    let help = format!("write it as it is on this machine, as in {what}=\"{example}\"");
    let problem = if let Some(name) = unset {
        format!("'{}' is no path here: the environment variable '{name}' is not set", shorten(&given.text))
    } else if has_drive(&text) || text.starts_with("\\\\") || text.starts_with("//") {
        format!("'{}' is a path of Windows", shorten(&text))
    } else if text.contains('\0') {
        format!("'{what}' holds a NUL")
    } else if text.is_empty() {
        // That it is empty has been said.
        return None;
    } else {
        return Some(surroundings.folder.join(text.replace('\\', "/")));
    };
    report.violation(given.at, problem, |problem| problem.help(help));
    None
}

fn has_drive(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic()) && bytes.next() == Some(b':')
}

/// Not just any text between two percent signs.
fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '(' | ')'))
}
