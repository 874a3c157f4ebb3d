//! Prints `docs/reference/limits.md`.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

fn main() {
    print!("{}", mews_model::metrics::limits_reference());
}
