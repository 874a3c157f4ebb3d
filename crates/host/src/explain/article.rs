//! An article as text for a terminal, or as JSON.

use std::fmt::Write as _;

use mews_model::module_event::{Logged, ModuleEvent, SOURCE};
use mews_model::status::Status;
use serde_json::{Value, json};

use super::{Subject, everything};

/// Lines are broken here, in columns.
const WIDTH: usize = 100;

pub(super) fn text(subject: &Subject) -> String {
    match subject {
        Subject::Status(row) => status_text(row),
        Subject::Event(event) => event_text(event),
        Subject::Statuses(rows) => {
            let mut out = list(rows.iter().map(|row| (row.code.to_string(), row.title)));
            let example = rows.last().map_or_else(String::new, |row| row.code.to_string());
            // Writing to a `String` cannot fail, here and below.
            let _ = write!(out, "\n'mews explain {example}' explains one.\n");
            out
        }
        Subject::Everything => list(everything()),
    }
}

fn list(rows: impl Iterator<Item = (String, &'static str)>) -> String {
    let mut out = String::new();
    for (code, title) in rows {
        let _ = writeln!(out, "{code:7} {title}");
    }
    out
}

fn status_text(row: &Status) -> String {
    let mut out = format!("{} {}\n\n", row.code, row.title);
    paragraph(&mut out, "", row.cause);
    if let Some(never) = row.never {
        paragraph(&mut out, "", &format!("Mews does not answer with it. {never}"));
    }
    section(&mut out, "What to do", &[row.cure]);
    section(&mut out, "When it happens", row.when);
    section(&mut out, "How to find out more", row.more);
    see_also(&mut out, row.see);
    out
}

fn event_text(event: &ModuleEvent) -> String {
    let mut out = format!("{} {} ({}, source {SOURCE})\n\n", event.id, event.name, event.level.name());
    paragraph(&mut out, "", event.meaning);
    match event.logged {
        Logged::When(text) => section(&mut out, "When it is logged", &[text]),
        Logged::Never(text) => paragraph(&mut out, "", &format!("Mews does not log it. {text}")),
    }
    see_also(&mut out, event.see);
    out
}

fn section(out: &mut String, title: &str, texts: &[&str]) {
    let _ = writeln!(out, "\n{title}");
    for text in texts {
        paragraph(out, if texts.len() > 1 { "- " } else { "" }, text);
    }
}

fn see_also(out: &mut String, see: &[&str]) {
    if !see.is_empty() {
        let _ = write!(out, "\nSee also\n");
        paragraph(out, "", &see.join(", "));
    }
}

/// Broken between words and indented; `mark` stands before the first line.
fn paragraph(out: &mut String, mark: &str, text: &str) {
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column == 0 {
            let _ = write!(out, "  {mark}{word}");
        } else if column + 1 + length > WIDTH {
            let _ = write!(out, "\n  {:1$}{word}", "", mark.len());
            column = 0;
        } else {
            let _ = write!(out, " {word}");
        }
        column = if column == 0 { 2 + mark.len() + length } else { column + 1 + length };
    }
    out.push('\n');
}

pub(super) fn json(subject: &Subject) -> String {
    let value = match subject {
        Subject::Status(row) => json!({
            "code": row.code.to_string(),
            "status": row.code.number,
            "subStatus": row.code.sub_status,
            "title": row.title,
            "cause": row.cause,
            "cure": row.cure,
            "when": row.when,
            "more": row.more,
            "see": row.see,
            "never": row.never,
        }),
        Subject::Event(event) => {
            let (when, never) = match event.logged {
                Logged::When(text) => (Some(text), None),
                Logged::Never(text) => (None, Some(text)),
            };
            json!({
                "code": event.id.to_string(),
                "eventId": event.id,
                "source": SOURCE,
                "level": event.level.name(),
                "title": event.name,
                "meaning": event.meaning,
                "when": when,
                "see": event.see,
                "never": never,
            })
        }
        Subject::Statuses(rows) => titles(rows.iter().map(|row| (row.code.to_string(), row.title))),
        Subject::Everything => titles(everything()),
    };
    format!("{value:#}\n")
}

fn titles(rows: impl Iterator<Item = (String, &'static str)>) -> Value {
    rows.map(|(code, title)| json!({ "code": code, "title": title })).collect()
}

#[cfg(test)]
mod tests {
    use mews_model::articles::statuses;
    use mews_model::module_event::module_events;

    use super::*;

    #[test]
    fn no_line_is_wider_than_the_page() {
        let statuses = statuses().map(Subject::Status);
        for subject in statuses.chain(module_events().map(Subject::Event)) {
            for line in text(&subject).lines() {
                assert!(line.chars().count() <= WIDTH && line.trim_end() == line, "{line}");
            }
            let _: Value = serde_json::from_str(&json(&subject)).unwrap();
        }
    }

    #[test]
    fn words_are_kept_and_indented() {
        let mut out = String::new();
        paragraph(&mut out, "- ", &["word"; 30].join(" "));
        assert_eq!(out.split_whitespace().filter(|word| *word == "word").count(), 30);
        assert!(
            out.starts_with("  - word ")
                && out.lines().nth(1).is_some_and(|line| line.starts_with("    word"))
        );
    }
}
