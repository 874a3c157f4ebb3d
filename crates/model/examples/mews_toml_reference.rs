//! Prints `docs/reference/mews-toml.md`.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

fn main() {
    print!("{}", mews_model::server_config::mews_toml_reference());
}
