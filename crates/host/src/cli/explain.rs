//! The arguments of `mews explain`.

use clap::Args;

/// What `mews explain` was asked for, as written.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  mews explain 500.31    one status, as a failure page or the log shows it
  mews explain 500       its sub-statuses
  mews explain 1005      one event of the log
  mews explain           everything there is

Exit codes: 0 explained, 2 no such number.")]
pub(crate) struct ExplainArguments {
    /// A status, a status with its sub-status, or the number of an event; everything when left out
    #[arg(value_name = "CODE")]
    pub(crate) code: Option<String>,

    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}
