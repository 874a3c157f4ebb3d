//! The arguments of `mews check`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use mews_model::HostingModel;

/// What `mews check` was asked for, as written.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Looks at web.config, at the app's files and at the .NET installation, starts nothing, and prints every problem with
its place and its cure, then what `mews run` would do. Give it the same options and environment as `mews run`.
Of a mews.toml or an applicationHost.config, which `mews serve` reads, every application folder is looked at too.

Errors keep the app from running as it is meant; warnings do not.

Exit codes: 0 no error, 1 at least one, 2 wrong usage.")]
pub(crate) struct CheckArguments {
    /// The folder that `dotnet publish` made, the app's .dll, a web.config, a mews.toml, or an applicationHost.config
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    pub(crate) path: PathBuf,

    /// Addresses, as for 'mews run': whether they can be listened on now [default: ASPNETCORE_URLS]
    #[arg(long, value_name = "URLS")]
    pub(crate) urls: Option<String>,

    /// InProcess or OutOfProcess; overrides web.config
    #[arg(long, value_name = "MODEL")]
    pub(crate) hosting_model: Option<HostingModel>,

    /// The value of ASPNETCORE_ENVIRONMENT
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) environment: Option<String>,

    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}
