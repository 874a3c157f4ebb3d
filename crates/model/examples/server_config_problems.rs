//! Prints what a `mews.toml` or `applicationHost.config` on standard input says, or what is wrong with it. The first
//! argument is the file's name.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::io::{self, Read as _};
use std::path::Path;

use mews_model::diagnostic::render;
use mews_model::server_config::{Surroundings, read};

fn main() -> io::Result<()> {
    let file = std::env::args().nth(1).unwrap_or_else(|| "mews.toml".to_owned());
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    let variable = |name: &str| std::env::var(name).ok();
    match read(
        &bytes,
        Surroundings { file: &file, folder: Path::new("/etc/mews"), variable: &variable, processors: 4 },
    ) {
        Ok(loaded) => println!("{}\n{:#?}", render(&loaded.warnings, &loaded.source), loaded.config),
        Err(problems) => println!("{}", problems.render()),
    }
    Ok(())
}
