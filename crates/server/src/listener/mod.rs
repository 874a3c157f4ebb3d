//! Where connections come from: listening sockets, and others that have accepted them. One task each, which hands them
//! to the least loaded shard.

mod accept;
mod addresses;
mod arrivals;
mod open;

pub(crate) use accept::{Acceptor, Spoken, start};
pub(crate) use addresses::{Addresses, Place};
pub use arrivals::{Arrival, Arrivals};
pub(crate) use arrivals::{adopt, start as start_arrivals};
