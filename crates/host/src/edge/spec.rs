//! The edge of a site as the supervisor describes it, and as a worker has it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mews_model::compression::Compression;
use mews_model::metrics::{Snapshot, names};
use mews_model::server_config::{AccessLog, ConnectionLimits, Site};
use mews_server::{Accounting, Http2Limits, Limits, MinDataRate, RotatingFile, Sink};
use serde::{Deserialize, Serialize};

use super::http2::Http2;
use crate::control::HttpsRules;

/// What a worker is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EdgeSpec {
    /// Where requests are logged.
    pub(crate) access_log: Option<AccessLog>,
    /// Where those for other sites are, by the sites' names.
    pub(crate) other_logs: BTreeMap<String, Option<AccessLog>>,
    /// Where HTTP/2 is spoken.
    pub(crate) http2: Http2,
    /// What clients may ask of connections.
    pub(crate) limits: ConnectionLimits,
    /// How responses are compressed, unless an app's `web.config` says otherwise.
    pub(crate) compression: Option<Compression>,
    /// Having clients use https.
    pub(crate) https: HttpsRules,
}

/// What a worker makes of it. Clones are the same.
#[derive(Clone)]
pub(crate) struct Edge {
    log: Option<mews_server::AccessLog>,
    other_logs: BTreeMap<String, Option<mews_server::AccessLog>>,
    http2: Http2,
    limits: ConnectionLimits,
    accounted: Arc<Mutex<Vec<Arc<Accounting>>>>,
}

impl EdgeSpec {
    /// That of a site in a configuration file.
    pub(crate) fn of(site: &Site) -> Self {
        Self {
            access_log: site.access_log.clone(),
            http2: site.http2.into(),
            limits: site.limits.clone(),
            compression: site.compression.clone(),
            https: HttpsRules {
                hsts: site.hsts.clone(),
                redirect: site.https_redirect,
                ports: site.https_ports(),
            },
            ..Self::default()
        }
    }

    /// For a worker of several sites, of which this is that of the first: their logs are apart, and they agree in the rest.
    #[must_use]
    pub(crate) fn with_others<'a>(&self, others: impl Iterator<Item = (&'a str, &'a Self)>) -> Self {
        let other_logs = others.map(|(site, spec)| (site.to_owned(), spec.access_log.clone())).collect();
        Self { other_logs, ..self.clone() }
    }
}

impl Edge {
    /// Opens the log. If that fails, requests are served without it: that is said.
    pub(crate) fn open(spec: &EdgeSpec) -> Self {
        let open = |log: &AccessLog| {
            start(log)
                .map_err(|error| tracing::error!("{error}; requests are served without being logged"))
                .ok()
        };
        let log = spec.access_log.as_ref().and_then(open);
        let others = spec.other_logs.iter();
        let other_logs = others.map(|(site, log)| (site.clone(), log.as_ref().and_then(open))).collect();
        Self { log, other_logs, http2: spec.http2, limits: spec.limits.clone(), accounted: Arc::default() }
    }

    /// How the requests for an application of a site are accounted for.
    pub(crate) fn accounting(&self, site: &str, application: &str) -> Arc<Accounting> {
        let log = self.other_logs.get(site).unwrap_or(&self.log).clone();
        let accounting = Arc::new(Accounting::new(site, application).with_log(log));
        lock(&self.accounted).push(Arc::clone(&accounting));
        accounting
    }

    /// What was counted of requests and of the log.
    pub(crate) fn metrics(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for accounting in lock(&self.accounted).iter() {
            accounting.fill(&mut snapshot);
        }
        for log in self.logs() {
            let (written, lost) = log.counts();
            snapshot.count(names::LOG_LINES, &["written"], written);
            snapshot.count(names::LOG_LINES, &["lost"], lost);
        }
        snapshot
    }

