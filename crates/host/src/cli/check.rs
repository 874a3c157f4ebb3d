//! The arguments of `mews check`.

use std::path::PathBuf;

use clap::Args;

use super::FolderOptions;

/// What `mews check` was asked for, as written.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Looks at web.config, at the app's files and at the .NET installation, starts nothing, and prints every problem with
its place and its cure, then what `mews run` would do. Give it the same options and environment as `mews run`.
Addresses are tried: whether they can be listened on now.
Of a mews.toml or an applicationHost.config, which `mews serve` reads, every application folder is looked at too.

Errors keep the app from running as it is meant; warnings do not.

Exit codes: 0 no error, 1 at least one, 2 wrong usage.")]
pub(crate) struct CheckArguments {
    /// The folder that `dotnet publish` made, the app's .dll, a web.config, a mews.toml, or an applicationHost.config
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    pub(crate) path: PathBuf,

    #[command(flatten)]
    pub(crate) folder: FolderOptions,

    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}
