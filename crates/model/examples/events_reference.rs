//! Prints `docs/reference/events.md`.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

fn main() {
    print!("{}", mews_model::articles::events_page());
}
