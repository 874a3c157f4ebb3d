//! What a server is started with. Values only: nothing is read from files or the environment.

use std::fmt;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use crate::access::Accounting;
use crate::tls::Tls;

/// How a server runs.
#[derive(Clone)]
pub struct ServerConfig {
    /// Threads that poll sockets, and so shards; at least 1. Default: the number of cores.
    pub io_threads: usize,
    /// What a client may ask of the server.
    pub limits: Limits,
    /// Called first thing on every thread that may enter the handler.
    pub thread_start: Arc<dyn Fn() + Send + Sync>,
    /// Enters what handlers run in and returns, as soon as it lets the thread in: a runtime with a garbage collector holds up
    /// all of them at times, and then no thread is taken for stuck in a handler. Called on a thread of its own, which has
    /// called `thread_start`. `None`: there is nothing of that kind.
    pub enter: Option<Arc<dyn Fn() + Send + Sync>>,
    /// How long an I/O thread may be inside one task before another takes its shard over.
    pub stall_after: Duration,
    /// Most threads the server may have, watchdog excluded.
    pub max_threads: usize,
    /// Names and values of header fields that every response gets which has none of the same name. Not those to
    /// requests that are refused before the handler, and not 101.
    pub response_headers: Vec<(String, String)>,
    /// How requests are accounted for: those for the one application that a handler is, and those that are refused before
    /// it is known which application they are for.
    pub accounting: Arc<Accounting>,
    /// Where HTTP/2 is spoken.
    pub http2: Http2,
}

/// Where HTTP/2 is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Http2 {
    /// Nowhere.
    Off,
    /// Over TLS, with clients that offer it.
    #[default]
    Tls,
    /// Also without TLS, with clients that begin with its preface (prior knowledge).
    Always,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            io_threads: std::thread::available_parallelism().map_or(1, usize::from),
            limits: Limits::default(),
            thread_start: Arc::new(|| {}),
            enter: None,
            stall_after: Duration::from_millis(2),
            max_threads: 512,
            response_headers: Vec::new(),
            accounting: Arc::default(),
            http2: Http2::default(),
        }
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConfig")
            .field("io_threads", &self.io_threads)
            .field("limits", &self.limits)
            .field("stall_after", &self.stall_after)
            .field("max_threads", &self.max_threads)
            .finish_non_exhaustive()
    }
}

/// What a client may ask of the server. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest request line, line end included; above it 414.
    pub request_line: usize,
    /// Longest head, request line included; above it 431. Also bounds chunked trailers.
    pub header_bytes: usize,
    /// Most header fields, at most 256; above it 431.
    pub header_count: usize,
    /// From a request's first byte to the end of its head; above it 408.
    pub header_timeout: Duration,
    /// How long a connection may be idle between requests.
    pub keep_alive_timeout: Duration,
    /// Largest request body; `None` = unlimited. Above it 413, or `BodyError::TooLarge` when chunked.
    pub max_request_body: Option<u64>,
    /// Whether a longer `Content-Length` is answered with 413 at once; otherwise that is the handler's to do, and only
    /// what arrives is counted.
    pub refuse_announced_body: bool,
    /// How long a waiting reader of the request body may see no byte; then `BodyError::TimedOut`.
    pub body_timeout: Duration,
    /// How slowly a body may come, counting only the time that its reader waits; then the same.
    pub min_request_rate: MinDataRate,
    /// How long queued response bytes may wait without one byte leaving; then the connection is reset.
    pub write_timeout: Duration,
    /// How slowly a client may take what waits for it; then the same.
    pub min_response_rate: MinDataRate,
    /// Request body bytes buffered per connection.
    pub body_window: usize,
    /// Response bytes queued per connection before writers are told to wait.
    pub write_window: usize,
    /// Unread request body bytes swallowed after a response to keep the connection.
    pub drain_body: u64,
    /// Longest wait for the next of them; they may come no slower than those of a body that is read.
    pub drain_timeout: Duration,
    /// Most open connections; more wait in the kernel's queue. 0 = unlimited.
    pub max_connections: usize,
    /// Most open connections of one client address, or of one network of IPv6 (/64). Further ones are answered with 503 where
    /// there is no TLS, and closed. 0 = unlimited.
    pub max_connections_per_address: usize,
    /// From accepting a connection to the end of its TLS handshake; then it is closed.
    pub handshake_timeout: Duration,
    /// Most TLS handshakes at a time; more connections wait in the kernel's queue. 0 = unlimited.
    pub max_handshakes: usize,
    /// What concerns HTTP/2 alone.
    pub http2: Http2Limits,
}

