//! A server that forwards, and the upstream it forwards to: a listener whose connections the test speaks itself.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mews_server::{Backend, ForwardHandler, ForwardOptions, Held, Limits, Server, Upstream};

use super::{Client, PATIENCE, start};

/// The pairing token of every test.
pub(crate) const TOKEN: &str = "5ecret";

/// A listening upstream.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    accepted: Receiver<Client>,
}

impl Scripted {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (send, accepted) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if send.send(Client::over(stream.unwrap())).is_err() {
                    return;
                }
            }
        });
        Self { address, accepted }
    }

    /// The next connection.
    pub(crate) fn accept(&self) -> Client {
        self.accepted.recv_timeout(PATIENCE).expect("nobody connected to the upstream")
    }

    /// Fails if another connection has been made.
    pub(crate) fn assert_no_other(&self) {
        match self.accepted.recv_timeout(Duration::from_millis(20)) {
            Err(RecvTimeoutError::Timeout) => {}
            other => panic!("an unexpected connection: {:?}", other.map(|_| ())),
        }
    }

    /// Serves every connection on a thread of its own with `serve`, until the test ends.
    pub(crate) fn serve(self, serve: impl Fn(&mut Client) + Send + Sync + 'static) -> SocketAddr {
        let serve = Arc::new(serve);
        let address = self.address;
        thread::spawn(move || {
            for mut client in self.accepted {
                let serve = serve.clone();
                thread::spawn(move || serve(&mut client));
            }
        });
        address
    }
}

/// Forwards at once.
struct To(Arc<Upstream>);

impl Backend for To {
    fn route(&self, request: Held) {
        request.forward(&self.0);
    }
}

/// Keeps every request.
#[derive(Default)]
pub(crate) struct Store {
    held: Mutex<Vec<Held>>,
    changed: Condvar,
}

impl Store {
    /// Waits until so many requests are held and takes them.
    pub(crate) fn take(&self, count: usize) -> Vec<Held> {
        let until = Instant::now() + PATIENCE;
        let mut held = self.held.lock().unwrap();
        while held.len() < count {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} of {count} requests are held", held.len());
            held = self.changed.wait_timeout(held, left).unwrap().0;
        }
        held.drain(..count).collect()
    }

    pub(crate) fn one(&self) -> Held {
        self.take(1).remove(0)
    }
}

impl Backend for Store {
    fn route(&self, request: Held) {
        self.held.lock().unwrap().push(request);
        self.changed.notify_all();
    }
}

/// A running server that forwards to a scripted upstream.
pub(crate) struct Forward {
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) scripted: Scripted,
}

impl Forward {
    pub(crate) fn new() -> Self {
        Self::with(ForwardOptions::default(), Limits::default())
    }

    pub(crate) fn options(change: impl FnOnce(&mut ForwardOptions)) -> Self {
        let mut options = ForwardOptions::default();
        change(&mut options);
        Self::with(options, Limits::default())
    }

    pub(crate) fn with(options: ForwardOptions, limits: Limits) -> Self {
        let scripted = Scripted::new();
        let upstream = Upstream::new(scripted.address, TOKEN);
        let (server, address) = forward_to(options, limits, &upstream);
        Self { server, address, upstream, scripted }
    }

    pub(crate) fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// A client that has sent `request`, and the upstream's end, which has read its head.
    pub(crate) fn exchange(&self, request: &str) -> (Client, Client, String) {
        let mut client = self.connect();
        client.send(request);
        let mut peer = self.scripted.accept();
        let head = peer.lines();
        (client, peer, head)
    }

    pub(crate) fn get(&self) -> (Client, Client, String) {
        self.exchange("GET /path?secret=1 HTTP/1.1\r\nHost: test\r\n\r\n")
    }
}

/// Starts a server that forwards everything to `upstream`.
pub(crate) fn forward_to(
    options: ForwardOptions,
    limits: Limits,
    upstream: &Arc<Upstream>,
) -> (Server, SocketAddr) {
    start_backend(options, limits, Arc::new(To(upstream.clone())))
}

/// Starts a server that leaves requests to `backend`.
pub(crate) fn start_backend(
    options: ForwardOptions,
    limits: Limits,
    backend: Arc<dyn Backend>,
) -> (Server, SocketAddr) {
    let (server, address) = start(limits, 2, Arc::new(ForwardHandler::new(options, backend)));
    server.accept();
    (server, address)
}
