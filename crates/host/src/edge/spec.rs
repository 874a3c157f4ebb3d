//! The edge of a site as the supervisor describes it, and as a worker has it.

use std::sync::Arc;
use std::time::Duration;

use mews_model::server_config::AccessLog;
use mews_server::{Accounting, RotatingFile, Sink};
use serde::{Deserialize, Serialize};

use super::http2::Http2;

/// What a worker is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EdgeSpec {
    /// Where requests are logged.
    pub(crate) access_log: Option<AccessLog>,
    /// Where HTTP/2 is spoken.
    pub(crate) http2: Http2,
}

/// What a worker makes of it.
#[derive(Default)]
pub(crate) struct Edge {
    log: Option<mews_server::AccessLog>,
    http2: Http2,
}

impl Edge {
    /// Opens the log. If that fails, requests are served without it: that is said.
    pub(crate) fn open(spec: &EdgeSpec) -> Self {
        let log = spec.access_log.as_ref().and_then(|log| {
            start(log)
                .map_err(|error| tracing::error!("{error}; requests are served without being logged"))
                .ok()
        });
        Self { log, http2: spec.http2 }
    }

    /// How the requests for an application of a site are accounted for.
    pub(crate) fn accounting(&self, site: &str, application: &str) -> Arc<Accounting> {
        Arc::new(Accounting::new(site, application).with_log(self.log.clone()))
    }

    /// Where HTTP/2 is spoken.
    pub(crate) fn http2(&self) -> mews_server::Http2 {
        self.http2.for_server()
    }

    /// Has everything written, within `limit`.
    pub(crate) fn finish(&self, limit: Duration) {
        if self.log.as_ref().is_some_and(|log| !log.flush(limit)) {
            tracing::warn!("the last lines of the access log were not written in time");
        }
    }
}

fn start(log: &AccessLog) -> Result<mews_server::AccessLog, String> {
    let sink: Box<dyn Sink> = if log.is_stderr() {
        mews_server::AccessLog::stderr()
    } else {
        Box::new(RotatingFile::open(log.clone()).map_err(|error| error.to_string())?)
    };
    mews_server::AccessLog::start(log.format, sink)
        .map_err(|error| format!("no thread can be started for the access log: {error}"))
}
