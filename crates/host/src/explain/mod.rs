//! `mews explain`: what a number means and what to do, from the tables that failure pages and log lines use.

mod article;

use mews_model::StatusCode;
use mews_model::articles::{similar, statuses, statuses_of};
use mews_model::module_event::{FIRST_ID, ModuleEvent, module_event, module_events};
use mews_model::status::Status;

use crate::cli::ExplainArguments;
use crate::fatal::Fatal;
use crate::stdout;

/// What a number stands for.
enum Subject {
    /// One article on a status.
    Status(&'static Status),
    /// A status with several sub-statuses.
    Statuses(Vec<&'static Status>),
    /// An event of the log.
    Event(&'static ModuleEvent),
    /// No number was given.
    Everything,
}

/// Prints the article; the answer is the exit code.
pub(crate) fn run(arguments: &ExplainArguments) -> Result<u8, Fatal> {
    let subject = match &arguments.code {
        Some(text) => find(text).map_err(Fatal::Usage)?,
        None => Subject::Everything,
    };
    let text = if arguments.json { article::json(&subject) } else { article::text(&subject) };
    stdout::print(&text)?;
    Ok(0)
}

/// # Errors
/// The number is not known; says which are.
fn find(text: &str) -> Result<Subject, String> {
    let number = text.trim().trim_start_matches("HTTP").trim_start();
    let wanted =
        || format!("'{text}' is neither a status as in 500.31 nor the number of an event as in 1005");
    if let Some(id) = number.parse::<u16>().ok().filter(|id| *id >= FIRST_ID) {
        return module_event(id).map(Subject::Event).ok_or_else(|| {
            let last = module_events().last().map_or(FIRST_ID, |event| event.id);
            let mut near: Vec<u16> = module_events().map(|event| event.id).collect();
            near.sort_by_key(|known| known.abs_diff(id));
            near.truncate(3);
            let near: Vec<String> = near.iter().map(u16::to_string).collect();
            format!(
                "there is no event {id}; known are some from {FIRST_ID} to {last}, near it {}",
                near.join(", ")
            )
        });
    }
    let code: StatusCode =
        number.parse().map_err(|_| format!("{}; 'mews explain' without a number lists all", wanted()))?;
    let rows: Vec<&'static Status> = statuses_of(code.number).collect();
    let alone = !number.contains('.');
    match (code.row(), rows.as_slice()) {
        (_, [_, _, ..]) if alone => Ok(Subject::Statuses(rows)),
        (Some(row), _) => Ok(Subject::Status(row)),
        (None, [row]) if alone => Ok(Subject::Status(row)),
        (None, rows) => {
            let known: Vec<String> = if rows.is_empty() {
                similar(code).iter().map(StatusCode::to_string).collect()
            } else {
                rows.iter().map(|row| row.code.to_string()).collect()
            };
            Err(format!(
                "{number} is not a status of this host, so the app or a proxy chose it; known are {} \
                 ('mews explain' lists all)",
                known.join(", ")
            ))
        }
    }
}

/// All statuses and events, for lists.
fn everything() -> impl Iterator<Item = (String, &'static str)> {
    let statuses = statuses().map(|row| (row.code.to_string(), row.title));
    statuses.chain(module_events().map(|event| (event.id.to_string(), event.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_find_their_articles() {
        let code = |text: &str| match find(text).unwrap() {
            Subject::Status(row) => row.code.to_string(),
            Subject::Statuses(rows) => format!("{} of {}", rows.len(), rows[0].code.number),
            Subject::Event(event) => format!("event {}", event.id),
            Subject::Everything => "all".to_owned(),
        };
        assert_eq!(code("500.31"), "500.31");
        assert_eq!(code("500.0"), "500.0");
        assert_eq!(code("HTTP 502.5"), "502.5");
        assert_eq!(code("503"), "503");
        assert_eq!(code("413"), "413");
        assert_eq!(code("1005"), "event 1005");
        assert_eq!(code("500"), format!("{} of 500", statuses_of(500).count()));
        assert_eq!(code("502"), "2 of 502");
    }

    #[test]
    fn an_unknown_number_is_answered_with_known_ones() {
        let error = |text: &str| find(text).err().unwrap();
        assert!(error("500.99").contains("500.30, 500.31"), "{}", error("500.99"));
        assert!(error("418").contains("414"), "{}", error("418"));
        assert!(error("1002").contains("1001, 1003"), "{}", error("1002"));
        for text in ["", "five", "500.", "-1", "99999"] {
            assert!(error(text).contains("as in 500.31"), "{}", error(text));
        }
    }
}
