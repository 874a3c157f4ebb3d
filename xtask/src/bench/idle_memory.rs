//! Memory of an idle server that has worked: the proportional set size of all its processes.

use super::contender::{Contender, Contenders};
use super::difference::{self, Subject};
use super::report::Report;
use super::{process, wrk};
use crate::prerequisites;
use anyhow::Result;
use std::time::Duration;

/// How much more than `dotnet App.dll` Mews may take, in MB.
const LIMIT: f64 = 15.0;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Starts of each contender
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Length of the load before
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=600))]
    warm_up: u32,
    /// Idle time between load and measurement, in seconds
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=600))]
    idle: u32,
}

pub(crate) fn measure(contenders: &Contenders, options: &Options) -> Result<Report> {
    prerequisites::ensure(&[prerequisites::WRK])?;
    let mut sizes = [Vec::new(), Vec::new()];
    for round in 0..options.rounds as usize {
        for contender in Contender::turn(round) {
            // One at a time: pages that both use would count half for each.
            let server = contenders.start(contender)?;
            wrk::run(&server.url("/plaintext"), 64, options.warm_up, None)?;
            std::thread::sleep(Duration::from_secs(options.idle.into()));
            let processes = process::tree(server.pid())?.len();
            let size = process::memory(server.pid())? as f64 * 1024.0 / 1e6;
            server.stop()?;
            eprintln!(
                "xtask: round {}: {}: {size:.1} MB in {processes} processes",
                round + 1,
                contender.name()
            );
            sizes[contender as usize].push(size);
        }
    }
    Ok(difference::report(
        &Subject {
            name: "idle-memory",
            title: "Idle memory",
            unit: "MB",
            note: "proportional set size (Pss) of all processes in MB after load and rest; medians, in brackets lowest and highest",
            decimals: 1,
            limit: LIMIT,
        },
        &sizes,
    ))
}
