//! One request and its response, as the handler sees it. Callable from any thread, also after the
//! connection has moved on or is gone: then every call says so and does nothing.

use std::any::Any;
use std::fmt;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::access::Account;
use crate::application::Application;
use crate::clock;
use crate::error::{BodyError, Gone, UpgradeError};
use crate::handler::{ConnectionInfo, Handler};
use crate::headers::{HeaderBlock, HeaderBlockRef};
use crate::http1::Conn;
use crate::http2::Connection;
use crate::reactor::Shard;

/// A response head. Borrowed: it is encoded before the call it is given to returns.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// Status code, 200 to 999 (101 only with `upgrade`).
    pub status: u16,
    /// Reason phrase; empty = the standard one.
    pub reason: &'a [u8],
    /// Fields. `Content-Length`, `Transfer-Encoding` and `Connection: close` in them are left out: framing
    /// is the server's.
    pub headers: HeaderBlockRef<'a>,
    /// The body's length, when known.
    pub content_length: Option<u64>,
    /// Close the connection afterwards.
    pub close: bool,
}

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

/// What a write took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Bytes of `extra` that were taken.
    pub extra_taken: usize,
    /// Whether the window has room left. If not, or if `extra` was not taken whole, `Handler::writable`
    /// follows once.
    pub room: bool,
}

/// What carries an exchange. Chosen by a branch, so that the common calls cost no indirection.
enum Transport {
    Http1(Arc<Conn>),
    Http2(Arc<Connection>),
}

/// Calls the same method of whatever carries the exchange.
macro_rules! carried {
    ($exchange:ident, $method:ident($($argument:expr),*)) => {
        match &$exchange.transport {
            Transport::Http1(conn) => conn.$method($($argument),*),
            Transport::Http2(conn) => conn.$method($($argument),*),
        }
    };
}

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
    attachment: OnceLock<Arc<dyn Any + Send + Sync>>,
    /// The response is complete, or the handler knows that the client is gone.
    over: AtomicBool,
    upgraded: AtomicBool,
    /// When the handler was entered, in coarse milliseconds; 0 = not yet, `RETURNED` = it has returned.
    entered: AtomicU64,
}

const RETURNED: u64 = u64::MAX;

/// A handler that has been running this long knows the exchange: it can be told of its abort.
const KNOWN_AFTER_MS: u64 = 20;

impl Exchange {
    pub(crate) fn new(
        conn: Arc<Conn>,
        application: Arc<Application>,
        account: Arc<Account>,
        seq: u64,
        request_id: u64,
        has_body: bool,
        upgradable: bool,
    ) -> Self {
        Self::over(Transport::Http1(conn), application, account, seq, request_id, has_body, upgradable)
    }

    /// One on a stream of its own. `extended_connect`: it can be upgraded.
    pub(crate) fn of_stream(
        conn: Arc<Connection>,
        application: Arc<Application>,
        account: Arc<Account>,
        seq: u64,
        request_id: u64,
        has_body: bool,
        extended_connect: bool,
    ) -> Self {
        Self::over(Transport::Http2(conn), application, account, seq, request_id, has_body, extended_connect)
    }

