//! Counters of a server: what came, what was refused, and how threads were used.

use std::sync::atomic::{AtomicU64, Ordering};

/// A snapshot of a server's counters. All count from the server's start unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections open now.
    pub connections: u64,
    /// Request heads that reached the handler.
    pub requests: u64,
    /// Requests refused as malformed: 400.
    pub rejected_malformed: u64,
    /// Heads not complete in time: 408.
    pub rejected_timeout: u64,
    /// Bodies announced larger than the limit: 413.
    pub rejected_body: u64,
    /// Request lines too long: 414.
    pub rejected_line: u64,
    /// Heads too large: 431.
    pub rejected_head: u64,
    /// Heads with too many fields: 431.
    pub rejected_fields: u64,
    /// Methods not implemented: 501.
    pub rejected_method: u64,
    /// HTTP versions not supported: 505.
    pub rejected_version: u64,
    /// Connections closed because they were idle for `keep_alive_timeout`.
    pub idle_timeouts: u64,
    /// Request bodies larger than the limit that were found so while they came.
    pub body_overruns: u64,
    /// Request bodies that came too slowly.
    pub body_timeouts: u64,
    /// Connections closed because too much of a request body was left unread.
    pub drain_limit_hits: u64,
    /// Times accepting paused because of `max_connections`.
    pub connection_limit_hits: u64,
    /// Connections refused because of `max_connections_per_address`.
    pub address_limit_hits: u64,
    /// Times accepting paused because of `max_handshakes`.
    pub handshake_limit_hits: u64,
    /// Times accepting paused because the limit of open files was near.
    pub descriptor_limit_hits: u64,
    /// Times accepting paused because the system refused a descriptor or memory.
    pub accept_failures: u64,
    /// Connections reset because the client did not read for `write_timeout`.
    pub write_timeouts: u64,
    /// TLS handshakes that ended well.
    pub handshakes: u64,
    /// TLS handshakes that failed.
    pub handshake_failures: u64,
    /// TLS handshakes that took longer than `handshake_timeout`.
    pub handshake_timeouts: u64,
    /// Connections that speak HTTP/2.
    pub http2_connections: u64,
    /// HTTP/2 connections ended because the client broke the protocol.
    pub http2_errors: u64,
    /// HTTP/2 connections ended with `ENHANCE_YOUR_CALM`. The next four say why, or what led to it.
    pub http2_calmed: u64,
    /// Times too many streams were reset, by the client or because of it.
    pub http2_reset_floods: u64,
    /// Times too many frames asked for nothing.
    pub http2_frame_floods: u64,
    /// Header blocks larger than the limit, or in too many pieces.
    pub http2_header_floods: u64,
    /// Streams refused because too many were open.
    pub http2_refused_streams: u64,
    /// Responses given up because the client left no room for them.
    pub http2_stalled_streams: u64,
    /// HTTP/2 connections reset because the client did not answer a PING.
    pub http2_silent: u64,
    /// I/O threads replaced because they were stuck in a handler.
    pub replaced_threads: u64,
    /// Handler runs on the pool.
    pub pool_runs: u64,
    /// Handler runs on an I/O thread.
    pub inline_runs: u64,
    /// Threads that exist now, watchdog excluded.
    pub threads: u64,
}

/// The live counters that are not counted per shard.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) accepted: AtomicU64,
    pub(crate) rejected_malformed: AtomicU64,
    pub(crate) rejected_timeout: AtomicU64,
    pub(crate) rejected_body: AtomicU64,
    pub(crate) rejected_line: AtomicU64,
    pub(crate) rejected_head: AtomicU64,
    pub(crate) rejected_fields: AtomicU64,
    pub(crate) rejected_method: AtomicU64,
    pub(crate) rejected_version: AtomicU64,
    pub(crate) idle_timeouts: AtomicU64,
    pub(crate) body_overruns: AtomicU64,
    pub(crate) body_timeouts: AtomicU64,
    pub(crate) drain_limit_hits: AtomicU64,
    pub(crate) connection_limit_hits: AtomicU64,
    pub(crate) address_limit_hits: AtomicU64,
    pub(crate) handshake_limit_hits: AtomicU64,
    pub(crate) descriptor_limit_hits: AtomicU64,
    pub(crate) accept_failures: AtomicU64,
    pub(crate) write_timeouts: AtomicU64,
    pub(crate) handshakes: AtomicU64,
    pub(crate) handshake_failures: AtomicU64,
    pub(crate) handshake_timeouts: AtomicU64,
    pub(crate) http2_connections: AtomicU64,
    pub(crate) http2_errors: AtomicU64,
    pub(crate) http2_calmed: AtomicU64,
    pub(crate) http2_reset_floods: AtomicU64,
    pub(crate) http2_frame_floods: AtomicU64,
    pub(crate) http2_header_floods: AtomicU64,
    pub(crate) http2_refused_streams: AtomicU64,
    pub(crate) http2_stalled_streams: AtomicU64,
    pub(crate) http2_silent: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Copies every counter kept here into a snapshot.
    pub(crate) fn fill(&self, stats: &mut Stats) {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        stats.accepted = get(&self.accepted);
        stats.rejected_malformed = get(&self.rejected_malformed);
        stats.rejected_timeout = get(&self.rejected_timeout);
        stats.rejected_body = get(&self.rejected_body);
        stats.rejected_line = get(&self.rejected_line);
        stats.rejected_head = get(&self.rejected_head);
        stats.rejected_fields = get(&self.rejected_fields);
        stats.rejected_method = get(&self.rejected_method);
        stats.rejected_version = get(&self.rejected_version);
        stats.idle_timeouts = get(&self.idle_timeouts);
        stats.body_overruns = get(&self.body_overruns);
        stats.body_timeouts = get(&self.body_timeouts);
        stats.drain_limit_hits = get(&self.drain_limit_hits);
        stats.connection_limit_hits = get(&self.connection_limit_hits);
        stats.address_limit_hits = get(&self.address_limit_hits);
        stats.handshake_limit_hits = get(&self.handshake_limit_hits);
        stats.descriptor_limit_hits = get(&self.descriptor_limit_hits);
        stats.accept_failures = get(&self.accept_failures);
        stats.write_timeouts = get(&self.write_timeouts);
        stats.handshakes = get(&self.handshakes);
        stats.handshake_failures = get(&self.handshake_failures);
        stats.handshake_timeouts = get(&self.handshake_timeouts);
        stats.http2_connections = get(&self.http2_connections);
        stats.http2_errors = get(&self.http2_errors);
        stats.http2_calmed = get(&self.http2_calmed);
        stats.http2_reset_floods = get(&self.http2_reset_floods);
        stats.http2_frame_floods = get(&self.http2_frame_floods);
        stats.http2_header_floods = get(&self.http2_header_floods);
        stats.http2_refused_streams = get(&self.http2_refused_streams);
        stats.http2_stalled_streams = get(&self.http2_stalled_streams);
        stats.http2_silent = get(&self.http2_silent);
    }
}
