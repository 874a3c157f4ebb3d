//! What the integration tests share: a server on a free port, an application with test endpoints, and a
//! client that speaks raw bytes.
#![allow(dead_code, unused_imports, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is test code")]

mod app;
mod client;
pub(crate) mod http2;
pub(crate) mod log;
pub(crate) mod tls;
mod upstream;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mews_model::metrics::Snapshot;
use mews_server::{Handler, Http2, Limits, Listener, Server, ServerConfig};

pub(crate) use app::{App, Event, pattern};
pub(crate) use client::{Client, Response};
pub(crate) use upstream::{Forward, Scripted, Store, TOKEN, forward_to, start_backend};

/// Longest time any single wait of a test may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running server and its address.
pub(crate) struct Fixture {
    pub(crate) server: Option<Server>,
    pub(crate) address: SocketAddr,
    pub(crate) app: Arc<App>,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default(), 2)
    }

    pub(crate) fn with(limits: Limits, io_threads: usize) -> Self {
        let app = Arc::new(App::default());
        let (server, address) = start(limits, io_threads, app.clone());
        server.accept();
        Self { server: Some(server), address, app }
    }

    /// One that speaks HTTP/2 without TLS as well.
    pub(crate) fn http2(limits: Limits) -> Self {
        let app = Arc::new(App::default());
        let config = ServerConfig { io_threads: 2, limits, http2: Http2::Always, ..ServerConfig::default() };
        let (server, address) = start_as(config, app.clone());
        server.accept();
        Self { server: Some(server), address, app }
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    pub(crate) fn get(&self, target: &str) -> Response {
        let mut client = self.connect();
        client.get(target);
        client.response()
    }
}

/// Starts a server that does not accept yet.
pub(crate) fn start(limits: Limits, io_threads: usize, handler: Arc<dyn Handler>) -> (Server, SocketAddr) {
    start_as(ServerConfig { io_threads, limits, ..ServerConfig::default() }, handler)
}

fn start_as(config: ServerConfig, handler: Arc<dyn Handler>) -> (Server, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    (Server::start(config, vec![Listener { socket, tls: None, number: 0 }], handler).unwrap(), address)
}

/// Waits until `condition` holds; fails with `what` otherwise.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "did not happen in time: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// How often a limit was met, by the name that it has in metrics.
pub(crate) fn hits(server: &Server, limit: &str) -> u64 {
    let mut snapshot = Snapshot::default();
    server.fill(&mut snapshot);
    let text = snapshot.text();
    let line = format!("mews_limit_hits_total{{limit=\"{limit}\"}} ");
    text.lines().find_map(|found| found.strip_prefix(&line)).map_or(0, |count| count.parse().unwrap())
}
