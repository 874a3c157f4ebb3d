//! `cargo xtask`: what developers and the build machine run. Not part of the product; nothing here ships.
//!
//! One file per task. Tasks call each other as functions: `test` runs `tidy` and `managed`, `managed` asks `dotnet` for a toolchain.

#![forbid(unsafe_code)]
// A task's whole output is what it prints.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod bench;
mod command;
mod conformance;
mod demo;
mod dist;
mod dotnet;
mod managed;
mod mcp;
mod paths;
mod prerequisites;
mod test;
mod tidy;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Developer tasks of Mews
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Find .NET, or assemble a private one in target/dotnet; print where it is
    Dotnet,
    /// Build the C# server, the samples and the test apps into target/managed
    Managed(managed::Options),
    /// Fetch the real-world app of the out-of-process tests into target/mcp
    Mcp,
    /// Build everything for release and run the demo application
    Demo(demo::Options),
    /// Make the archive that is installed, and try it out
    Dist(dist::Options),
    /// Run everything that must pass: tidy, managed tests, cargo tests
    Test(test::Options),
    /// Check the rules of this repository that no compiler checks
    Tidy,
    /// Run suites that nobody here wrote, and the framing table behind other servers
    Conformance(conformance::Options),
    /// Measure Mews beside its rivals
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let result = match Cli::parse().task {
        Task::Dotnet => dotnet::task(),
        Task::Managed(options) => managed::task(&options),
        Task::Mcp => mcp::task(),
        Task::Demo(options) => demo::task(&options),
        Task::Dist(options) => dist::task(&options),
        Task::Test(options) => test::task(&options),
        Task::Tidy => tidy::task(),
        Task::Conformance(options) => conformance::task(&options),
        Task::Bench(options) => bench::task(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
