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
    let problem = match resolve(&given.text, surroundings) {
        Ok(path) => return Some(path),
        // That it is empty has been said.
        Err(_) if given.text.is_empty() => return None,
        Err(problem) => problem,
    };
    report.violation(given.at, problem, |problem| {
        problem.help(format!("write it as it is on this machine, as in {what}=\"{example}\""))
    });
    None
}

/// The absolute path, or why it cannot exist here.
pub(super) fn resolve(written: &str, surroundings: Surroundings<'_>) -> Result<PathBuf, String> {
    let mut unset = None;
    let text = expand(written.trim(), |name| {
        let value = (surroundings.variable)(name);
        if value.is_none() && is_variable(name) {
            unset.get_or_insert_with(|| name.to_owned());
        }
        value
    });
    let shown = shorten(written);
    if text.is_empty() {
        Err("the path is empty".to_owned())
    } else if let Some(name) = unset {
        Err(format!("'{shown}' is no path here: the environment variable '{name}' is not set"))
    } else if has_drive(&text) || text.starts_with("\\\\") || text.starts_with("//") {
        Err(format!("'{shown}' is a path of Windows"))
    } else if text.contains('\0') {
        Err(format!("'{shown}' holds a NUL"))
    } else {
        Ok(surroundings.folder.join(text.replace('\\', "/")))
    }
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
