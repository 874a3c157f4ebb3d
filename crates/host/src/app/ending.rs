//! What an app's last messages say about its end.

use std::process::ExitStatus;

use mews_model::lifecycle::Exit;
use mews_process::exit::describe;

const UNHANDLED: &str = "An unhandled exception ended the app";

/// How the runtime's last messages begin, and what they mean.
const FATAL: [(&str, &str); 5] = [
    ("Unhandled exception. ", UNHANDLED),
    ("Unhandled exception: ", UNHANDLED),
    ("Process terminated. ", "The app called Environment.FailFast"),
    ("Stack overflow.", "A stack overflow ended the app"),
    ("Out of memory.", "The app ran out of memory"),
];

/// How a process ended. `report` is what the app said about it in another way than by printing.
pub(crate) fn exit(status: Option<ExitStatus>, report: Option<&str>, last_words: String) -> Exit {
    let ending = match report {
        Some(text) => Some(fatal_message(text).unwrap_or_else(|| (UNHANDLED, first_line(text)))),
        None => fatal_message(&last_words),
    };
    Exit {
        clean: status.is_some_and(|status| status.success()),
        description: status.map_or_else(|| "has ended".to_owned(), describe),
        cause: ending.as_ref().map(|(cause, _)| (*cause).to_owned()),
        reason: ending.map(|(_, reason)| reason),
        refusal: None,
        detail: (!last_words.is_empty()).then_some(last_words),
    }
}

/// What the runtime said when it ended the process: its meaning, and the rest of its first line. The last
/// such message counts: an app may have printed others.
fn fatal_message(text: &str) -> Option<(&'static str, String)> {
    text.lines().rev().find_map(|line| {
        let line = line.trim();
        FATAL.iter().find_map(|(beginning, cause)| {
            line.strip_prefix(beginning).map(|reason| (*cause, reason.to_owned()))
        })
    })
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_in_the_output() {
        for (text, expected) in [
            (
                "info: x\nUnhandled exception. System.InvalidOperationException: No.\n   at Program.Main()\n",
                Some((UNHANDLED, "System.InvalidOperationException: No.")),
            ),
            ("Stack overflow.\n   at X", Some(("A stack overflow ended the app", ""))),
            ("Process terminated. why\n", Some(("The app called Environment.FailFast", "why"))),
            ("nothing", None),
        ] {
            let found = fatal_message(text);
            assert_eq!(found.as_ref().map(|(cause, reason)| (*cause, reason.as_str())), expected);
        }
    }

    #[test]
    fn what_was_reported_counts_more_than_what_was_printed() {
        let exit = exit(None, Some("System.Exception: No.\n   at X"), "Stack overflow.".to_owned());
        assert_eq!(exit.cause.as_deref(), Some(UNHANDLED));
        assert_eq!(exit.reason.as_deref(), Some("System.Exception: No."));
        assert_eq!((exit.clean, exit.description.as_str()), (false, "has ended"));
        assert_eq!(exit.detail.as_deref(), Some("Stack overflow."));
    }
}
