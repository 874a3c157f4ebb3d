//! The function table: what managed code may call, what it is called with, and the memory both share.
//!
//! Specified in `docs/internals/abi.md`. The host implements [`Exchange`] for one request and [`Host`] for the
//! application, installs one [`Runtime`], and then opens and dispatches exchanges.

mod area;
mod callbacks;
mod calls;
mod exchange;
mod info;
mod layout;
mod memory;
mod notify;
mod request;
mod runtime;
mod slot;
mod slots;
mod table;

pub use exchange::{
    BodyRead, Closing, Exchange, Head, Host, Report, SendFile, TrailerVisitor, Upgrade, Write,
};
pub use info::{HostFlags, HostInfo};
pub use layout::{
    HostTable, ManagedCallbacks, RawConnection, RawExchange, RawHeader, RawHostInfo, VERSION, layout,
};
pub use request::{Connection, Header, OpenError, Request, Tls, request_flags};
pub use runtime::{AlreadyInstalled, Dispatched, Runtime};

/// Status codes that cross the boundary, as the specification lists them.
pub mod status {
    /// Done.
    pub const DONE: i32 = 0;
    /// Not done yet; a callback follows.
    pub const PENDING: i32 = 1;
    /// The client is gone or the exchange was aborted.
    pub const GONE: i32 = -1;
    /// The call is not valid at this time, or its arguments are not.
    pub const INVALID: i32 = -2;
    /// Not supported here.
    pub const UNSUPPORTED: i32 = -3;
    /// The handle's generation has passed.
    pub const STALE: i32 = -4;
    /// The request body is malformed; the client's fault.
    pub const MALFORMED: i32 = -5;
    /// The request body is larger than the host's limit.
    pub const TOO_LARGE: i32 = -6;
    /// The client sent the request body too slowly.
    pub const TIMED_OUT: i32 = -7;
    /// No body bytes now; `on_body_ready` follows.
    pub const WOULD_BLOCK: i32 = -100;
}
