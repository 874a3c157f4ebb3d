//! What the command line says about the edge.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use mews_model::compression::{Codings, Compression};
use mews_model::server_config::{AccessLog, AccessLogFormat, HostName, Hsts, HttpsRedirect};
use mews_server::RotatingFile;

use super::EdgeSpec;
use super::http2::Http2;
use crate::control::HttpsRules;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

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

    /// Sends http requests to the https URL: temporary (307) or permanent (308) [default: temporary]
    #[arg(long, value_name = "HOW", num_args = 0..=1, default_missing_value = "temporary")]
    pub(crate) https_redirect: Option<RedirectKind>,

    /// Has browsers use nothing but https for so many days (Strict-Transport-Security) [default: 30]
    ///
    /// Clients that asked for localhost or an address are not told.
    #[arg(long, value_name = "DAYS", num_args = 0..=1, default_missing_value = "30")]
    pub(crate) hsts: Option<u32>,

    /// Compresses responses that are text: zstd, br, gzip, or some of them [default: all of them]
    ///
    /// Do not use it for pages that hold secrets beside what a request sent (BREACH).
    #[arg(long, value_name = "ENCODINGS", num_args = 0..=1, default_missing_value = "zstd, br, gzip")]
    pub(crate) compression: Option<Codings>,
}

/// How requests are sent to https.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RedirectKind {
    /// 307
    Temporary,
    /// 308
    Permanent,
}

impl EdgeOptions {
    /// The first option that makes sense with https URLs only.
    pub(crate) fn wants_https(&self) -> Option<&'static str> {
        self.https_redirect.map(|_| "--https-redirect").or(self.hsts.map(|_| "--hsts"))
    }

    /// The same for workers.
    ///
    /// # Errors
    /// The log's file cannot be written to.
    pub(crate) fn spec(&self) -> Result<EdgeSpec, String> {
        let access_log = self.access_log.as_deref().map(|path| self.access_log(path)).transpose()?;
        let compression =
            self.compression.clone().map(|codings| Compression { codings, ..Compression::default() });
        let https = HttpsRules {
            hsts: self.hsts.map(|days| Hsts { max_age: DAY.saturating_mul(days), ..Hsts::default() }),
            redirect: self.https_redirect.map(|kind| match kind {
                RedirectKind::Temporary => HttpsRedirect::Temporary,
                RedirectKind::Permanent => HttpsRedirect::Permanent,
            }),
            // That of the https URL, once it is known.
            ports: vec![(HostName::Any, 0)],
        };
        Ok(EdgeSpec { access_log, http2: self.http2, compression, https, ..EdgeSpec::default() })
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
