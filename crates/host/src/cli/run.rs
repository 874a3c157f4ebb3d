//! The arguments of `mews run`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use mews_model::HostingModel;

use crate::edge::EdgeOptions;
use crate::log::LogFormat;
use crate::tls::TlsOptions;

/// What `mews run` was asked for, as written.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Exit codes: 0 stopped, 1 the app or the host failed, 2 wrong usage, 78 configuration.\n\n\
    MEWS_LOG sets how much is logged: error, warn, info (default), debug, trace."
)]
pub(crate) struct RunArguments {
    /// The folder that `dotnet publish` made, or the app's .dll
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,

    /// Addresses to listen on, separated by ';' [default: ASPNETCORE_URLS, or http://127.0.0.1:8080]
    ///
    /// As in 'http://127.0.0.1:8080;https://[::1]:8443'. http://*:80 is every address, port 0 any free
    /// port.
    #[arg(long, value_name = "URLS")]
    pub(crate) urls: Option<String>,

    /// InProcess or OutOfProcess; overrides web.config
    #[arg(long, value_name = "MODEL")]
    pub(crate) hosting_model: Option<HostingModel>,

    /// Sets ASPNETCORE_ENVIRONMENT for the app
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) environment: Option<String>,

    #[command(flatten)]
    pub(crate) tls: TlsOptions,

    #[command(flatten)]
    pub(crate) edge: EdgeOptions,

    /// Threads that serve connections [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) io_threads: Option<u16>,

    /// How log lines on stderr look
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,

    /// Passed to the app
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) args: Vec<String>,
}
