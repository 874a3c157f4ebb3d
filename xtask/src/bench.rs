//! `cargo xtask bench`: Mews beside its rivals, in one run, on one machine. Prints a Markdown table; keeps it, a plot and the raw numbers in `target/bench`.
//!
//! Contenders take turns, so that what disturbs the machine disturbs all. A result that the spread of its rounds could turn is called inconclusive.

mod blocking;
mod boundary;
mod client;
mod contender;
mod difference;
mod edge;
mod first_response;
mod gateway;
mod h2load;
mod http2;
mod idle_memory;
mod matrix;
mod on_demand;
mod plot;
mod process;
mod recycle;
mod report;
mod secured;
mod setup;
mod statistics;
mod websocket;
mod wrk;

use crate::command::cargo;
use crate::dotnet::Toolchain;
use crate::{managed, paths};
use anyhow::Result;
use contender::Contenders;
use matrix::Preset;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write the results to docs/performance instead of target/bench
    #[arg(long, global = true)]
    publish: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// In-process beside Kestrel alone, nginx before Kestrel, and floors without an app: processor time, rates, response times, memory
    InProcess(matrix::Options),
    /// Out-of-process beside nginx, `HAProxy` and Caddy before Kestrel: what the hop to the app costs
    OutOfProcess(matrix::Options),
    /// Everybody, in everything
    All(matrix::Options),
    /// Time from start to the first response
    FirstResponse(first_response::Options),
    /// TLS, HTTP/2 over it, idle connections; what log and metrics cost
    Edge(edge::Options),
    /// HTTP/2 without TLS: processor time of a request
    Http2(http2::Options),
    /// Memory after a warm-up, idle
    IdleMemory(idle_memory::Options),
    /// A fast endpoint while 64 requests block their threads
    Blocking(blocking::Options),
    /// Memory of sites at rest, and the time of the first request to one
    OnDemand(on_demand::Options),
    /// What it costs that pools share an address
    Gateway(gateway::Options),
    /// What a request costs between Mews and the app, without sockets
    Boundary(boundary::Options),
    /// Requests while workers are replaced: none may be lost
    Recycle(recycle::Options),
}

impl What {
    /// The comparison of setups that it is, if it is one.
    fn matrix(&self) -> Option<(Preset, &matrix::Options)> {
        match self {
            Self::InProcess(options) => Some((Preset::InProcess, options)),
            Self::OutOfProcess(options) => Some((Preset::OutOfProcess, options)),
            Self::All(options) => Some((Preset::All, options)),
            _ => None,
        }
    }

    fn needs_mews(&self) -> bool {
        match (self, self.matrix()) {
            (Self::Boundary(_), _) => false,
            (_, Some((preset, options))) => options.needs_mews(preset),
            (_, None) => true,
        }
    }
}

/// The project that is measured.
const APP: &str = "Bench";

pub(crate) fn task(options: &Options) -> Result<()> {
    let toolchain = Toolchain::get()?;
    managed::build(&toolchain, &["Mews.Server".to_owned(), APP.to_owned()])?;
    if options.what.needs_mews() {
        cargo()
            .args(["build", "--release", "--package", "mews"])
            .cure("see the compiler's errors above")
            .run()?;
    }
    if let What::Recycle(options) = &options.what {
        managed::build(&toolchain, &["Minimal".to_owned()])?;
        return recycle::measure(&toolchain, options);
    }
    let contenders = Contenders::new(&toolchain.runtime, &paths::managed_output().join(APP), APP)?;
    let report = match &options.what {
        What::InProcess(options) => matrix::measure(Preset::InProcess, &contenders, options),
        What::OutOfProcess(options) => matrix::measure(Preset::OutOfProcess, &contenders, options),
        What::All(options) => matrix::measure(Preset::All, &contenders, options),
        What::FirstResponse(options) => first_response::measure(&contenders, options),
        What::Edge(options) => edge::measure(&contenders, options),
        What::Http2(options) => http2::measure(&contenders, options),
        What::IdleMemory(options) => idle_memory::measure(&contenders, options),
        What::Blocking(options) => blocking::measure(&contenders, options),
        What::OnDemand(options) => on_demand::measure(&contenders, options),
        What::Gateway(options) => gateway::measure(&contenders, options),
        What::Boundary(options) => boundary::measure(&contenders, &toolchain.runtime, options),
        // Done above: it compares nobody.
        What::Recycle(_) => return Ok(()),
    }?;
    let folder =
        if options.publish { paths::root().join("docs/performance") } else { paths::target().join("bench") };
    report.write(&toolchain.runtime, &folder)
}
