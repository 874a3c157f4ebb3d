//! What the host implements, and what it is told of a request.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::exchange::Exchange;
use crate::forward::Relays;
use crate::listener::Place;
use crate::tls::TlsInfo;

/// Answers requests. The methods are called by the server's own threads, each prepared by
/// `ServerConfig::thread_start`; a panic in one answers 500 and is logged.
pub trait Handler: Send + Sync + 'static {
    /// A head has arrived. Called on the I/O thread; copies what it needs out of `head` and must
    /// not block. The body must not be read here.
    fn prepare(&self, head: &RequestHead<'_>, exchange: &Arc<Exchange>);

    /// Calls the application, on the I/O thread or a pool thread. May respond fully, or keep a clone
    /// of `exchange` and return with the response pending. An exchange that is dropped unfinished is
    /// answered with 500, or reset when its head has been sent.
    fn run(&self, exchange: &Arc<Exchange>);

    /// `read_body` would make progress; once for each `BodyRead::WouldBlock`. Must not block.
    fn body_ready(&self, exchange: &Exchange) {
        let _ = exchange;
    }

    /// A write would be taken again, or a pending file has left; once for each refusal. Must not block.
    fn writable(&self, exchange: &Exchange) {
        let _ = exchange;
    }

    /// The client is gone: at most once for an exchange, not after its response is complete. A
    /// response that is still produced after a half-close is sent. Must not block.
    fn aborted(&self, exchange: &Exchange) {
        let _ = exchange;
    }

    /// [`Handler::run`] will not be called for this exchange: nothing can be answered any more. Lets go of what
    /// [`Handler::prepare`] has kept of it. Must not block.
    fn discarded(&self, exchange: &Exchange) {
        let _ = exchange;
    }

    /// How to choose the thread that calls [`Handler::run`].
    fn dispatch_hint(&self) -> DispatchHint {
        DispatchHint::Learn
    }
}

/// How the thread that calls a handler is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DispatchHint {
    /// Always on the I/O thread.
    NeverBlocks,
    /// By what the endpoint's earlier runs have shown.
    Learn,
}

/// A request head, borrowed from the connection's buffer for the time of `prepare`.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// Method, as received.
    pub method: &'a [u8],
    /// Request target, as received.
    pub target: &'a [u8],
    /// 10, 11 or 20.
    pub version: u8,
    /// Header fields in the order received; values without surrounding white space.
    pub headers: &'a [HeaderRef<'a>],
    /// `Content-Length`, when sent.
    pub content_length: Option<u64>,
    /// Whether a body of at least one byte or of unknown length follows.
    pub has_body: bool,
    /// Whether the body is chunked.
    pub chunked: bool,
    /// Whether the client waits for `100 Continue`, which the first `read_body` sends.
    pub expect_continue: bool,
    /// Whether response trailers will be sent if the response is chunked.
    pub trailers_allowed: bool,
    /// HTTP/1.1 without a body.
    pub upgradable: bool,
    /// `CONNECT` of HTTP/2 with the protocol `websocket` (RFC 8441): `upgrade` makes the stream carry raw bytes.
    pub extended_connect: bool,
    /// Unique in the process.
    pub request_id: u64,
    /// `CLOCK_MONOTONIC` nanoseconds when parsing began.
    pub parse_start_ns: i64,
    /// The same when parsing had ended.
    pub parse_end_ns: i64,
}

/// One request header field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeaderRef<'a> {
    /// Name, in the client's spelling.
    pub name: &'a [u8],
    /// Value; may hold bytes of 0x80 and above.
    pub value: &'a [u8],
    /// Well-known number of the name, 0 = none.
    pub known: u8,
}

/// A client's connection, as far as requests depend on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// The number of the listener that it was accepted from.
    pub listener: usize,
    /// The client's address.
    pub remote: Option<SocketAddr>,
    /// The address the client connected to.
    pub local: Option<SocketAddr>,
    /// What TLS agreed on; `None` = it is not encrypted.
    pub tls: Option<Arc<TlsInfo>>,
    /// Requests of several clients may come on it side by side, as with HTTP/2 through a proxy: it proves nothing of the
    /// next request.
    pub several: bool,
}

/// Facts of a connection that do not change.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// Unique in the process.
    pub id: u64,
    /// `CLOCK_MONOTONIC` nanoseconds when it was accepted, or was handed to this process.
    pub started_ns: i64,
    /// See [`Client::listener`].
    pub listener: usize,
    /// The client's address.
    pub remote: Option<SocketAddr>,
    /// The address the client connected to.
    pub local: Option<SocketAddr>,
    /// What TLS agreed on; `None` = it is not encrypted.
    pub tls: Option<Arc<TlsInfo>>,
    /// See [`Client::several`].
    pub several: bool,
    /// Its place among those of the client's address.
    pub(crate) place: Option<Place>,
    /// The ways that its requests have taken to other workers.
    pub(crate) relays: Relays,
}

impl ConnectionInfo {
    pub(crate) fn new(id: u64, started_ns: i64, client: Client) -> Self {
        let Client { listener, remote, local, tls, several } = client;
        Self { id, started_ns, listener, remote, local, tls, several, place: None, relays: Relays::default() }
    }

    /// What of it another worker must know to answer the client's requests.
    pub fn client(&self) -> Client {
        Client {
            listener: self.listener,
            remote: self.remote,
            local: self.local,
            tls: self.tls.clone(),
            several: self.several,
        }
    }
}
