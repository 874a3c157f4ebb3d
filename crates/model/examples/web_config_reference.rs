//! Prints `docs/reference/web-config.md`.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

fn main() {
    print!("{}", mews_model::web_config::reference());
}
