//! The command line.

mod admin;
mod check;
mod explain;
mod folder;
mod run;
mod serve;
mod sign_in;

use clap::{Parser, Subcommand};

pub(crate) use admin::AdminArguments;
pub(crate) use check::CheckArguments;
pub(crate) use explain::ExplainArguments;
use folder::FolderOptions;
pub(crate) use run::RunArguments;
pub(crate) use serve::ServeArguments;

/// Application host for ASP.NET Core.
#[derive(Debug, Parser)]
#[command(name = "mews", version, about, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Host one app folder in the foreground
    Run(Box<RunArguments>),
    /// Host the sites and application pools of a configuration file
    Serve(ServeArguments),
    /// Tell how the pools of a running 'mews serve' are
    Status(AdminArguments),
    /// Start pools that are stopped, disabled or idle
    Start(AdminArguments),
    /// Stop pools: their requests are answered with 503
    Stop(AdminArguments),
    /// Replace the workers of pools without losing a request
    Recycle(AdminArguments),
    /// Let 'mews serve' take its changed configuration file
    Reload(AdminArguments),
    /// Find what is wrong with an app folder, without starting anything
    Check(CheckArguments),
    /// Tell what a status or an event's number means, and what to do
    Explain(ExplainArguments),
    /// The worker process; started by the supervisor only.
    #[command(hide = true)]
    Worker,
    /// Asks .NET about an app; started by `check` only.
    #[command(hide = true)]
    Probe,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_empty_environment_name_is_refused() {
        for command in ["run", "check"] {
            let parse = |name: &str| Cli::try_parse_from(["mews", command, "--environment", name]).is_ok();
            assert!(parse("Staging") && !parse(""));
        }
    }
}
