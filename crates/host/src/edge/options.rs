//! What the command line says about the edge.

use std::path::{Path, PathBuf};

use clap::Args;
use mews_model::compression::{Codings, Compression};
use mews_model::server_config::{AccessLog, AccessLogFormat};
use mews_server::RotatingFile;

use super::EdgeSpec;
use super::http2::Http2;

/// The options of `mews run` that are about the edge.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct EdgeOptions {
    /// Writes a line for each request to this file, '-' to stderr
    ///
    /// A new file is begun every day (UTC), and 30 old ones are kept beside it.
    #[arg(long, value_name = "FILE")]
    pub(crate) access_log: Option<PathBuf>,

    /// How these lines look: w3c (IIS's fields), combined or json [default: w3c]
    #[arg(long, value_name = "FORMAT", requires = "access_log")]
    pub(crate) access_log_format: Option<AccessLogFormat>,

    /// Where HTTP/2 is spoken
    #[arg(long, value_name = "WHERE", default_value = "tls")]
    pub(crate) http2: Http2,

    /// Compresses responses that are text: zstd, br, gzip, or some of them [default: all of them]
    ///
    /// Do not use it for pages that hold secrets beside what a request sent (BREACH).
    #[arg(long, value_name = "ENCODINGS", num_args = 0..=1, default_missing_value = "zstd, br, gzip")]
    pub(crate) compression: Option<Codings>,
}

impl EdgeOptions {
    /// The same for workers.
    ///
    /// # Errors
    /// The log's file cannot be written to.
    pub(crate) fn spec(&self) -> Result<EdgeSpec, String> {
        let access_log = self.access_log.as_deref().map(|path| self.access_log(path)).transpose()?;
        let compression =
            self.compression.clone().map(|codings| Compression { codings, ..Compression::default() });
        Ok(EdgeSpec { access_log, http2: self.http2, compression, ..EdgeSpec::default() })
    }

    fn access_log(&self, path: &Path) -> Result<AccessLog, String> {
        let file =
            std::path::absolute(path).map_err(|error| format!("--access-log {}: {error}", path.display()))?;
        let log =
            AccessLog { file, format: self.access_log_format.unwrap_or_default(), ..AccessLog::default() };
        if !log.is_stderr() {
            RotatingFile::open(log.clone()).map_err(|error| format!("--access-log: {error}"))?;
        }
        Ok(log)
    }
}
