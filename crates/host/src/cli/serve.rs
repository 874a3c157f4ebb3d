//! The arguments of `mews serve`.

use std::path::PathBuf;

use clap::Args;

use crate::log::LogFormat;
use crate::serve_config::DEFAULT_PATH;

/// What `mews serve` was asked for, as written.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Exit codes: 0 stopped, 1 the host failed, 2 wrong usage, 78 configuration.\n\n\
    MEWS_LOG sets how much is logged: error, warn, info (default), debug, trace.")]
pub(crate) struct ServeArguments {
    /// mews.toml, or an applicationHost.config of IIS
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    pub(crate) config: PathBuf,

    /// The socket that commands come to [default: MEWS_CONTROL, /run/mews/control.sock for root, else in
    /// XDG_RUNTIME_DIR]
    #[arg(long, value_name = "PATH")]
    pub(crate) control: Option<PathBuf>,

    /// How log lines on stderr look
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}
