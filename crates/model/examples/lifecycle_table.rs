//! Prints the state table of `docs/internals/lifecycle.md`.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

fn main() {
    print!("{}", mews_model::lifecycle::state_table());
}
