//! One request and its response, as the handler sees it. Callable from any thread, also after the
//! connection has moved on or is gone: then every call says so and does nothing.

mod response;
mod running;

use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use mews_model::authentication::Identity;

use crate::access::{Account, TraceId};
use crate::application::Application;
use crate::compression;
use crate::error::BodyError;
use crate::handler::{ConnectionInfo, Handler};
use crate::headers::HeaderBlock;
use crate::http1::Conn;
use crate::http2::Connection;
use crate::reactor::Shard;

pub(crate) use response::Extras;
pub use response::{ResponseHead, Written};

/// What a read of the request body gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyRead {
    /// So many bytes were copied; 0 only for an empty destination: data waits.
    Data(usize),
    /// The body is complete; trailers are valid.
    End,
    /// Nothing now: `Handler::body_ready` follows once.
    WouldBlock,
}

/// What carries an exchange. Chosen by a branch, so that the common calls cost no indirection.
pub(crate) enum Transport {
    Http1(Arc<Conn>),
    Http2(Arc<Connection>),
}

impl From<Arc<Conn>> for Transport {
    fn from(conn: Arc<Conn>) -> Self {
        Self::Http1(conn)
    }
}

impl From<Arc<Connection>> for Transport {
    fn from(conn: Arc<Connection>) -> Self {
        Self::Http2(conn)
    }
}

/// Calls the same method of whatever carries the exchange.
macro_rules! carried {
    ($exchange:ident, $method:ident($($argument:expr),*)) => {
        match &$exchange.transport {
            $crate::exchange::Transport::Http1(conn) => conn.$method($($argument),*),
            $crate::exchange::Transport::Http2(conn) => conn.$method($($argument),*),
        }
    };
}
use carried;

/// See the module's documentation.
pub struct Exchange {
    transport: Transport,
    application: Arc<Application>,
    account: Arc<Account>,
    seq: u64,
    request_id: u64,
    has_body: bool,
    upgradable: bool,
    tag: AtomicU64,
    attachment: OnceLock<Box<Attached>>,
    user: OnceLock<Arc<Identity>>,
    extras: OnceLock<Box<Extras>>,
    /// What the response goes through, if its application has it compressed.
    compressed: OnceLock<Box<compression::Response>>,
    /// The response is complete, or the handler knows that the client is gone.
    over: AtomicBool,
    upgraded: AtomicBool,
    /// When the handler was entered, in coarse milliseconds; 0 = not yet, `RETURNED` = it has returned.
    entered: AtomicU64,
    /// Another thread goes on with it: that the handler has returned means nothing.
    deferred: AtomicBool,
}

/// One state of a handler, and what others have attached after it.
struct Attached {
    state: Arc<dyn Any + Send + Sync>,
    next: OnceLock<Box<Attached>>,
}

impl Exchange {
    /// `upgradable`: by `Upgrade`, or because the stream is an extended CONNECT.
    pub(crate) fn new(
        transport: impl Into<Transport>,
        application: Arc<Application>,
        account: Arc<Account>,
        seq: u64,
        request_id: u64,
        has_body: bool,
        upgradable: bool,
    ) -> Self {
        Self {
            transport: transport.into(),
            application,
            account,
            seq,
            request_id,
            has_body,
            upgradable,
            tag: AtomicU64::new(0),
            attachment: OnceLock::new(),
            user: OnceLock::new(),
            extras: OnceLock::new(),
            compressed: OnceLock::new(),
            over: AtomicBool::new(false),
            upgraded: AtomicBool::new(false),
            entered: AtomicU64::new(0),
            deferred: AtomicBool::new(false),
        }
    }

    /// Facts of the connection.
    pub fn connection(&self) -> &ConnectionInfo {
        carried!(self, info())
    }

    /// Unique in the process.
    pub fn request_id(&self) -> u64 {
        self.request_id
    }

    /// For the log: what the status says more exactly, as in 404.13.
    pub fn set_sub_status(&self, sub_status: u16) {
        self.account.set_sub_status(sub_status);
    }

    /// For the log: the user that the request is made as. Only the first is kept.
    pub fn set_user(&self, user: &str) {
        self.account.set_user(user);
    }

    /// Whether the log wants to know which trace the application begins for the request.
    pub fn asks_for_trace(&self) -> bool {
        self.account.asks_for_trace()
    }

    /// Says which trace the application has begun. Without effect on a request that came with one, the second time, and when
    /// it is no id.
    pub fn set_trace(&self, trace: TraceId) {
        self.account.set_trace(trace);
    }

