//! `mews`: an application host for ASP.NET Core on Linux.
//!
//! A table of contents: which command leads where, and which exit code comes out.
#![forbid(unsafe_code)]

mod admin;
mod app;
mod check;
mod cli;
mod control;
mod edge;
mod explain;
mod fatal;
mod gateway;
mod handover;
mod isolation;
mod listeners;
mod log;
mod metrics;
mod routing;
mod run;
mod serve;
mod serve_config;
mod stdout;
mod supervisor;
mod tls;
mod worker;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Status(arguments) => admin::run(admin::Command::Status, &arguments),
        Command::Start(arguments) => admin::run(admin::Command::Start, &arguments),
        Command::Stop(arguments) => admin::run(admin::Command::Stop, &arguments),
        Command::Recycle(arguments) => admin::run(admin::Command::Recycle, &arguments),
        Command::Reload(arguments) => admin::run(admin::Command::Reload, &arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Probe => check::probe::run(),
        Command::Worker => worker::run(),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(fatal) => {
            // A closed stderr must not turn an error into a panic.
            let _ = writeln!(std::io::stderr(), "mews: {fatal}");
            ExitCode::from(fatal.exit_code())
        }
    }
}
