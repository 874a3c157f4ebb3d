//! Prints `docs/reference/failures.md`.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

fn main() {
    print!("{}", mews_model::articles::failures_page());
}
