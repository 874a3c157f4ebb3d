//! Every metric. Where OpenTelemetry has a name for something, it is that one in Prometheus' spelling.

/// A metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// As Prometheus shows it.
    pub name: &'static str,
    /// What kind of value it has.
    pub kind: Kind,
    /// The names of its labels, in order.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
}

/// What kind of value a metric has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Never falls, also when workers end.
    Counter,
    /// What is now.
    Gauge,
    /// Durations in seconds, counted in [`BUCKETS_SECONDS`].
    Histogram,
}

impl Kind {
    /// As Prometheus calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// Upper ends of a histogram's buckets, as OpenTelemetry advises for `http.server.request.duration`.
pub const BUCKETS_SECONDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Methods that are told apart, as OpenTelemetry does; others are the last.
pub const METHODS: [&str; 10] =
    ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "_OTHER"];

const REQUEST: &[&str] = &["site", "application"];

macro_rules! metrics {
    ($($constant:ident = $kind:ident $name:literal $labels:expr, $help:literal;)+) => {
        /// Each metric under its own name.
        pub mod names {
            use super::{Kind, Metric, REQUEST};
            $(
                #[doc = $help]
                pub const $constant: &Metric =
                    &Metric { name: $name, kind: Kind::$kind, labels: $labels, help: $help };
            )+
        }

        /// Every metric, in the order in which they are shown.
        pub const ALL: &[&Metric] = &[$(names::$constant),+];
    };
}

metrics! {
    REQUEST_DURATION = Histogram "http_server_request_duration_seconds"
        &["site", "application", "http_request_method", "http_response_status_class"],
        "From the first byte of a request's head being read to the last byte of its response being handed to the kernel.";
    RESPONSES = Counter "mews_http_responses_total" &["site", "application", "http_response_status_code"],
        "Responses by status; 499 are requests whose client left before, 0 those that were given up without one.";
    ACTIVE_REQUESTS = Gauge "http_server_active_requests" REQUEST,
        "Requests in progress, upgraded connections included.";
    ABORTED = Counter "mews_http_aborted_requests_total" &["site", "application", "reason"],
        "Requests whose response did not reach its end, by HTTP.sys's word for the reason.";
    RECEIVED = Counter "mews_http_received_bytes_total" REQUEST,
        "Bytes of request heads, and of request bodies as far as they were read.";
    SENT = Counter "mews_http_sent_bytes_total" REQUEST,
        "Bytes of responses with their heads, before encryption.";
    COMPRESSED = Counter "mews_http_compressed_responses_total" &["site", "application", "encoding"],
        "Responses that were compressed.";
    COMPRESSED_BEFORE = Counter "mews_http_compression_input_bytes_total" &["site", "application", "encoding"],
        "Bytes of their bodies before.";
    COMPRESSED_AFTER = Counter "mews_http_compression_output_bytes_total" &["site", "application", "encoding"],
        "Bytes of their bodies after.";
    REFUSED = Counter "mews_http_refused_requests_total" &["reason"],
        "Requests that were refused before any application, by HTTP.sys's word for the reason.";
    LIMIT_HITS = Counter "mews_limit_hits_total" &["limit"],
        "Times a client met a limit, by its name in the table of limits (`docs/reference/limits.md`).";
    CONNECTIONS = Gauge "mews_connections" &[],
        "Open connections of clients.";
    ACCEPTED = Counter "mews_connections_accepted_total" &[],
        "Connections that were accepted.";
    HTTP2 = Counter "mews_http2_connections_total" &["event"],
        "HTTP/2 connections: opened, broken (the client broke the protocol) or calmed (ended with ENHANCE_YOUR_CALM).";
    HANDSHAKES = Counter "mews_tls_handshakes_total" &["result"],
        "TLS handshakes: ok, failed or timeout.";
    GATEWAY_CONNECTIONS = Gauge "mews_gateway_connections" &[],
        "Connections at the gateway now: those that it looks at, and those that it answers itself.";
    GATEWAY_WAITING = Gauge "mews_gateway_waiting_connections" &[],
        "Connections at the gateway that wait for a worker.";
    GATEWAY_ACCEPTED = Counter "mews_gateway_connections_accepted_total" &[],
        "Connections that the gateway accepted.";
    GATEWAY_HANDED_OVER = Counter "mews_gateway_connections_handed_over_total" &["url", "site"],
        "Those that it found a pool for, by the address that they came to and the site that they are for.";
    GATEWAY_REFUSED = Counter "mews_gateway_connections_refused_total" &["reason"],
        "Those that it answered itself or closed: no site has the host name (unknown_host), or no worker can be waited for (no_worker).";
    GATEWAY_RELAYED = Counter "mews_gateway_relays_total" &[],
        "Ways from one pool's worker to another's, for requests on connections that another pool has.";
    LOG_LINES = Counter "mews_access_log_lines_total" &["result"],
        "Lines of access logs: written, or lost because they could not be written fast enough or at all.";
    WORKERS = Gauge "mews_workers" &["pool", "kind"],
        "Worker processes: those that host an app, and those that answer with a page.";
    WORKER_STARTS = Counter "mews_worker_starts_total" &["pool", "kind"],
        "Worker processes that were started.";
    WORKER_ENDS = Counter "mews_worker_ends_total" &["pool", "reason"],
        "Worker processes that ended: stopped or crashed; besides, how many failed to start or hung.";
    RECYCLES = Counter "mews_recycles_total" &["pool", "cause"],
        "Times a pool was recycled, by cause: memory, age, requests, clock, command, web_config, release or configuration.";
    QUEUE_LENGTH = Gauge "mews_queue_length" &["url"],
        "Connections that wait in the kernel for a worker to accept them.";
    THREADS = Gauge "mews_threads" &[],
        "Threads of workers that serve connections or run handlers.";
    REPLACED_THREADS = Counter "mews_replaced_threads_total" &[],
        "I/O threads that were replaced because a handler blocked them.";
    HANDLER_RUNS = Counter "mews_handler_runs_total" &["thread"],
        "Handlers that were run on an I/O thread (io) or on the pool (pool).";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules() {
        for (at, metric) in ALL.iter().enumerate() {
            let name = metric.name;
            assert!(ALL[..at].iter().all(|other| other.name != name), "{name} twice");
            let plain =
                |text: &str| text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
            assert!(plain(name) && metric.labels.iter().all(|label| plain(label)), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
            assert!(metric.help.ends_with('.') && !metric.help.contains(['\n', '\\']), "{name}");
        }
    }
}
