//! Forwarding to another worker of this host, over connections that nobody else can make: each belongs to one client's
//! connection, whose facts the other worker has got together with it.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use super::held::Held;
use super::upstream::Upstream;
use super::{Backend, ForwardOptions};
use crate::handler::ConnectionInfo;
use crate::sync::lock;

/// A little less than the other worker's own limit, which must not be met while a request is on its way.
const IDLE: Duration = Duration::from_secs(120);

static NEXT_KEY: AtomicU64 = AtomicU64::new(1);

/// Makes connections to another worker.
pub trait Connect: Send + Sync + 'static {
    /// A connection for requests of this client. Called on an I/O thread; must not block. Whoever has the other end may
    /// still have to be started: what is sent meanwhile waits.
    ///
    /// # Errors
    /// Why there is none; the request is answered with 502.3.
    fn connect(&self, client: &ConnectionInfo) -> io::Result<UnixStream>;

    /// Grows when another worker takes the place of the one that was connected to: no other request then goes over
    /// connections from before.
    fn generation(&self) -> u64 {
        0
    }
}

/// Sends requests to one other worker, as they came.
pub struct PrivateBackend {
    key: u64,
    connect: Arc<dyn Connect>,
}

impl PrivateBackend {
    /// To the worker that `connect` connects to.
    pub fn new(connect: Arc<dyn Connect>) -> Self {
        Self { key: NEXT_KEY.fetch_add(1, Ordering::Relaxed), connect }
    }

    /// How requests go on between workers: for as long as they take, and without fields that tell who the client is. An
    /// idle connection is kept for about as long as clients' own are: the other worker knows by it who has signed in.
    pub fn options() -> ForwardOptions {
        ForwardOptions {
            request_timeout: None,
            as_proxy: false,
            idle_timeout: IDLE,
            ..ForwardOptions::default()
        }
    }
}

impl Backend for PrivateBackend {
    fn route(&self, request: Held) {
        let upstream = request
            .connection()
            .map(|client| client.relays.get(self.key, || Upstream::private(self.connect.clone())));
        if let Some(upstream) = upstream {
            request.forward(&upstream);
        }
    }
}

/// The ways that the requests of one client's connection have taken to other workers. Most have taken none.
#[derive(Debug, Default)]
pub(crate) struct Relays(OnceLock<Box<Mutex<Known>>>);

type Known = Vec<(u64, Arc<Upstream>)>;

impl Relays {
    fn get(&self, key: u64, make: impl FnOnce() -> Arc<Upstream>) -> Arc<Upstream> {
        let mut known = lock(self.0.get_or_init(Box::default));
        if let Some((_, upstream)) = known.iter().find(|(other, _)| *other == key) {
            return upstream.clone();
        }
        let upstream = make();
        known.push((key, upstream.clone()));
        upstream
    }
}

impl Drop for Relays {
    fn drop(&mut self) {
        let Some(known) = self.0.take() else { return };
        for (_, upstream) in lock(&known).drain(..) {
            upstream.close();
        }
    }
}
