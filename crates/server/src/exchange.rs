//! One request and its response, as the handler sees it. Callable from any thread, also after the
//! connection has moved on or is gone: then every call says so and does nothing.

use std::any::Any;
use std::fmt;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use mews_model::authentication::Identity;

use crate::access::Account;
use crate::application::Application;
use crate::clock;
use crate::compression;
use crate::error::{BodyError, Gone, UpgradeError};
use crate::handler::{ConnectionInfo, Handler};
use crate::headers::{HeaderBlock, HeaderBlockRef, known};
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

impl ResponseHead<'static> {
    /// A bare 200.
    pub(crate) const OK: Self =
        Self { status: 200, reason: b"", headers: HeaderBlockRef::EMPTY, content_length: None, close: false };
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

/// What the host adds to the response's head, whoever makes it.
#[derive(Debug, Default)]
pub(crate) struct Extras {
    /// `WWW-Authenticate` of a 401.
    pub(crate) challenges: Vec<String>,
    /// `WWW-Authenticate` of any other answer: what proves the host to the client.
    pub(crate) proof: Option<String>,
    /// `Persistent-Auth`.
    pub(crate) persistent: Option<bool>,
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
        match self.compressed() {
            None => self.pass_on(head, first, extra),
            Some(response) => response.write(self, head, first, extra),
        }
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
        match self.compressed() {
            None => self.pass_file_on(head, file, offset, count),
            Some(response) => response.send_file(self, head, file, offset, count),
        }
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
        match self.compressed() {
            None => self.pass_end_on(head, last, trailers),
            Some(response) => response.finish(self, head, last, trailers),
        }
    }

    /// Answers 101 with `head` and turns the connection into raw bytes both ways; an extended CONNECT of HTTP/2 is answered
    /// with 200, and its stream carries them. `finish` ends it.
    pub fn upgrade(&self, head: &ResponseHead<'_>) -> Result<(), UpgradeError> {
        if !self.upgradable {
            return Err(UpgradeError::NotUpgradable);
        }
        self.leave_uncompressed();
        self.dressed(Some(head), |head| {
            carried!(self, upgrade(self.seq, head.unwrap_or(&ResponseHead::OK)))
        })?;
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

    /// Has the response go through this; once, before it begins.
    pub(crate) fn compress(&self, response: compression::Response) {
        let _ = self.compressed.set(Box::new(response));
    }

    pub(crate) fn compressed(&self) -> Option<&compression::Response> {
        self.compressed.get().map(|response| &**response)
    }

    /// Has the response sent as it is, whatever its client accepts; without effect once it has begun.
    pub fn leave_uncompressed(&self) {
        if let Some(response) = self.compressed() {
            response.leave();
        }
    }

    /// [`Exchange::write`], of bytes that are as the client gets them.
    pub(crate) fn pass_on(
        &self,
        head: Option<&ResponseHead<'_>>,
        first: &[u8],
        extra: &[u8],
    ) -> Result<Written, Gone> {
        self.dressed(head, |head| carried!(self, write(self.seq, head, first, extra)))
    }

    /// [`Exchange::send_file`], the same.
    pub(crate) fn pass_file_on(
        &self,
        head: Option<&ResponseHead<'_>>,
        file: OwnedFd,
        offset: u64,
        count: u64,
    ) -> Result<bool, Gone> {
        self.dressed(head, |head| carried!(self, send_file(self.seq, head, file, offset, count)))
    }

    /// [`Exchange::finish`], the same.
    pub(crate) fn pass_end_on(
        &self,
        head: Option<&ResponseHead<'_>>,
        last: &[u8],
        trailers: HeaderBlockRef<'_>,
    ) -> Result<(), Gone> {
        self.dressed(head, |head| carried!(self, finish(self.seq, head, last, trailers)))
    }

    /// Calls `send` with the head, to which everything is added that the host has to say itself.
    fn dressed<R>(
        &self,
        head: Option<&ResponseHead<'_>>,
        send: impl FnOnce(Option<&ResponseHead<'_>>) -> R,
    ) -> R {
        match self.extras.get() {
            Some(extras) if !self.response_started() => {
                let head = head.unwrap_or(&ResponseHead::OK);
                let headers = extras.added(head);
                send(Some(&ResponseHead { headers: headers.as_ref(), ..*head }))
            }
            _ => send(head),
        }
    }

    /// Within [`Handler::run`]: the exchange will be gone on with by [`Exchange::defer`].
    pub(crate) fn set_deferred(&self) {
        self.deferred.store(true, Ordering::Release);
        self.entered.store(0, Ordering::Release);
    }

    /// Goes on with the exchange on a thread of the pool, where `work` may block. Until it calls [`Exchange::hand_on`],
    /// the client's leaving is not told to the handler unless the connection ends.
    pub(crate) fn defer(self: &Arc<Self>, work: impl FnOnce(&Arc<Self>) + Send + 'static) {
        self.set_deferred();
        let exchange = self.clone();
        carried!(self, threads()).run(move || {
            if catch_unwind(AssertUnwindSafe(|| work(&exchange))).is_err() {
                let request_id = exchange.request_id;
                tracing::error!(
                    request_id,
                    "the handler panicked; an unfinished response becomes 500 or a reset"
                );
            }
            exchange.entered.store(RETURNED, Ordering::Release);
            carried!(exchange, look_for_abort());
        });
    }

    /// Within the work of [`Exchange::defer`]: runs the handler that is to answer.
    pub(crate) fn hand_on(self: &Arc<Self>, run: impl FnOnce(&Arc<Self>)) {
        if carried!(self, is_open(self.seq)) {
            self.entered.store(clock::coarse_ms(), Ordering::Release);
            run(self);
        }
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
        if !self.deferred.load(Ordering::Acquire) {
            self.entered.store(RETURNED, Ordering::Release);
        }
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

impl Extras {
    /// The head's fields with those that are added.
    fn added(&self, head: &ResponseHead<'_>) -> HeaderBlock {
        let mut headers = HeaderBlock::copy(head.headers);
        let own =
            head.headers.iter().flatten().any(|field| field.name.eq_ignore_ascii_case(b"WWW-Authenticate"));
        if head.status == 401 {
            // An app that has a challenge of its own gets the host's beside it, as with IIS.
            for challenge in &self.challenges {
                headers.push_known(known::WWW_AUTHENTICATE, challenge.as_bytes());
            }
        } else if let Some(proof) = self.proof.as_ref().filter(|_| !own) {
            headers.push_known(known::WWW_AUTHENTICATE, proof.as_bytes());
        }
        if let Some(persistent) = self.persistent {
            headers.push(b"Persistent-Auth", if persistent { b"true" } else { b"false" });
        }
        headers
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
