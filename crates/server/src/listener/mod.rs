//! Listening sockets: one task each, which accepts and hands connections to the least loaded shard.

mod accept;

pub(crate) use accept::{Acceptor, start};
