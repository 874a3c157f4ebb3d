//! The arguments of the commands to a running `mews serve`.

use std::path::PathBuf;

use clap::Args;

/// What a command was asked for, as written.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Exit codes: 0 as wanted, 1 not, 2 wrong usage.")]
pub(crate) struct AdminArguments {
    /// An application pool, or a site for its pools; every pool when left out
    pub(crate) name: Option<String>,

    /// The control socket [default: MEWS_CONTROL, /run/mews/control.sock for root, else in XDG_RUNTIME_DIR]
    #[arg(long, value_name = "PATH")]
    pub(crate) control: Option<PathBuf>,

    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}