    fn over(
        transport: Transport,
        application: Arc<Application>,
        account: Arc<Account>,
        seq: u64,
        request_id: u64,
        has_body: bool,
        upgradable: bool,
    ) -> Self {
        Self {
            transport,
            application,
            account,
            seq,
            request_id,
            has_body,
            upgradable,
            tag: AtomicU64::new(0),
            attachment: OnceLock::new(),
            over: AtomicBool::new(false),
            upgraded: AtomicBool::new(false),
            entered: AtomicU64::new(0),
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

    /// The handler's own number, 0 at first.
    pub fn tag(&self) -> u64 {
        self.tag.load(Ordering::Acquire)
    }

    /// Sets the handler's own number.
    pub fn set_tag(&self, tag: u64) {
        self.tag.store(tag, Ordering::Release);
    }

    /// Keeps the handler's own state with the exchange, as long as anybody holds the exchange. Only the first is kept. It
    /// must not hold the exchange before [`Handler::run`] is called, which may not happen.
    pub fn attach(&self, state: Arc<dyn Any + Send + Sync>) {
        let _ = self.attachment.set(state);
    }

    /// What was attached, if it is a `T`.
    pub fn attachment<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.attachment.get().and_then(|state| state.downcast_ref())
    }

    /// The same, shared.
    pub fn attachment_arc<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.attachment.get().and_then(|state| state.clone().downcast().ok())
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

    /// Sends an interim response, 100 to 199 but 101. It is left out, without an error, when it would disturb: to
    /// HTTP/1.0 clients, after the response has started, 100 to a client that does not wait for it, and others while
    /// the client does not take what was sent before.
    pub fn interim(&self, status: u16, headers: HeaderBlockRef<'_>) -> Result<(), Gone> {
        carried!(self, interim(self.seq, status, headers))
    }

    /// Starts the response with `head` (ignored once it has started; `None` at the start = a bare 200),
    /// then writes. `first` is always taken whole, `extra` as far as the window has room. Both empty:
    /// everything held is pushed out.
    pub fn write(
        &self,
        head: Option<&ResponseHead<'_>>,
        first: &[u8],
        extra: &[u8],
    ) -> Result<Written, Gone> {
        carried!(self, write(self.seq, head, first, extra))
    }

    /// Sends `count` bytes of `file` from `offset`, behind everything written so far, without copying
    /// them through memory. `false`: `Handler::writable` follows when all has been handed to the kernel.
    pub fn send_file(
        &self,
        head: Option<&ResponseHead<'_>>,
        file: OwnedFd,
        offset: u64,
        count: u64,
    ) -> Result<bool, Gone> {
        carried!(self, send_file(self.seq, head, file, offset, count))
    }

    /// Completes the response with `last` and, where the framing allows it, `trailers`. Fewer bytes than
    /// the announced `Content-Length` reset the connection.
    pub fn finish(
        &self,
        head: Option<&ResponseHead<'_>>,
        last: &[u8],
        trailers: HeaderBlockRef<'_>,
    ) -> Result<(), Gone> {
        // Before the bytes leave: the client may close at once, and that is no abort.
        self.over.store(true, Ordering::Release);
        carried!(self, finish(self.seq, head, last, trailers))
    }

    /// Answers 101 with `head` and turns the connection into raw bytes both ways; an extended CONNECT of HTTP/2 is answered
    /// with 200, and its stream carries them. `finish` ends it.
    pub fn upgrade(&self, head: &ResponseHead<'_>) -> Result<(), UpgradeError> {
        if !self.upgradable {
            return Err(UpgradeError::NotUpgradable);
        }
        carried!(self, upgrade(self.seq, head))?;
        self.upgraded.store(true, Ordering::Release);
        Ok(())
    }

    /// After an upgrade: says that nothing more will be sent, behind everything written so far. Reading goes on;
    /// `finish` is still due.
    pub fn end_sending(&self) -> Result<(), Gone> {
        carried!(self, end_sending(self.seq))
    }

    /// Resets the connection or stream, unless the response is complete.
    pub fn abort(&self) {
        self.over.store(true, Ordering::Release);
        carried!(self, abort(self.seq));
    }

    /// Resets the stream with an error code; `false` where there are no streams. A response that is complete stays: then
    /// the client is only told that the rest of its request is not wanted.
    pub fn reset(&self, code: u32) -> bool {
        match &self.transport {
            Transport::Http1(_) => false,
            Transport::Http2(conn) => {
                self.over.store(true, Ordering::Release);
                conn.reset(self.seq, code);
                true
            }
        }
    }

    /// Whether the response has started, is complete or can no longer be sent.
    pub fn response_started(&self) -> bool {
        carried!(self, response_started(self.seq))
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

    pub(crate) fn handler(&self) -> &dyn Handler {
        self.application.handler()
    }

    /// Calls the handler, unless nothing can be answered any more.
    pub(crate) fn run(self: &Arc<Self>) {
        if carried!(self, is_open(self.seq)) {
            self.entered.store(clock::coarse_ms(), Ordering::Release);
            if catch_unwind(AssertUnwindSafe(|| self.handler().run(self))).is_err() {
                tracing::error!(
                    request_id = self.request_id,
                    "the handler panicked; an unfinished response becomes 500 or a reset"
                );
            }
        }
        self.entered.store(RETURNED, Ordering::Release);
    }

    /// Tells the handler that the client is gone, unless it knows or the response is complete. `false`:
    /// it is too early, because a handler that is only just being entered could miss it.
    pub(crate) fn notify_aborted(&self, now: u64) -> bool {
        let early = match self.entered.load(Ordering::Acquire) {
            RETURNED => false,
            0 => true,
            entered => now.saturating_sub(entered) < KNOWN_AFTER_MS,
        };
        if early {
            return self.over.load(Ordering::Acquire);
        }
        self.notify_closed();
        true
    }

    /// The same when there is no later.
    pub(crate) fn notify_closed(&self) {
        if !self.over.swap(true, Ordering::AcqRel) {
            self.handler().aborted(self);
        }
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
