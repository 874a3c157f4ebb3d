//! What an exchange can refuse, and whose fault it was.

/// The client is gone, the exchange was aborted, or its response is already complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client is gone or the exchange is over")]
pub struct Gone;

/// Why the request body could not be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The connection is closed or the exchange over.
    #[error("the client closed the connection before the request body was complete")]
    Gone,
    /// The client's framing is wrong (chunk sizes, trailers); the client's fault.
    #[error("the request body's framing is malformed")]
    Malformed,
    /// The body is larger than `Limits::max_request_body`.
    #[error("the request body is larger than the configured limit")]
    TooLarge,
    /// The client sent nothing for `Limits::body_timeout` while the body was being waited for.
    #[error("the client was too slow to send the request body")]
    TimedOut,
}

/// Why a connection could not be switched to raw bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    /// The request is not HTTP/1.1 or has a body.
    #[error("only an HTTP/1.1 request without a body can be upgraded")]
    NotUpgradable,
    /// Response bytes have already been written.
    #[error("the response has already started")]
    Started,
    /// The head holds a header that cannot be sent.
    #[error("the response head holds a name or value that cannot be sent")]
    BadHead,
    /// The client is gone.
    #[error("the client is gone")]
    Gone,
}
