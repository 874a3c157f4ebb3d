//! `cargo xtask bench`: Mews beside its rivals, in one run, on one machine. Prints a Markdown table; keeps the raw numbers in `target/bench`.
//!
//! Contenders take turns, so that what disturbs the machine disturbs all. A result that the spread of its rounds could turn is called inconclusive.

mod blocking;
mod client;
mod contender;
mod difference;
mod first_response;
mod idle_memory;
mod in_process;
mod out_of_process;
mod process;
mod report;
mod setup;
mod statistics;
mod wrk;

use crate::command::cargo;
use crate::dotnet::Toolchain;
use crate::{managed, paths};
use anyhow::Result;
use contender::Contenders;

#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Processor time per request, in-process beside Kestrel alone
    InProcess(in_process::Options),
    /// Processor time, response times and throughput of the hop to the app, out-of-process beside nginx and HAProxy
    OutOfProcess(out_of_process::Options),
    /// Time from start to the first response
    FirstResponse(first_response::Options),
    /// Memory after a warm-up, idle
    IdleMemory(idle_memory::Options),
    /// A fast endpoint while 64 requests block their threads
    Blocking(blocking::Options),
}

impl What {
    fn needs_mews(&self) -> bool {
        match self {
            Self::OutOfProcess(options) => options.needs_mews(),
            _ => true,
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
    let contenders = Contenders::new(&toolchain.runtime, &paths::managed_output().join(APP), APP)?;
    let report = match &options.what {
        What::InProcess(options) => in_process::measure(&contenders, options),
        What::OutOfProcess(options) => out_of_process::measure(&contenders, options),
        What::FirstResponse(options) => first_response::measure(&contenders, options),
        What::IdleMemory(options) => idle_memory::measure(&contenders, options),
        What::Blocking(options) => blocking::measure(&contenders, options),
    }?;
    report.publish(&toolchain.runtime)
}
