//! Prints the state tables of `docs/internals/lifecycle.md`, with the marks that stand around them there.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use mews_model::lifecycle::{process_table, state_table};

fn main() {
    for (name, table) in [("table", state_table()), ("process table", process_table())] {
        println!("<!-- {name}: begin -->\n{table}<!-- {name}: end -->\n");
    }
}
