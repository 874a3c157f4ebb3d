//! HPACK (RFC 7541): header fields in the compressed form of HTTP/2.
//!
//! What the client sends is bounded three times over: by the size of a block, by the size and number of the fields
//! that are kept of it, and by the table of [`TABLE_SIZE`] bytes that both sides may remember.

mod decoder;
mod encoder;
mod fields;
mod huffman;
mod huffman_codes;
mod integer;
mod static_table;

pub(crate) use decoder::Decoder;
pub(super) use encoder::{Encoder, Remember};
pub(crate) use fields::Fields;
pub(super) use fields::{Field, Over};

/// The largest dynamic table in either direction: the protocol's initial value, which is never raised.
pub(super) const TABLE_SIZE: usize = 4096;

/// What an entry of a table counts beside its bytes.
const OVERHEAD: usize = 32;

/// A block that cannot be decoded: the two sides no longer agree, and the connection has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);
