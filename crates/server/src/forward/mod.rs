//! Forwards requests to an HTTP/1.1 server on loopback or to another worker, over kept connections, on the server's own
//! I/O threads.
//!
//! A [`Backend`] chooses the [`Upstream`] for each request, at once or later. From then on a *relay* moves the bytes
//! of this one exchange in both directions. Connections to an upstream belong to the shard of the client's
//! connection, so that an exchange never leaves its thread. Nothing here knows what an upstream's process is.
//!
//! Locks: a relay's state first, then an upstream's pool or the client connection's own locks. The backend is called
//! with none held.

mod failure;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod handler;
mod held;
mod link;
mod pool;
mod private;
mod relay;
mod reply;
#[cfg(test)]
mod reply_tests;
mod request;
#[cfg(test)]
mod request_tests;
mod scratch;
mod state;
mod upstream;

use std::time::Duration;

pub use handler::ForwardHandler;
pub use held::Held;
pub(crate) use private::Relays;
pub use private::{Connect, PrivateBackend};
pub use upstream::{Upstream, UpstreamStats};

/// Chooses where a request goes.
pub trait Backend: Send + Sync + 'static {
    /// Called for every request on an I/O thread; must not block. Forwards at once, or keeps the request until there
    /// is an upstream for it. Called again for a request of which nothing was sent before its upstream was closed.
    fn route(&self, request: Held);
}

/// How requests are forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardOptions {
    /// Longest single wait for the upstream: to connect, to take bytes, to begin its answer, to go on with it.
    /// `None` = no limit. Upgraded exchanges are not limited.
    pub request_timeout: Option<Duration>,
    /// Whether upgrades (WebSockets) are forwarded. Otherwise such a request goes on as an ordinary one.
    pub web_sockets: bool,
    /// Whether the upstream's `Connection` field is passed to the client.
    pub forward_connection_header: bool,
    /// Idle connections kept for each upstream and shard.
    pub idle_connections: usize,
    /// How long they are kept.
    pub idle_timeout: Duration,
    /// Whether fields of the request tell who the client is, and none of the client's own can say so. Otherwise the
    /// request goes on as it was sent.
    pub as_proxy: bool,
}

impl Default for ForwardOptions {
    fn default() -> Self {
        Self {
            request_timeout: Some(Duration::from_secs(120)),
            web_sockets: true,
            forward_connection_header: false,
            idle_connections: 128,
            idle_timeout: Duration::from_secs(60),
            as_proxy: true,
        }
    }
}
