//! Listeners, HTTP/1.1 and HTTP/2, limits, dispatch and plain answer pages.
//!
//! This crate owns sockets and threads. It knows neither CoreCLR nor child processes: it calls a
//! [`Handler`] and is called back through an [`Exchange`]. Everything here is safe Rust.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `application` | who answers a request: one application, or the one that a router chooses |
//! | `reactor` | shards, tasks, the watchdog that replaces a stuck thread, the thread pool |
//! | `listener` | accepting and balancing connections |
//! | `tls` | certificates, handshakes, encryption |
//! | `http1` | heads, framing, bodies and the connection's state machine |
//! | `http2` | frames, header compression and streams |
//! | `output` | what leaves a connection: heads, chunks, files, back-pressure |
//! | `access` | the account of each request, and the access log |
//! | `dispatch` | where a request's handler runs: on the I/O thread or on the pool |
//! | `https` | a handler around another one that sends requests without TLS to https |
//! | `forward` | a handler that forwards requests to a server on loopback |
//! | `authentication` | signing in, and who may send which request, before another handler |
//! | `compression` | a handler around another one, and what responses go through then |
//! | `filter` | request filtering and URL rewriting before another handler |
//! | `peek` | whom a connection is for, from bytes that are left to be read |
//! | `pages` | a handler that answers everything with one page |
#![forbid(unsafe_code)]

mod access;
mod application;
pub mod authentication;
mod clock;
mod compression;
mod config;
mod dispatch;
mod error;
mod exchange;
pub mod filter;
pub mod forward;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod handler;
pub mod headers;
mod http1;
mod http2;
mod https;
mod listener;
mod metrics;
mod output;
pub mod pages;
mod peek;
mod reactor;
mod server;
mod stats;
mod sync;
mod thread_stat;
pub mod tls;

pub use access::{AccessLog, Accounting, FileError, RotatingFile, Sink, TraceId};
pub use application::{Application, Router};
pub use authentication::{AuthenticationHandler, AuthenticationOptions, Authority};
pub use compression::CompressionHandler;
pub use config::{Http2, Http2Limits, Limits, Listener, MinDataRate, ServerConfig};
pub use error::{BodyError, Gone, UpgradeError};
pub use exchange::{BodyRead, Exchange, ResponseHead, Written};
pub use filter::{FilterHandler, FilterOptions};
pub use forward::{
    Backend, Connect, ForwardHandler, ForwardOptions, Held, PrivateBackend, Upstream, UpstreamStats,
};
pub use handler::{Client, ConnectionInfo, DispatchHint, Handler, HeaderRef, RequestHead};
pub use headers::{HeaderBlock, HeaderBlockRef};
pub use https::HttpsPorts;
pub use listener::{Arrival, Arrivals};
pub use pages::{Details, Page, PageHandler};
pub use peek::{Dispatch, Said};
pub use server::Server;
pub use stats::Stats;
pub use tls::{Tls, TlsInfo};
