//! What the host implements: one exchange, and the application as a whole.
//!
//! Only the shapes; nothing here knows how requests travel.

use std::os::fd::OwnedFd;

/// Takes one request trailer: name, value, well-known number (0 for none).
pub type TrailerVisitor<'a> = dyn FnMut(&[u8], &[u8], u8) + 'a;

/// What the host does for one exchange. Every method may be called on any thread, also while the dispatching
/// thread is inside managed code, and must return without blocking. A clone is another reference to the same exchange.
pub trait Exchange: Send + Sync + Clone + 'static {
    /// Copies request body bytes to `dst`. With an empty `dst`, `Data(0)` says that bytes wait. After
    /// [`BodyRead::WouldBlock`] the host calls [`Runtime::body_ready`](super::Runtime::body_ready) once.
    fn read_body(&self, dst: &mut [u8]) -> BodyRead;

    /// Shows each request trailer. Called after [`BodyRead::End`].
    fn request_trailers(&self, visit: &mut TrailerVisitor<'_>);

    /// Sends `block` whole, then as much of `extra` as the window takes. `head` is given on the first call only.
    /// When the answer has no room or takes less than `extra`, the host calls
    /// [`Runtime::writable`](super::Runtime::writable) once.
    fn write(&self, head: Option<&Head<'_>>, block: &[u8], extra: &[u8]) -> Write;

    /// Sends `count` bytes of `file` from `offset` after everything written so far.
    fn send_file(&self, head: Option<&Head<'_>>, file: OwnedFd, offset: u64, count: u64) -> SendFile;

    /// Ends the response with `last` and the trailers, as records. Answers `false` when the client is gone.
    fn finish(&self, head: Option<&Head<'_>>, last: &[u8], trailers: &[u8]) -> bool;

    /// Sends status 101, or 200 to an extended CONNECT, with the headers of `head`; afterwards body bytes are raw both
    /// ways.
    fn upgrade(&self, head: &Head<'_>) -> Upgrade;

    /// The application has begun the trace of this id and goes on elsewhere. The response's head tells it again.
    fn traced(&self, trace: [u8; 32]);

    /// Resets the connection. Ignored once the response is complete, and the second time.
    fn abort(&self);

    /// Resets the stream with `code`; `false` where there are no streams. When the response is complete, this only says
    /// that the rest of the request is not wanted.
    fn reset(&self, code: i64) -> bool;
}

/// What the host does for the whole application. Called on managed threads; must not block.
pub trait Host: Send + Sync + 'static {
    /// The application's server has started: from now on requests can be dispatched.
    fn server_started(&self);
    /// The application's server wants no further requests.
    ///
    /// With [`Closing::Later`] requests go on being dispatched, for clients that are sending one right now, until the host
    /// calls [`Runtime::close`](super::Runtime::close), which it must.
    fn server_stopping(&self) -> Closing;
    /// Text for the operator.
    fn report(&self, kind: Report, text: &str);
}

/// When the application gets no further requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// From now on.
    Now,
    /// Once the host has emptied its connections.
    Later,
}

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// An unhandled exception before the server started.
    StartFailure,
    /// An unhandled exception after the server had started.
    UnhandledException,
    /// Something an operator should know.
    Warning,
    /// The app cannot be hosted in-process: no server, or another one.
    NotHostable,
    /// A fault on the native side of the table: a bug in the host.
    HostFault,
}

/// The head of a response, as managed code laid it down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head<'a> {
    /// The status code, 100 to 999.
    pub status: u16,
    /// The reason phrase in Latin-1; empty for the standard one.
    pub reason: &'a [u8],
    /// Header records in the form the specification gives ("The head area holds"); not validated here.
    pub headers: &'a [u8],
    /// The length of the body, if the application set one.
    pub content_length: Option<u64>,
    /// Whether the connection is to be closed after the response.
    pub close: bool,
    /// Whether the body is to be sent as it is, and not compressed.
    pub as_is: bool,
    /// The id of the trace that the application has begun, as 32 hexadecimal digits; not validated here.
    pub trace: Option<[u8; 32]>,
}

/// Answer to [`Exchange::read_body`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyRead {
    /// This many bytes were copied; 0 only for an empty destination while bytes wait.
    Data(usize),
    /// The body has ended.
    End,
    /// Nothing now.
    WouldBlock,
    /// The client is gone or the exchange was aborted.
    Gone,
    /// The client broke the framing of the body.
    Malformed,
    /// The body is larger than the host's limit.
    TooLarge,
    /// The client was too slow.
    TimedOut,
}

/// Answer to [`Exchange::write`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// The block was taken whole.
    Taken {
        /// Bytes of `extra` taken.
        extra: usize,
        /// Whether more would be taken now.
        room: bool,
    },
    /// Nothing will be sent any more.
    Gone,
}

/// Answer to [`Exchange::send_file`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendFile {
    /// All handed to the kernel.
    Done,
    /// On its way; [`Runtime::writable`](super::Runtime::writable) follows.
    Pending,
    /// Nothing will be sent any more.
    Gone,
}

/// Answer to [`Exchange::upgrade`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upgrade {
    /// Status 101 is on its way.
    Done,
    /// This request cannot be upgraded, or not any more.
    NotAllowed,
    /// The client is gone.
    Gone,
}