/// What a client may ask of an HTTP/2 connection. Whoever goes too far is told `ENHANCE_YOUR_CALM`, and the connection
/// ends. Heads and bodies are bounded as with HTTP/1.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http2Limits {
    /// Most open streams; further ones are refused. Twice as many handlers may be at work, counting those whose stream
    /// the client has given up.
    pub streams: u32,
    /// Request body bytes that a stream may send ahead of their being read; below 2 GiB.
    pub stream_window: u32,
    /// The same for all streams of a connection together.
    pub connection_window: u32,
    /// Streams that a client may reset before they are answered, within `budget_window`. A whole response gives one
    /// back.
    pub resets: u32,
    /// Streams that a client may make the server reset or refuse, within `budget_window`.
    pub errors: u32,
    /// Frames that ask for nothing (PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty and unknown ones) within
    /// `budget_window`. Requests, and data in either direction, give some back.
    pub frames: u32,
    /// See the three above.
    pub budget_window: Duration,
    /// Most CONTINUATION frames of a header block.
    pub continuations: u32,
    /// How long a client with open streams may be silent before it is asked whether it is there (PING); zero = for ever.
    pub ping_after: Duration,
    /// How long it may take to answer; then the connection is reset.
    pub ping_timeout: Duration,
}

impl Default for Http2Limits {
    fn default() -> Self {
        Self {
            streams: 100,
            stream_window: 256 * 1024,
            connection_window: 1024 * 1024,
            resets: 100,
            errors: 20,
            frames: 1000,
            budget_window: Duration::from_secs(30),
            continuations: 8,
            ping_after: Duration::from_secs(30),
            ping_timeout: Duration::from_secs(20),
        }
    }
}

/// A rate that a client must keep up while it is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinDataRate {
    /// 0 = none.
    pub bytes_per_second: u64,
    /// What it may take longer.
    pub grace: Duration,
}

impl Default for MinDataRate {
    fn default() -> Self {
        Self { bytes_per_second: 240, grace: Duration::from_secs(5) }
    }
}

impl MinDataRate {
    /// How many milliseconds so many bytes may take.
    pub(crate) fn allowance_ms(self, bytes: u64) -> u64 {
        let grace = u64::try_from(self.grace.as_millis()).unwrap_or(u64::MAX);
        match bytes.saturating_mul(1000).checked_div(self.bytes_per_second) {
            Some(ms) => grace.saturating_add(ms),
            None => u64::MAX,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_line: 8 * 1024,
            header_bytes: 32 * 1024,
            header_count: 100,
            header_timeout: Duration::from_secs(30),
            keep_alive_timeout: Duration::from_secs(130),
            max_request_body: None,
            refuse_announced_body: true,
            body_timeout: Duration::from_secs(60),
            min_request_rate: MinDataRate::default(),
            write_timeout: Duration::from_secs(60),
            min_response_rate: MinDataRate::default(),
            body_window: 64 * 1024,
            write_window: 64 * 1024,
            drain_body: 30_000_000,
            drain_timeout: Duration::from_secs(5),
            max_connections: 0,
            max_connections_per_address: 0,
            handshake_timeout: Duration::from_secs(10),
            max_handshakes: 4096,
            http2: Http2Limits::default(),
        }
    }
}

/// A bound, listening socket. The server puts it into non-blocking mode.
#[derive(Debug)]
pub struct Listener {
    /// The socket; its connections are accepted after `Server::accept`.
    pub socket: TcpListener,
    /// What clients must speak here; `None` = plain HTTP.
    pub tls: Option<Tls>,
    /// What its connections are told apart by; see [`crate::Client::listener`].
    pub number: usize,
}
