//! Where connections come from: listening sockets, and others that have accepted them. One task each, which hands them
//! to the least loaded shard.

mod accept;
mod arrivals;
mod open;

pub(crate) use accept::{Acceptor, Spoken, start};
pub use arrivals::{Arrival, Arrivals};
pub(crate) use arrivals::{adopt, start as start_arrivals};
