//! The reference pages on failures and events, as Markdown.

use std::fmt::Write as _;

use super::{BROKEN_APPS, Seen, statuses};
use crate::module_event::{Logged, SOURCE, module_events};
use crate::status::{Status, StatusCode};

const FAILURES_HEAD: &str = "\
# Failures

Every status and sub-status of the host, the numbers of IIS: what it means and what to do. `mews explain 500.31` prints one article;
the page that a browser shows, the line in the log and `mews check` use the same sentences, only more precise where more is known.

This page is made from the table in `crates/model/src/articles`: `cargo run -p mews-model --example failures_reference`.

";

const EVENTS_HEAD: &str = "\
# Events

The numbered events of the ASP.NET Core Module and, from 5000 on, of application pools (Windows Process Activation Service), with the numbers of
their event logs. A line of Mews's log that corresponds to one of them carries the number: `[1005]` after the level in text, `\"event_id\":1005` in JSON (`--log-format json`), `EVENT_ID=1005` in the
journal. `mews explain 1005` prints one article.

This page is made from the table in `crates/model/src/module_event.rs`: `cargo run -p mews-model --example events_reference`.

";

/// `docs/reference/failures.md`.
pub fn failures_page() -> String {
    let mut page = String::from(FAILURES_HEAD);
    page.push_str("| status | title | cause |\n| --- | --- | --- |\n");
    for row in statuses() {
        let never = if row.never.is_some() { " (not by Mews)" } else { "" };
        // Writing to a `String` cannot fail, here and below.
        let _ = writeln!(page, "| [{}](#{}){never} | {} | {} |", row.code, anchor(row), row.title, row.cause);
    }
    for row in statuses() {
        article(&mut page, row);
    }
    broken_apps(&mut page);
    page
}

fn heading(row: &Status) -> String {
    format!("{} {}", row.code, row.title)
}

/// As Markdown renderers make it from the heading.
fn anchor(row: &Status) -> String {
    let kept = heading(row).to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'))
        .collect::<String>()
        .replace(' ', "-")
}

fn article(page: &mut String, row: &Status) {
    let _ = write!(page, "\n## {}\n\n{} {}\n", heading(row), row.cause, row.cure);
    if let Some(never) = row.never {
        let _ = write!(page, "\nMews does not answer with this: {}\n", lower_first(never));
    }
    for (title, list) in [("When it happens", row.when), ("How to find out more", row.more)] {
        let _ = write!(page, "\n**{title}**\n\n");
        for text in list {
            let _ = writeln!(page, "- {text}");
        }
    }
    let see: Vec<String> = row.see.iter().map(|see| link(see)).collect();
    let _ = write!(page, "\nSee also: {}.\n", see.join(", "));
}

/// A status is linked to its article, an event to its page; what is typed is code.
fn link(see: &str) -> String {
    let is_number = see.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    match see.parse::<StatusCode>().ok().and_then(StatusCode::row) {
        Some(row) if is_number => format!("[{see}](failures.md#{})", anchor(row)),
        _ if is_number => format!("[{see}](events.md)"),
        _ => format!("`{see}`"),
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        // Code and names keep their first letter.
        Some(first)
            if text.starts_with("This ") || text.starts_with("The ") || text.starts_with("There ") =>
        {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

fn broken_apps(page: &mut String) {
    let count = |seen| BROKEN_APPS.iter().filter(|app| app.seen == seen).count();
    let _ = write!(
        page,
        "\n## Twenty-five ways to break an app\n\nAn app that works is `Shop.dll` with its `Shop.runtimeconfig.json`, `Shop.deps.json` and a `web.config` that says\n\
         `processPath=\"dotnet\" arguments=\".\\Shop.dll\" hostingModel=\"inprocess\"`. These {} mistakes are seen by `mews check`, in the log and on the\n\
         page with the same sentence, or one that begins with it. `{{folder}}` is the app's folder, `{{machine}}` this processor and `{{other}}` another one.\n\n",
        count(Seen::Before)
    );
    broken_table(page, Seen::Before);
    let _ = write!(
        page,
        "\nThese {} depend on what the app does: `mews check` cannot see them, the log and the page tell them.\n\n",
        count(Seen::Running)
    );
    broken_table(page, Seen::Running);
}

fn broken_table(page: &mut String, seen: Seen) {
    page.push_str("| id | how | status | cause |\n| --- | --- | --- | --- |\n");
    for app in BROKEN_APPS.iter().filter(|app| app.seen == seen) {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} |",
            app.id,
            app.how,
            app.status,
            app.cause.replace('|', "\\|")
        );
    }
}

/// `docs/reference/events.md`.
pub fn events_page() -> String {
    let mut page = String::from(EVENTS_HEAD);
    let _ = write!(page, "The source is `{SOURCE}`.\n\n| id | level | name | logged | what it means |\n");
    page.push_str("| --- | --- | --- | --- | --- |\n");
    for event in module_events() {
        let logged = match event.logged {
            Logged::When(text) => text.to_owned(),
            Logged::Never(text) => format!("Never. {text}"),
        };
        let level = event.level.name();
        let _ = writeln!(page, "| {} | {level} | {} | {logged} | {} |", event.id, event.name, event.meaning);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(name: &str) -> String {
        let path = format!("{}/../../docs/reference/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    #[test]
    fn the_pages_are_not_stale() {
        assert!(
            committed("failures.md") == failures_page(),
            "run: cargo run -p mews-model --example failures_reference > docs/reference/failures.md"
        );
        assert!(
            committed("events.md") == events_page(),
            "run: cargo run -p mews-model --example events_reference > docs/reference/events.md"
        );
    }

    #[test]
    fn articles_link_to_each_other() {
        let page = failures_page();
        for target in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let anchor = target.trim_start_matches("failures.md").trim_start_matches('#');
            let known = statuses().any(|row| super::anchor(row) == anchor);
            assert!(target == "events.md" || known, "{target}");
        }
    }

    #[test]
    fn twenty_five_ways_are_seen_beforehand() {
        let before: Vec<_> = BROKEN_APPS.iter().filter(|app| app.seen == Seen::Before).collect();
        assert_eq!(before.len(), 25);
        for app in BROKEN_APPS {
            let code: StatusCode = app.status.parse().unwrap();
            assert!(code.row().is_some(), "{}", app.id);
            assert_eq!(BROKEN_APPS.iter().filter(|other| other.id == app.id).count(), 1, "{}", app.id);
        }
    }
}
