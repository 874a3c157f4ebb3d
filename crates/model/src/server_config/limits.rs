//! What clients of a site may ask of its connections.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Limits of connections. Each is counted under its name when a client meets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionLimits {
    /// Bytes of a request line; above it 414.
    pub request_line: u64,
    /// Bytes of a head; above it 431.
    pub header_bytes: u64,
    /// Fields of a head; above it 431.
    pub header_count: u64,
    /// From the first byte of a head to its last; above it 408.
    pub header_timeout: Duration,
    /// How long a connection may be idle between requests.
    pub keep_alive_timeout: Duration,
    /// Bytes per second of a request body while it is waited for; below it 408. 0 = none.
    pub request_rate: u64,
    /// Bytes per second at which responses must be taken; below it the connection is reset. 0 = none.
    pub response_rate: u64,
    /// How much longer than that bodies and responses may take.
    pub rate_grace: Duration,
    /// How long a body or a client that is waited for may stand still.
    pub stall_timeout: Duration,
    /// From accepting a connection to the end of its TLS handshake.
    pub handshake_timeout: Duration,
    /// TLS handshakes of a worker that may go on at a time; more connections wait in the kernel. 0 = any number.
    pub handshakes: u64,
    /// Bytes of a request body that are swallowed when the response did not need them; above it the connection is closed.
    pub unread_body: u64,
    /// Open streams of an HTTP/2 connection; further ones are refused.
    pub http2_streams: u32,
    /// Streams that a client may reset before they are answered, in 30 s; above it the connection ends.
    pub http2_resets: u32,
    /// Streams that it may make the server reset or refuse, in 30 s; above it the connection ends.
    pub http2_errors: u32,
    /// Frames that ask for nothing, in 30 s; above it the connection ends.
    pub http2_frames: u32,
    /// How long an HTTP/2 client with open streams may be silent before it is sent a PING; zero = for ever.
    pub http2_ping: Duration,
    /// How long it may take to answer that; then the connection is reset.
    pub http2_ping_timeout: Duration,
    /// Open connections of a worker; more wait in the kernel. 0 = as many as files may be open.
    pub connections: u64,
    /// Of them, those of one client address, or one network of IPv6; more are refused. 0 = any number.
    pub connections_per_address: u64,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            request_line: 8 * 1024,
            header_bytes: 32 * 1024,
            header_count: 100,
            header_timeout: Duration::from_secs(30),
            keep_alive_timeout: Duration::from_secs(130),
            request_rate: 240,
            response_rate: 240,
            rate_grace: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(10),
            handshakes: 4096,
            unread_body: 30_000_000,
            http2_streams: 100,
            http2_resets: 100,
            http2_errors: 20,
            http2_frames: 1000,
            http2_ping: Duration::from_secs(30),
            http2_ping_timeout: Duration::from_secs(20),
            connections: 0,
            connections_per_address: 0,
        }
    }
}
