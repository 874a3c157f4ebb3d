//! Time from the start of the process to the first successful response.

use super::contender::{Contender, Contenders};
use super::difference::{self, Subject};
use super::report::Report;
use anyhow::Result;

/// How much later than `dotnet App.dll` Mews may answer, in milliseconds.
const LIMIT: f64 = 50.0;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Starts of each contender
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
}

pub(crate) fn measure(contenders: &Contenders, options: &Options) -> Result<Report> {
    let mut times = [Vec::new(), Vec::new()];
    // The first start of each reads from the disk what the others find in memory.
    for contender in Contender::ALL {
        contenders.start(contender)?.stop()?;
    }
    for round in 0..options.rounds as usize {
        for contender in Contender::turn(round) {
            let server = contenders.start(contender)?;
            let time = server.first_response.as_secs_f64() * 1e3;
            server.stop()?;
            eprintln!("xtask: start {}: {}: {time:.0} ms", round + 1, contender.name());
            times[contender as usize].push(time);
        }
    }
    Ok(difference::report(
        &Subject {
            name: "first-response",
            title: "First response",
            unit: "ms",
            note: "milliseconds from the start of the process; medians, in brackets lowest and highest",
            decimals: 0,
            limit: LIMIT,
        },
        &times,
    ))
}
