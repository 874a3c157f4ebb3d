//! Sites that nobody visits: what they cost in memory, and how long the first visitor waits.

use super::client::Connection;
use super::contender::{Contender, Contenders, free_address};
use super::difference::{self, Subject};
use super::process;
use super::report::Report;
use crate::paths;
use anyhow::{Context as _, Result, ensure};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

/// How much later than `dotnet App.dll` the first request may be answered, in milliseconds.
const LIMIT: f64 = 50.0;
/// Most memory of a host whose sites are all at rest, in MB.
const MEMORY: f64 = 30.0;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// First requests of each contender
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=50))]
    rounds: u32,
    /// Sites, each with a pool of its own
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    sites: u32,
}

/// Every site is asked once: after that its pool is not at rest any more.
pub(crate) fn measure(contenders: &Contenders, options: &Options) -> Result<Report> {
    ensure!(
        options.rounds < options.sites,
        "each round takes a site, and one is asked before: --sites has to be larger"
    );
    let addresses = (0..options.sites).map(|_| free_address()).collect::<Result<Vec<SocketAddr>>>()?;
    let file = contenders.scratch().join("on-demand.toml");
    std::fs::write(&file, configuration(contenders, &addresses)?)
        .with_context(|| format!("cannot write {}", file.display()))?;
    let mut command = Command::new(paths::mews("release"));
    command.arg("serve").arg("--config").arg(&file).arg("--control").arg(file.with_extension("sock"));
    command.envs(contenders.environment());
    let (first, rest) = addresses.split_first().context("there are sites")?;
    // The first request of all reads from the disk what the others find in memory.
    let server = contenders.start_any("on demand", command, *first)?;
    let memory = process::memory_of(server.pid())? as f64 * 1024.0 / 1e6;
    contenders.start(Contender::Kestrel)?.stop()?;
    let mut times = [Vec::new(), Vec::new()];
    for (round, address) in (0..options.rounds).zip(rest) {
        let kestrel = contenders.start(Contender::Kestrel)?;
        let time = kestrel.first_response;
        kestrel.stop()?;
        times[0].push(milliseconds(time));
        let begin = Instant::now();
        let status = Connection::open(*address)?.get("/plaintext")?;
        ensure!(status == 200, "status {status}");
        times[1].push(milliseconds(begin.elapsed()));
        eprintln!(
            "xtask: round {}: dotnet {:.0} ms, first request {:.0} ms",
            round + 1,
            milliseconds(time),
            milliseconds(begin.elapsed())
        );
    }
    server.stop()?;
    let mut report = difference::report(
        &Subject {
            name: "on-demand",
            title: "First request to a site at rest",
            unit: "ms",
            note: "milliseconds from the start of the process, and from the request, to the first response; medians, in brackets lowest and highest",
            decimals: 0,
            limit: LIMIT,
        },
        &times,
    );
    let met = if memory < MEMORY { "met" } else { "not met" };
    report.notes.push(format!(
        "The host of {} sites, all but one at rest, has {memory:.1} MB (Pss); less than {MEMORY:.0} was aimed at: {met}.",
        options.sites
    ));
    Ok(report)
}

fn configuration(contenders: &Contenders, addresses: &[SocketAddr]) -> Result<String> {
    let app = contenders.assembly();
    let folder = app.parent().context("the app has a folder")?.display();
    let mut text = String::new();
    for (number, address) in addresses.iter().enumerate() {
        write!(
            text,
            "[[site]]\nname = 's{number}'\nbindings = ['http://{address}']\n[[site.application]]\npath = '/'\n\
             physical_path = '{folder}'\nhosting_model = 'InProcess'\n"
        )?;
    }
    Ok(text)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
