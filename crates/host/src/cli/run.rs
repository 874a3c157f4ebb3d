//! The arguments of `mews run`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::FolderOptions;
use super::sign_in::SignInOptions;
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

    #[command(flatten)]
    pub(crate) folder: FolderOptions,

    #[command(flatten)]
    pub(crate) tls: TlsOptions,

    #[command(flatten)]
    pub(crate) edge: EdgeOptions,

    /// Address where Prometheus finds metrics, at /metrics
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) admin: Option<SocketAddr>,

    #[command(flatten)]
    pub(crate) sign_in: SignInOptions,

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
