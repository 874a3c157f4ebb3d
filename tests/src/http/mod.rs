//! A small, strict HTTP/1.1 client over a blocking socket. It reports what a lenient client would forgive: a body that ends early,
//! a chunk without its line end, two framings at once.

mod body;
mod client;
mod message;
mod raw;

pub use body::{Body, Step};
pub use client::Client;
pub use message::{Request, Response, field_lines};
pub use raw::{Closed, RawAnswer, is_cut, raw};
