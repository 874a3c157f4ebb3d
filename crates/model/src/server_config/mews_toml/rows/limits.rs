//! The rows about what clients may ask of connections. What becomes of whoever asks for more is in `metrics::limits`.

use super::super::table::Default::Text;
use super::super::table::{Row, duration, number, row};
use super::UINT;
use crate::server_config::ConnectionLimits;

pub(in super::super) const LIMITS: &[Row<ConnectionLimits>] = &[
    row(
        "request_line",
        number(256, 65_536, |limits, n| limits.request_line = n.value),
        Text("8192"),
        "Bytes of a request line; above it 414.",
    ),
    row(
        "header_bytes",
        number(1024, 1_048_576, |limits, n| limits.header_bytes = n.value),
        Text("32768"),
        "Bytes of a request's head; above it 431.",
    ),
    row(
        "header_count",
        number(1, 256, |limits, n| limits.header_count = n.value),
        Text("100"),
        "Fields of a request's head; above it 431.",
    ),
    row(
        "header_timeout",
        duration(1, 3600, |limits, time| limits.header_timeout = time),
        Text("\"30s\""),
        "From the first byte of a head to its last; above it 408.",
    ),
    row(
        "keep_alive_timeout",
        duration(1, 86_400, |limits, time| limits.keep_alive_timeout = time),
        Text("\"130s\""),
        "How long a connection may be idle between requests.",
    ),
    row(
        "request_rate",
        number(0, UINT, |limits, n| limits.request_rate = n.value),
        Text("240"),
        "Bytes per second of a request body while it is waited for; below it 408. 0 is off.",
    ),
    row(
        "response_rate",
        number(0, UINT, |limits, n| limits.response_rate = n.value),
        Text("240"),
        "Bytes per second at which a response must be taken; below it the connection is reset. 0 is off.",
    ),
    row(
        "rate_grace",
        duration(1, 3600, |limits, time| limits.rate_grace = time),
        Text("\"5s\""),
        "How much longer than these rates say it may take.",
    ),
    row(
        "stall_timeout",
        duration(1, 3600, |limits, time| limits.stall_timeout = time),
        Text("\"60s\""),
        "How long a body, or a client that has to take a response, may stand still.",
    ),
    row(
        "handshake_timeout",
        duration(1, 3600, |limits, time| limits.handshake_timeout = time),
        Text("\"10s\""),
        "From accepting a connection to the end of its TLS handshake.",
    ),
    row(
        "handshakes",
        number(0, UINT, |limits, n| limits.handshakes = n.value),
        Text("4096"),
        "TLS handshakes of a worker that may go on at a time; more connections wait in the kernel. 0 is any number.",
    ),
    row(
        "unread_body",
        number(0, UINT, |limits, n| limits.unread_body = n.value),
        Text("30000000"),
        "Bytes of a request body that are swallowed when its response did not need them, as that of a browser that is told to sign in first; above it the connection is closed, and after 5 seconds without any.",
    ),
    row(
        "http2_streams",
        number(1, 10_000, |limits, n| limits.http2_streams = small(n.value)),
        Text("100"),
        "Open streams of an HTTP/2 connection; further ones are refused.",
    ),
    row(
        "http2_resets",
        number(1, UINT, |limits, n| limits.http2_resets = small(n.value)),
        Text("100"),
        "Streams that a client may reset before they are answered, in 30 s; above it the connection ends.",
    ),
    row(
        "http2_errors",
        number(1, UINT, |limits, n| limits.http2_errors = small(n.value)),
        Text("20"),
        "Streams that a client may make the server reset or refuse, in 30 s; above it the connection ends.",
    ),
    row(
        "http2_frames",
        number(1, UINT, |limits, n| limits.http2_frames = small(n.value)),
        Text("1000"),
        "Frames that ask for nothing (PING, SETTINGS, PRIORITY, empty ones), in 30 s; above it the connection ends.",
    ),
    row(
        "http2_ping",
        duration(0, 3600, |limits, time| limits.http2_ping = time),
        Text("\"30s\""),
        "How long an HTTP/2 client with open streams may be silent before it is sent a PING; 0 is off.",
    ),
    row(
        "http2_ping_timeout",
        duration(1, 3600, |limits, time| limits.http2_ping_timeout = time),
        Text("\"20s\""),
        "How long it may take to answer; then the connection is reset.",
    ),
    row(
        "connections",
        number(0, UINT, |limits, n| limits.connections = n.value),
        Text("0"),
        "Open connections of a worker; more wait in the kernel. 0 is as many as files may be open.",
    ),
    row(
        "connections_per_address",
        number(0, UINT, |limits, n| limits.connections_per_address = n.value),
        Text("0"),
        "Of them, those of one client address, or one /64 network of IPv6; more get 503, or over https nothing, and are \
         closed. The address is that of the connection: behind a proxy, the proxy's. 0 is any number.",
    ),
];

/// A number that its row bounds.
fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
