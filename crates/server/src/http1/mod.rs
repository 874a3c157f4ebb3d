//! HTTP/1.1 and 1.0: finding and checking heads, body framing, and the state machine of a connection.

mod body;
mod buffer;
mod chunked;
mod conn;
mod connection;
mod ending;
mod framing;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod head;
mod host;
mod rejection;
mod request;
mod scan;

pub(crate) use buffer::Buffer;
pub(crate) use chunked::{Decoder, Malformed, Status, is_forbidden as is_forbidden_trailer};
pub(crate) use conn::Conn;
pub(crate) use connection::{connection, refuse, serve};
pub(crate) use framing::length as content_length;
pub(crate) use head::{Head, check_target, parse};
pub(crate) use host::is_valid as is_valid_host;
pub(crate) use rejection::Rejection;
pub(crate) use scan::{Scan, Scanned};
