//! Entries for fuzzers: bytes go in as a peer would send them, and a panic says that something does not hold.

pub use crate::forward::fuzzing::reply;
pub use crate::http1::fuzzing::request;
pub use crate::http2::fuzzing::header_blocks;
pub use crate::peek::fuzzing::beginning;
