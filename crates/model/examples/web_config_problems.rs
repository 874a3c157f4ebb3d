//! Prints the problems of a `web.config` given on standard input, as `mews run` does.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::io::{self, Read as _};

fn main() -> io::Result<()> {
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    match mews_model::web_config::read("web.config", &bytes) {
        Ok((config, warnings)) => {
            for warning in warnings {
                println!("warning: {}", warning.one_line());
            }
            println!("{config:#?}");
        }
        Err(problems) => println!("{}", problems.render()),
    }
    Ok(())
}
