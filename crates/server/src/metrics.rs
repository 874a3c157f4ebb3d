//! A server's counters as metrics.

use mews_model::metrics::{Snapshot, names};

use crate::server::Server;
use crate::stats::Stats;

/// A limit's name, and how often it was met.
type Limit = (&'static str, fn(&Stats) -> u64);

/// Limits by the names that they have in [`mews_model::metrics::LIMITS`].
const LIMITS: &[Limit] = &[
    ("request_line", |stats| stats.rejected_line),
    ("header_bytes", |stats| stats.rejected_head),
    ("header_count", |stats| stats.rejected_fields),
    ("header_timeout", |stats| stats.rejected_timeout),
    ("keep_alive_timeout", |stats| stats.idle_timeouts),
    ("request_body", |stats| stats.rejected_body + stats.body_overruns),
    ("request_body_rate", |stats| stats.body_timeouts),
    ("unread_body", |stats| stats.drain_limit_hits),
    ("response_rate", |stats| stats.write_timeouts),
    ("http2_resets", |stats| stats.http2_reset_floods),
    ("http2_frames", |stats| stats.http2_frame_floods),
    ("http2_header_block", |stats| stats.http2_header_floods),
    ("http2_streams", |stats| stats.http2_refused_streams),
    ("http2_response_window", |stats| stats.http2_stalled_streams),
    ("http2_ping", |stats| stats.http2_silent),
    ("handshake_timeout", |stats| stats.handshake_timeouts),
    ("handshakes", |stats| stats.handshake_limit_hits),
    ("connections", |stats| stats.connection_limit_hits),
    ("connections_per_address", |stats| stats.address_limit_hits),
    ("open_files", |stats| stats.descriptor_limit_hits + stats.accept_failures),
];

/// Refusals by HTTP.sys's words.
const REFUSALS: &[Limit] = &[
    ("BadRequest", |stats| stats.rejected_malformed),
    ("Timer_HeaderWait", |stats| stats.rejected_timeout),
    ("EntityTooLarge", |stats| stats.rejected_body),
    ("URL_Length", |stats| stats.rejected_line),
    ("RequestLength", |stats| stats.rejected_head + stats.rejected_fields),
    ("Verb", |stats| stats.rejected_method),
    ("Version_N/S", |stats| stats.rejected_version),
    ("ConnLimit", |stats| stats.address_limit_hits),
];

impl Server {
    /// Adds what was counted of connections and refused requests. What was counted of each application's requests is in
    /// its [`crate::Accounting`].
    pub fn fill(&self, snapshot: &mut Snapshot) {
        let stats = self.stats();
        self.fill_refusals(snapshot);
        snapshot.level(names::CONNECTIONS, &[], stats.connections);
        snapshot.count(names::ACCEPTED, &[], stats.accepted);
        snapshot.count(names::HTTP2, &["opened"], stats.http2_connections);
        snapshot.count(names::HTTP2, &["broken"], stats.http2_errors);
        snapshot.count(names::HTTP2, &["calmed"], stats.http2_calmed);
        snapshot.count(names::HANDSHAKES, &["ok"], stats.handshakes);
        snapshot.count(names::HANDSHAKES, &["failed"], stats.handshake_failures);
        snapshot.count(names::HANDSHAKES, &["timeout"], stats.handshake_timeouts);
        snapshot.level(names::THREADS, &[], stats.threads);
        snapshot.count(names::REPLACED_THREADS, &[], stats.replaced_threads);
        snapshot.count(names::HANDLER_RUNS, &["io"], stats.inline_runs);
        snapshot.count(names::HANDLER_RUNS, &["pool"], stats.pool_runs);
    }

    /// Adds what was counted of refused requests and of limits alone.
    pub fn fill_refusals(&self, snapshot: &mut Snapshot) {
        let stats = self.stats();
        for (name, count) in REFUSALS {
            snapshot.count(names::REFUSED, &[name], count(&stats));
        }
        for (name, count) in LIMITS {
            snapshot.count(names::LIMIT_HITS, &[name], count(&stats));
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_of_limits_is_complete() {
        let counted: Vec<&str> = super::LIMITS.iter().map(|(name, _)| *name).collect();
        let told: Vec<&str> = mews_model::metrics::LIMITS.iter().map(|limit| limit.name).collect();
        assert_eq!(counted, told);
    }
}