    fn logs(&self) -> impl Iterator<Item = &mews_server::AccessLog> {
        self.other_logs.values().chain([&self.log]).flatten()
    }

    /// The server's limits. An announced body that is too long is the filter's to refuse, with IIS's number.
    pub(crate) fn limits(&self, max_request_body: Option<u64>) -> Limits {
        let own = &self.limits;
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let rate = |bytes_per_second| MinDataRate { bytes_per_second, grace: own.rate_grace };
        Limits {
            request_line: size(own.request_line),
            header_bytes: size(own.header_bytes),
            header_count: size(own.header_count),
            header_timeout: own.header_timeout,
            keep_alive_timeout: own.keep_alive_timeout,
            max_request_body,
            refuse_announced_body: false,
            body_timeout: own.stall_timeout,
            min_request_rate: rate(own.request_rate),
            write_timeout: own.stall_timeout,
            min_response_rate: rate(own.response_rate),
            drain_body: own.unread_body,
            handshake_timeout: own.handshake_timeout,
            max_handshakes: size(own.handshakes),
            max_connections: size(own.connections),
            max_connections_per_address: size(own.connections_per_address),
            http2: Http2Limits {
                streams: own.http2_streams,
                resets: own.http2_resets,
                errors: own.http2_errors,
                frames: own.http2_frames,
                ping_after: own.http2_ping,
                ping_timeout: own.http2_ping_timeout,
                ..Http2Limits::default()
            },
            ..Limits::default()
        }
    }

    /// Where HTTP/2 is spoken.
    pub(crate) fn http2(&self) -> mews_server::Http2 {
        self.http2.for_server()
    }

    /// Has everything written, within `limit`.
    pub(crate) fn finish(&self, limit: Duration) {
        // All of them write meanwhile.
        if self.logs().filter(|log| !log.flush(limit)).count() > 0 {
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(own: ConnectionLimits) -> Limits {
        Edge::open(&EdgeSpec { limits: own, ..EdgeSpec::default() }).limits(None)
    }

    #[test]
    fn without_settings_the_servers_own_defaults_count() {
        let expected = Limits { refuse_announced_body: false, ..Limits::default() };
        assert_eq!(limits(ConnectionLimits::default()), expected);
    }

    #[test]
    fn every_setting_reaches_the_server() {
        let seconds = Duration::from_secs;
        let rate = |bytes_per_second| MinDataRate { bytes_per_second, grace: seconds(8) };
        let own = ConnectionLimits {
            request_line: 1001,
            header_bytes: 1002,
            header_count: 103,
            header_timeout: seconds(4),
            keep_alive_timeout: seconds(5),
            request_rate: 1006,
            response_rate: 1007,
            rate_grace: seconds(8),
            stall_timeout: seconds(9),
            handshake_timeout: seconds(10),
            handshakes: 1011,
            unread_body: 1012,
            http2_streams: 113,
            http2_resets: 114,
            http2_errors: 115,
            http2_frames: 116,
            http2_ping: seconds(17),
            http2_ping_timeout: seconds(18),
            connections: 1019,
            connections_per_address: 1020,
        };
        let expected = Limits {
            request_line: 1001,
            header_bytes: 1002,
            header_count: 103,
            header_timeout: seconds(4),
            keep_alive_timeout: seconds(5),
            refuse_announced_body: false,
            min_request_rate: rate(1006),
            min_response_rate: rate(1007),
            body_timeout: seconds(9),
            write_timeout: seconds(9),
            handshake_timeout: seconds(10),
            max_handshakes: 1011,
            drain_body: 1012,
            http2: Http2Limits {
                streams: 113,
                resets: 114,
                errors: 115,
                frames: 116,
                ping_after: seconds(17),
                ping_timeout: seconds(18),
                ..Http2Limits::default()
            },
            max_connections: 1019,
            max_connections_per_address: 1020,
            ..Limits::default()
        };
        assert_eq!(limits(own), expected);
    }
}
