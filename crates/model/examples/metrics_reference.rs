//! Prints `docs/reference/metrics.md`.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

fn main() {
    print!("{}", mews_model::metrics::reference());
}