    /// The handler's own number, 0 at first.
    pub fn tag(&self) -> u64 {
        self.tag.load(Ordering::Acquire)
    }

    /// Sets the handler's own number.
    pub fn set_tag(&self, tag: u64) {
        self.tag.store(tag, Ordering::Release);
    }

    /// Keeps a handler's own state with the exchange, as long as anybody holds the exchange. Of each type only the first is
    /// kept. It must not hold the exchange before [`Handler::run`] is called, which may not happen.
    pub fn attach(&self, state: Arc<dyn Any + Send + Sync>) {
        let mut place = &self.attachment;
        let mut new = Box::new(Attached { state, next: OnceLock::new() });
        while let Err(refused) = place.set(new) {
            new = refused;
            match place.get() {
                Some(attached) => place = &attached.next,
                None => return,
            }
        }
    }

    fn attached(&self) -> impl Iterator<Item = &Arc<dyn Any + Send + Sync>> {
        std::iter::successors(self.attachment.get(), |attached| attached.next.get())
            .map(|attached| &attached.state)
    }

    /// What was attached, if there is a `T`.
    pub fn attachment<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.attached().find_map(|state| state.downcast_ref())
    }

    /// The same, shared.
    pub fn attachment_arc<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.attached().find_map(|state| state.clone().downcast().ok())
    }

    /// Who sends the request, if somebody has signed in.
    pub fn user(&self) -> Option<&Arc<Identity>> {
        self.user.get()
    }

    /// Says who sends the request; once, before the handler that wants to know is prepared.
    pub(crate) fn sign_in(&self, user: Arc<Identity>) {
        self.set_user(&user.name);
        let _ = self.user.set(user);
    }

    /// Adds to the response's head; once.
    pub(crate) fn add(&self, extras: Extras) {
        let _ = self.extras.set(Box::new(extras));
    }

    /// Whether state can be kept with the connection: every request on it is from the same client.
    pub(crate) fn has_connection_state(&self) -> bool {
        carried!(self, state()).is_some()
    }

    /// The state kept with the connection, made if there is none.
    pub(crate) fn connection_state<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Option<Arc<T>> {
        let state = carried!(self, state())?.get_or_init(|| Arc::new(make()));
        state.clone().downcast().ok()
    }

    /// The state kept with the connection, if there is any.
    pub(crate) fn known_connection_state<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        carried!(self, state())?.get()?.clone().downcast().ok()
    }

    /// Whether `upgrade` can succeed for this request.
    pub fn is_upgradable(&self) -> bool {
        self.upgradable
    }

    /// Copies request body bytes to `dst`, without blocking. The first call sends `100 Continue` if the
    /// client waits for it. After an upgrade: raw bytes. One reader at a time.
    pub fn read_body(&self, dst: &mut [u8]) -> Result<BodyRead, BodyError> {
        if !self.has_body && !self.upgraded.load(Ordering::Acquire) {
            return Ok(BodyRead::End);
        }
        let read = carried!(self, read_body(self.seq, dst));
        if let Ok(BodyRead::Data(count)) = read {
            self.account.received(count);
        }
        read
    }

    /// Calls `f` with the request's trailers: empty before [`BodyRead::End`].
    pub fn request_trailers<R>(&self, f: impl FnOnce(&HeaderBlock) -> R) -> R {
        carried!(self, request_trailers(self.seq, f))
    }

    /// The shard that the connection belongs to.
    pub(crate) fn shard(&self) -> &Arc<Shard> {
        carried!(self, shard())
    }

    /// Whether something can still be answered.
    pub(crate) fn is_open(&self) -> bool {
        carried!(self, is_open(self.seq))
    }

    /// The largest request body that its application takes.
    pub(crate) fn max_request_body(&self) -> Option<u64> {
        self.application.max_request_body()
    }

    /// Whether a body of this length may be left unread without its connection ending.
    pub(crate) fn swallows(&self, length: u64) -> bool {
        match &self.transport {
            Transport::Http1(conn) => conn.swallows(length),
            Transport::Http2(_) => true,
        }
    }

    /// Whom the request is for.
    pub(crate) fn application(&self) -> &Application {
        &self.application
    }

    pub(crate) fn handler(&self) -> &dyn Handler {
        self.application.handler()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        carried!(self, abandoned(self.seq, self.request_id));
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("request_id", &self.request_id)
            .field("tag", &self.tag())
            .finish_non_exhaustive()
    }
}
